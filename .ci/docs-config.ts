// Writes the tables of docs/configuration.md anew from the schema: npm run docs:config.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { withTables } from '../src/config/key-tables'
import { outline } from '../src/config/outline'
import { configSchema } from '../src/config/schema'
import { venues } from '../src/venues/registry'
import { strategies } from '../strategies'

const file = resolve(__dirname, '../docs/configuration.md')
writeFileSync(file, withTables(readFileSync(file, 'utf8'), outline(configSchema({ strategies, venues }))))
