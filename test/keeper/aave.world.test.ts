import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { worstErrorPct } from '../../src/lab/ended-positions'
import type { Prices } from '../../src/lab/prices/rounds'
import { createReferees, type Referees } from '../../src/lab/referees'
import { createStage, type Stage } from '../../src/lab/stage'
import { badDebtUsd } from '../../src/lab/world/accounting'
import { aaveWorld } from '../../src/lab/world/demo-world'
import { type LabBlock, readHead, worldRounds } from '../../src/lab/world/play'
import type { WorldSpec } from '../../src/lab/world/spec'
import { roundTimestamp, roundTransactions } from '../../src/lab/world/transactions'
import { createQuiet } from '../fakes/quiet'

/** Both versions on one chain, from just before the worst hours. */
const spec: WorldSpec = {
  ...aaveWorld(0),
  openAtBar: 270,
  aave: [...(aaveWorld(24, 'v3.6').aave ?? []), ...(aaveWorld(12, 'v3.0').aave ?? [])],
}

describe('the keeper on two Aave pools', () => {
  let stage: Stage
  let referees: Referees
  let head: LabBlock
  let prices: Prices = {}

  beforeAll(async () => {
    const quiet = createQuiet()
    stage = await createStage({
      spec,
      seed: 4,
      log: quiet.log,
      meter: quiet.meter,
      nowMs: () => performance.now(),
      config: { slotSec: 12 },
    })
    referees = createReferees(stage.world)
    const { world } = stage
    head = await readHead(world)
    for (const round of worldRounds(world, 300)) {
      await stage.playBlock({ timestampSec: roundTimestamp(world, round), endOfBlock: roundTransactions(world, round, head) })
      head = await readHead(world)
      prices = round.prices
      await referees.judge(head, prices)
    }
    await stage.playBlock({})
    head = await readHead(world)
    await referees.finish(head)
  }, 120_000)

  afterAll(() => stage?.close())

  test('behavior: every step that the referee calls profitable is taken in its first block, in both pools', () => {
    const eligible = referees.verdicts().filter(verdict => verdict.firstEligibleBlock !== null)
    for (const { pool } of stage.world.aave) expect(eligible.filter(({ market }) => market === pool).length).toBeGreaterThan(2)
    for (const { account, firstEligibleBlock, idleBlock } of eligible) {
      const end = stage.ended.ends().find(each => each.ref.account === account)
      expect([account, idleBlock, (end?.included[0]?.block ?? 10n ** 9n) <= firstEligibleBlock!]).toEqual([account, null, true])
    }
  })

  test('behavior: it earns what was predicted, and leaves no more bad debt than anybody had to', async () => {
    expect(worstErrorPct(stage.ended.ends())).toBeLessThan(0.1)
    const { totalUsdWad } = await badDebtUsd(stage.world, head.number, prices)
    expect(totalUsdWad).toBeLessThanOrEqual(await referees.minimumBadDebtUsd(head.number, prices))
  })
})
