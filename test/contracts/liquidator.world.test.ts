import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Hex } from '../../src/core/primitives'
import { encodeRun } from '../../src/executor/encode'
import { decodeRevert, decodeRunLogs } from '../../src/executor/run-result'
import { createLiquidationWorld, type LiquidationWorld, liquidationLeg, orderOf, WETH_ABI } from '../fixtures/liquidation-world'

let world: LiquidationWorld
let start: Hex

beforeAll(async () => {
  world = await createLiquidationWorld()
}, 60_000)
afterAll(() => world?.kit.stop())
beforeEach(async () => {
  start = await world.kit.snapshot()
})
afterEach(() => world.kit.revert(start))

describe('Liquidator', () => {
  test('default', async () => {
    const { kit, liquidator, operator, weth, owner } = world
    const data = encodeRun(orderOf(world), [liquidationLeg(world, world.borrowers[0]!)])
    const tried = await kit.call(liquidator, data, operator)
    expect([tried.ok, tried.ok ? '' : decodeRevert(tried.data)]).toEqual([true, ''])
    const receipt = await kit.send(liquidator, data, { from: operator })
    expect(receipt.status).toBe('success')
    const result = decodeRunLogs(receipt.logs, liquidator)
    expect(await kit.read(weth, WETH_ABI, 'balanceOf', [owner])).toBe(result?.profitWei)
  })
})
