// What is documented and what is so agree: outcomes and reasons, configuration keys, environment variables, commands, scripts.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { VARIABLES } from '../../src/config/environment'
import { undescribedKeys, withTables } from '../../src/config/key-tables'
import { outline } from '../../src/config/outline'
import { configSchema } from '../../src/config/schema'
import { venues } from '../../src/venues/registry'
import { strategies } from '../../strategies'
import { filesUnder, ROOT, read } from './tree'

/** The members of a union of texts, on one line or many; comments between them are passed over. */
const membersOf = (path: string, type: string): readonly string[] => {
  const rest = read(path).split(`export type ${type} =`)[1] ?? ''
  const body = rest.split(/\n(?:\n|export|\/\*\*)/)[0] ?? ''
  return [...body.matchAll(/'([a-z-]+)'/g)].map(match => match[1] ?? '')
}

describe('documents', () => {
  it.each([
    ['src/core/verdict.ts', 'SkipReason'],
    ['src/core/verdict.ts', 'OutcomeKind'],
    ['src/core/errors.ts', 'KeeperErrorCode'],
  ])('behavior: docs/outcomes.md explains every member of %s %s', (path, type) => {
    const members = membersOf(path, type)
    expect(members.length).toBeGreaterThanOrEqual(6)
    const page = read('docs/outcomes.md')
    expect(members.filter(member => !page.includes(`\`${member}\``))).toEqual([])
  })

  it('behavior: docs/configuration.md is what the schema says (npm run docs:config)', () => {
    const page = read('docs/configuration.md')
    expect(page).toBe(withTables(page, outline(configSchema({ strategies, venues }))))
    expect(page).toContain('`chains[].strategies.morpho-blue.address`')
  })

  it('behavior: every configuration key is described', () => {
    expect(undescribedKeys(outline(configSchema({ strategies, venues })))).toEqual([])
  })

  it('behavior: .env.example names exactly the variables that are read', () => {
    const named = [...read('.env.example').matchAll(/^(?:# ?)?(BULWARK_\w+)=/gm)].map(match =>
      (match[1] ?? '').replace(/_RPC_\d+$/, '_RPC_<id>'),
    )
    expect([...named].sort()).toEqual(VARIABLES.map(variable => variable.name).sort())
  })

  it('behavior: .env.example holds no value that could be taken for a secret', () => {
    expect(read('.env.example')).not.toMatch(/^BULWARK_\w+=./m)
  })

  it('behavior: links between documents lead somewhere', () => {
    const pages = [...filesUnder('docs', 'strategies').filter(path => path.endsWith('.md')), 'README.md']
    const broken = pages.flatMap(page =>
      [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)]
        .map(match => match[1] ?? '')
        .filter(target => !existsSync(join(ROOT, dirname(page), target)))
        .map(target => `${page} -> ${target}`),
    )
    expect(broken).toEqual([])
  })

  it('behavior: the README has the two commands that package.json and CI have', () => {
    const readme = read('README.md')
    expect(readme).toContain('npm ci && npm run demo')
    expect(readme).toContain('npm ci && npm test')
    expect(read('.ci/run')).toMatch(/npm ci\nnpm test\n$/)
  })
})
