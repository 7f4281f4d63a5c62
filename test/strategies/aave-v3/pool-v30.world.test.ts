// Our maths against the official v3.0 pool, in random states written over its storage: health, sizes and seizures to the last unit.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type Anvil, startAnvil } from '../../../src/lab/anvil'
import { createLabRpc, type LabRpc } from '../../../src/lab/rpc'
import { v30Artifacts } from '../../../src/lab/world/aave/artifact'
import { createRandom } from '../../../src/lab/world/random'
import { addEModesV30, compareStates, E_MODES, RESERVES, stockPool } from '../../fixtures/aave-comparison'
import { createDeployer, type Deployer } from '../../fixtures/aave-deployer'
import { compareEvents } from '../../fixtures/aave-events'
import type { AavePool } from '../../fixtures/aave-pool-v30'
import { deployPoolV30 } from '../../fixtures/aave-pool-v30'
import { createPoolProbe, type PoolProbe } from '../../fixtures/aave-states'

/** A slice; AAVE_STATES=1500 makes it a campaign. */
const STATES = Number(process.env.AAVE_STATES ?? 60)

describe('Aave v3.0 pool', () => {
  let anvil: Anvil
  let rpc: LabRpc
  let world: AavePool
  let probe: PoolProbe
  let deployer: Deployer
  let others: readonly `0x${string}`[]

  beforeAll(async () => {
    anvil = await startAnvil({ args: ['--prune-history', '--disable-code-size-limit'] })
    rpc = createLabRpc(anvil.httpUrl)
    const [owner, liquidator, ...rest] = await rpc.request<readonly `0x${string}`[]>('eth_accounts')
    others = rest.slice(0, 2)
    deployer = createDeployer(rpc, owner!, v30Artifacts)
    world = await deployPoolV30(deployer, RESERVES)
    await stockPool(deployer, world, liquidator!)
    await addEModesV30(deployer, world, E_MODES)
    probe = await createPoolProbe(rpc, world, liquidator!)
  }, 120_000)

  afterAll(async () => {
    rpc?.close()
    await anvil?.stop()
  })

  it('default', async () => {
    const tally = await compareStates(probe, world, 'v3.0', E_MODES, createRandom(20221109, 'aave-v3.0'), STATES)
    // Both ways, and not by chance.
    expect(tally.done).toBeGreaterThan(STATES)
    expect(tally.refused).toBeGreaterThan(STATES / 10)
  })

  it('behavior: balances folded from events are those of the tokens', async () => {
    await compareEvents(rpc, deployer, world, 'v3.0', others, createRandom(7, 'events'), 40)
  })
})
