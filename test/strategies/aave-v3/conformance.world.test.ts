// Aave v3 keeps the contract that every strategy keeps: on histories of real pools, v3.0 and v3.6.
import { resolve } from 'node:path'
import { afterAll } from '@jest/globals'
import { numberOf } from '../../../src/core/abi-words'
import type { ReadResult } from '../../../src/core/folder'
import type { Address } from '../../../src/core/primitives'
import { v30Artifacts } from '../../../src/lab/world/aave/artifact'
import { v36Artifacts } from '../../../src/lab/world/aave/compile-v36'
import { encodeAssetPrice } from '../../../strategies/aave-v3/abi'
import { aaveV3, configSchema } from '../../../strategies/aave-v3/strategy'
import { addEModesV30, addEModesV36, E_MODES, RESERVES } from '../../fixtures/aave-comparison'
import { deployPoolV30 } from '../../fixtures/aave-pool-v30'
import { deployPoolV36 } from '../../fixtures/aave-pool-v36'
import { conformance } from '../conformance'
import { EVERYTHING } from '../conformance-world'
import { type PoolPlan, type RecordedWorld, recordWorld } from './recorded-world'

const WAD = 10n ** 18n

/** Without a price of their own: one that two tokens share can't follow one of them. */
const MODES = E_MODES.map(mode => ({ ...mode, price: 0n }))

const V30: PoolPlan = {
  artifacts: v30Artifacts,
  args: [],
  deploy: deployer => deployPoolV30(deployer, RESERVES),
  prepare: (deployer, pool) => addEModesV30(deployer, pool, MODES),
  configurator: 'PoolConfigurator',
  acts: 70,
}

const V36: PoolPlan = {
  artifacts: v36Artifacts(resolve(__dirname, '../../../.cache')),
  args: ['--disable-code-size-limit'],
  deploy: deployer => deployPoolV36(deployer, RESERVES),
  prepare: (deployer, pool) => addEModesV36(deployer, pool, MODES),
  configurator: 'PoolConfiguratorInstance',
  acts: 70,
}

const holdTo = (version: string, plan: PoolPlan, seed: number): void => {
  let world: RecordedWorld | null = null
  afterAll(async () => {
    await world?.stop()
  })
  const settings = (): object => ({ address: world!.pool.pool })
  conformance(`aave-v3 (${version})`, {
    seeds: [seed],
    world: async each => {
      world = await recordWorld(plan, each)
      return world
    },
    createBook: scope => aaveV3.createBook(configSchema.parse(settings()), scope),
    createOtherBook: () => aaveV3.createBook(configSchema.parse({ address: `0x${'9'.repeat(40)}` }), EVERYTHING),
    resultsAfter: (calls, results, factorWad) => {
      const assets = new Map((world?.pool.reserves ?? []).map(({ asset }): [string, Address] => [encodeAssetPrice(asset), asset]))
      return calls.map(({ data }, at): ReadResult => {
        const [asset, price] = [assets.get(data), numberOf(results[at])]
        const factor = asset === undefined ? undefined : factorWad.get(asset)
        if (factor === undefined || price === null) return results[at]!
        const moved = (price * factor + WAD - 1n) / WAD
        return { kind: 'ok', data: `0x${moved.toString(16).padStart(64, '0')}` }
      })
    },
  })
}

holdTo('v3.0', V30, 4)
holdTo('v3.6', V36, 2)
