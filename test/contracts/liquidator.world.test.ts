// The Liquidator on real Morpho Blue and a real Uniswap v3 pool: what an honest run does, alone and beside legs that fail.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { keccak256 } from 'viem'
import type { Address, Hex } from '../../src/core/primitives'
import type { Leg, Payee, Step } from '../../src/core/program'
import {
  CREATE2_DEPLOYER,
  deploymentCall,
  LIQUIDATOR_RUNTIME_HASH,
  liquidatorAddress,
  TRANSIENT_PROBE,
} from '../../src/executor/deployment'
import { encodeRun } from '../../src/executor/encode'
import { Liquidator } from '../../src/executor/liquidator-artifact'
import type { RunOrder } from '../../src/executor/run-codec'
import { decodeRevert, decodeRunLogs, type RunResult } from '../../src/executor/run-result'
import { startAnvil } from '../../src/lab/anvil'
import { createLabRpc } from '../../src/lab/rpc'
import { morphoAbi } from '../../src/lab/world/abis'
import { LabToken } from '../../src/lab/world/lab-artifacts'
import { calldata, type SentReceipt } from '../fixtures/chain-kit'
import {
  createLiquidationWorld,
  ETHER,
  type LiquidationWorld,
  liquidationLeg,
  marketIdOf,
  orderOf,
  USD,
  WETH_ABI,
} from '../fixtures/liquidation-world'
import { HostilePayee } from './mock-artifacts'

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

const wethOf = (account: Address): Promise<bigint> => world.kit.read(world.weth, WETH_ABI, 'balanceOf', [account])
const usdcOf = (account: Address): Promise<bigint> => world.kit.read(world.usdc, WETH_ABI, 'balanceOf', [account])
const nativeOf = async (account: Address): Promise<bigint> =>
  BigInt(await world.kit.rpc.request<Hex>('eth_getBalance', account, 'latest'))
const borrower = (n: number): Address => world.borrowers[n] as Address

const send = (changes: Partial<RunOrder>, legs: readonly Leg[]): Promise<SentReceipt> =>
  world.kit.send(world.liquidator, encodeRun(orderOf(world, changes), legs), { from: world.operator })

/** Why the same run would revert; null if it would not. */
const refusal = async (changes: Partial<RunOrder>, legs: readonly Leg[], from = world.operator): Promise<string | null> => {
  const tried = await world.kit.call(world.liquidator, encodeRun(orderOf(world, changes), legs), from)
  return tried.ok ? null : decodeRevert(tried.data)
}

const runs = async (changes: Partial<RunOrder>, legs: readonly Leg[]): Promise<RunResult> => {
  const receipt = await send(changes, legs)
  const result = decodeRunLogs(receipt.logs, world.liquidator)
  if (receipt.status !== 'success' || result === null) throw new Error(`reverted: ${await refusal(changes, legs)}`)
  return result
}

const collateralOf = async (account: Address): Promise<bigint> => {
  const { data } = await world.kit.call(world.morpho, calldata(morphoAbi, 'position', [marketIdOf(world.params), account]))
  return BigInt(`0x${data.slice(2 + 128, 2 + 192)}`)
}

/** Seizes more than there is: Morpho refuses. */
const deadLeg = (n: number): Leg => liquidationLeg(world, borrower(n), 11n * ETHER)

describe('run', () => {
  test('default', async () => {
    const result = await runs({}, [liquidationLeg(world, borrower(0))])
    expect(await collateralOf(borrower(0))).toBe(5n * ETHER)
    expect(result.legs).toEqual([{ index: 0, ok: true, gainedWei: result.profitWei, failure: null }])
    expect(result.profitWei).toBeGreaterThan(ETHER / 10n)
    expect(await wethOf(world.owner)).toBe(result.profitWei)
    // Nothing stays, and nothing may be taken.
    expect([await wethOf(world.liquidator), await usdcOf(world.liquidator), await nativeOf(world.liquidator)]).toEqual([
      0n,
      0n,
      0n,
    ])
    expect(await world.kit.read(world.usdc, WETH_ABI, 'allowance', [world.liquidator, world.morpho])).toBe(0n)
  })

  test('behavior: a dead leg fails alone, whatever its place, and says why', async () => {
    const alone = (await runs({}, [liquidationLeg(world, borrower(0))])).profitWei
    await world.kit.revert(start)
    start = await world.kit.snapshot()
    for (const place of [0, 1, 2]) {
      const id = await world.kit.snapshot()
      const legs = [liquidationLeg(world, borrower(0)), liquidationLeg(world, borrower(1))]
      legs.splice(place, 0, deadLeg(2))
      const result = await runs({}, legs)
      expect(result.legs.map(leg => leg.ok)).toEqual([0, 1, 2].map(n => n !== place))
      expect(result.legs[place]).toMatchObject({ gainedWei: 0n, failure: expect.stringContaining('panic: arithmetic overflow') })
      // The second swap finds a pool that the first has moved.
      expect(result.legs.find(leg => leg.ok)?.gainedWei).toBe(alone)
      expect(await wethOf(world.owner)).toBe(result.profitWei)
      await world.kit.revert(id)
    }
  })

  test('behavior: what a failing leg did inside is undone, and the legs after it start clean', async () => {
    // The first leg closes its position but misses its floor; its allowances, token table and baselines must be gone.
    const tooProud = liquidationLeg(world, borrower(0), 5n * ETHER, 10n * ETHER)
    const result = await runs({}, [tooProud, liquidationLeg(world, borrower(0), 3n * ETHER)])
    expect(result.legs[0]?.failure).toMatch(/^LegFloor\(gainedWei \d+, floorWei 10000000000000000000\)$/)
    expect(result.legs[1]?.ok).toBe(true)
    expect(await collateralOf(borrower(0))).toBe(7n * ETHER)
  })

  test('behavior: a leg that burns its gas limit leaves the rest to the others', async () => {
    const { kit } = world
    const burner = await kit.deploy(HostilePayee, [2])
    const burn: Leg = {
      steps: [{ kind: 'call', to: burner, data: '0x', fills: [], callback: null }],
      tokens: [],
      floorWei: 0n,
      gasLimit: 200_000n,
    }
    const receipt = await send({}, [burn, liquidationLeg(world, borrower(0))])
    expect(receipt.status).toBe('success')
    expect(decodeRunLogs(receipt.logs, world.liquidator)?.legs.map(leg => leg.ok)).toEqual([false, true])
    expect(receipt.gasUsed).toBeLessThan(600_000n)
  })

  test('behavior: a donation beforehand is neither spent, nor swept, nor in the way', async () => {
    const { kit } = world
    const plain = (await runs({}, [liquidationLeg(world, borrower(0))])).profitWei
    await kit.revert(start)
    start = await kit.snapshot()
    await kit.act(world.weth, calldata(WETH_ABI, 'deposit'), { value: 1n })
    await kit.act(world.weth, calldata(WETH_ABI, 'transfer', [world.liquidator, 1n]))
    await kit.act(world.usdc, calldata(LabToken.abi, 'mint', [world.liquidator, 7n]))
    const result = await runs({}, [liquidationLeg(world, borrower(0)), liquidationLeg(world, borrower(1))])
    expect(result.legs[0]?.gainedWei).toBe(plain)
    expect(await wethOf(world.liquidator)).toBe(1n)
    expect(await usdcOf(world.liquidator)).toBe(7n)
    expect(await wethOf(world.owner)).toBe(result.profitWei)
  })

  test('behavior: what a leg has left of its tokens goes to the recipient', async () => {
    const { kit, usdc, liquidator, owner } = world
    await kit.act(usdc, calldata(LabToken.abi, 'mint', [liquidator, 5n * USD]))
    const leg = liquidationLeg(world, borrower(0))
    const bonus: Step = {
      kind: 'call',
      to: usdc,
      data: calldata(LabToken.abi, 'mint', [liquidator, 3n * USD]),
      fills: [],
      callback: null,
    }
    await runs({}, [{ ...leg, steps: [...leg.steps, bonus] }])
    expect([await usdcOf(owner), await usdcOf(liquidator)]).toEqual([3n * USD, 5n * USD])
  })

  test('error: nothing closed, no legs, not an operator', async () => {
    expect(await refusal({}, [deadLeg(0), deadLeg(1)])).toBe('NothingClosed: panic: arithmetic overflow')
    expect(await refusal({}, [deadLeg(0)])).toBe('panic: arithmetic overflow')
    expect(await refusal({}, [])).toBe('NothingClosed: reverted without data')
    expect(await refusal({}, [liquidationLeg(world, borrower(0))], world.owner)).toBe(`NotOperator(caller ${world.owner})`)
    const direct = await world.kit.call(world.liquidator, calldata(Liquidator.abi, 'closeLeg'), world.operator)
    expect(decodeRevert(direct.data)).toBe(`NotOperator(caller ${world.operator})`)
  })

  test('error: too late by block or by time; block 0 is not checked', async () => {
    const legs = [liquidationLeg(world, borrower(0))]
    const head = await world.kit.rpc.request<{ number: Hex; timestamp: Hex }>('eth_getBlockByNumber', 'latest', false)
    const [number, time] = [BigInt(head.number), BigInt(head.timestamp)]
    expect(await refusal({ lastBlock: number - 1n }, legs)).toMatch(/^Expired\(/)
    expect(await refusal({ deadlineSec: time - 100n }, legs)).toMatch(/^Expired\(/)
    expect(await refusal({ lastBlock: 0n }, legs)).toBeNull()
    expect(await refusal({ lastBlock: number + 1n }, legs)).toBeNull()
  })

  test('error: floors, to the wei; never zero', async () => {
    const legs = [liquidationLeg(world, borrower(0))]
    const { profitWei } = await runs({}, legs)
    await world.kit.revert(start)
    start = await world.kit.snapshot()
    expect(await refusal({ floorWei: profitWei }, legs)).toBeNull()
    expect(await refusal({ floorWei: profitWei + 1n }, legs)).toBe(
      `TotalFloor(profitWei ${profitWei}, requiredWei ${profitWei + 1n})`,
    )
    expect(await refusal({ floorWei: profitWei - 5n, costWei: 5n }, legs)).toBeNull()
    expect(await refusal({ floorWei: profitWei - 5n, costWei: 6n }, legs)).toMatch(/^TotalFloor/)
    expect(await refusal({ floorWei: 0n }, legs)).toBe('ZeroFloor()')
    expect(await refusal({ bidShareBps: 10_001n }, legs)).toBe('BidShareTooLarge(bidShareBps 10001)')
    expect(await refusal({}, [liquidationLeg(world, borrower(0), 5n * ETHER, profitWei)])).toBeNull()
    expect(await refusal({}, [liquidationLeg(world, borrower(0), 5n * ETHER, profitWei + 1n)])).toMatch(/^LegFloor/)
  })
})

describe('bid', () => {
  const coinbase: Address = `0x${'c0'.repeat(20)}`
  const COST = 10n ** 15n

  const bids = async (payee: Payee): Promise<RunResult> =>
    runs({ payee, bidShareBps: 9_000n, costWei: COST }, [liquidationLeg(world, borrower(0))])

  test('default', async () => {
    await world.kit.rpc.request('anvil_setCoinbase', coinbase)
    const before = await nativeOf(coinbase)
    const receipt = await send({ payee: { kind: 'coinbase' }, bidShareBps: 9_000n, costWei: COST }, [
      liquidationLeg(world, borrower(0)),
    ])
    const result = decodeRunLogs(receipt.logs, world.liquidator)
    expect(result?.bidWei).toBe((((result?.profitWei ?? 0n) - COST) * 9_000n) / 10_000n)
    expect((await nativeOf(coinbase)) - before).toBeGreaterThanOrEqual(result?.bidWei ?? 0n)
    expect(await wethOf(world.owner)).toBe((result?.profitWei ?? 0n) - (result?.bidWei ?? 0n))
    expect(await nativeOf(world.liquidator)).toBe(0n)
  })

  test('behavior: to an address; to nobody; nothing when the cost eats the profit', async () => {
    const to: Address = `0x${'ab'.repeat(20)}`
    const { bidWei } = await bids({ kind: 'address', address: to })
    expect(await nativeOf(to)).toBe(bidWei)
    await world.kit.revert(start)
    start = await world.kit.snapshot()
    const none = await bids({ kind: 'none' })
    expect(none.bidWei).toBe(0n)
    expect(await wethOf(world.owner)).toBe(none.profitWei)
    const legs = [liquidationLeg(world, borrower(1))]
    expect(await refusal({ payee: { kind: 'address', address: to }, bidShareBps: 10_000n }, legs)).toMatch(/^TotalFloor/)
  })

  test.each([
    ['accepts', 0],
    ['returns a megabyte', 3],
  ])('behavior: a payee contract that %s is paid', async (_, manner) => {
    const payee = await world.kit.deploy(HostilePayee, [manner])
    const { bidWei } = await bids({ kind: 'address', address: payee })
    expect(bidWei).toBeGreaterThan(0n)
    expect(await nativeOf(payee)).toBe(bidWei)
  })

  test('behavior: a payee that runs again, as an operator even, gets nowhere', async () => {
    const { kit, liquidator, owner } = world
    const payee = await kit.deploy(HostilePayee, [4])
    await kit.act(liquidator, calldata(Liquidator.abi, 'setOperator', [payee, true]), { from: owner })
    await kit.act(
      payee,
      calldata(HostilePayee.abi, 'aim', [liquidator, encodeRun(orderOf(world), [liquidationLeg(world, borrower(1))])]),
    )
    await bids({ kind: 'address', address: payee })
    expect(await kit.read(payee, HostilePayee.abi, 'hasReentered')).toBe(0n)
    expect(await collateralOf(borrower(1))).toBe(10n * ETHER)
  })

  test.each([
    ['reverts', 1],
    ['burns all gas', 2],
  ])('error: a payee that %s takes the whole run down', async (_, manner) => {
    const payee = await world.kit.deploy(HostilePayee, [manner])
    const receipt = await send({ payee: { kind: 'address', address: payee }, bidShareBps: 5_000n }, [
      liquidationLeg(world, borrower(0)),
    ])
    expect(receipt.status).toBe('reverted')
    expect(await collateralOf(borrower(0))).toBe(10n * ETHER)
    expect(await wethOf(world.owner)).toBe(0n)
  })
})

describe('owner', () => {
  const act = (name: string, args: readonly unknown[], from: Address) =>
    world.kit.call(world.liquidator, calldata(Liquidator.abi, name, args), from)
  const own = (name: string, args: readonly unknown[], from: Address = world.owner) =>
    world.kit.act(world.liquidator, calldata(Liquidator.abi, name, args), { from })
  const someone: Address = `0x${'5e'.repeat(20)}`

  test('default', async () => {
    await own('setRecipient', [someone])
    const { profitWei } = await runs({}, [liquidationLeg(world, borrower(0))])
    expect(await wethOf(someone)).toBe(profitWei)
    await own('setOperator', [world.operator, false])
    expect(await refusal({}, [liquidationLeg(world, borrower(1))])).toMatch(/^NotOperator/)
    // Back again, he works for the recipient of now.
    await own('setOperator', [world.operator, true])
    expect((await runs({}, [liquidationLeg(world, borrower(1))])).profitWei).toBe((await wethOf(someone)) - profitWei)
  })

  test('behavior: ownership changes in two steps; the recipient follows where it was the owner', async () => {
    const next = world.kit.accounts[0] as Address
    await own('transferOwnership', [next])
    expect(await world.kit.read(world.liquidator, Liquidator.abi, 'owner')).toBe(BigInt(world.owner))
    await own('acceptOwnership', [], next)
    expect(await world.kit.read(world.liquidator, Liquidator.abi, 'owner')).toBe(BigInt(next))
    expect(await world.kit.read(world.liquidator, Liquidator.abi, 'recipient')).toBe(BigInt(next))
    expect((await act('setOperator', [someone, true], world.owner)).ok).toBe(false)
    const before = await wethOf(next)
    const { profitWei } = await runs({}, [liquidationLeg(world, borrower(0))])
    expect((await wethOf(next)) - before).toBe(profitWei)
  })

  test('behavior: what strayed in is rescued', async () => {
    const { kit, weth, liquidator } = world
    await kit.act(weth, calldata(WETH_ABI, 'deposit'), { value: 5n })
    await kit.act(weth, calldata(WETH_ABI, 'transfer', [liquidator, 5n]))
    await kit.rpc.request('anvil_setBalance', liquidator, '0x9')
    await own('rescue', [weth, someone, 5n])
    await own('rescue', [`0x${'0'.repeat(40)}`, someone, 9n])
    expect([await wethOf(someone), await nativeOf(someone)]).toEqual([5n, 9n])
  })

  test('error: nobody else may, operators least of all', async () => {
    const calls: readonly (readonly [string, readonly unknown[]])[] = [
      ['setOperator', [someone, true]],
      ['setRecipient', [someone]],
      ['setInventoryCap', [world.weth, 1n]],
      ['transferOwnership', [someone]],
      ['acceptOwnership', []],
      ['rescue', [world.weth, someone, 0n]],
    ]
    for (const [name, args] of calls)
      expect(decodeRevert((await act(name, args, world.operator)).data)).toBe(`NotOwner(caller ${world.operator})`)
    expect(decodeRevert((await act('setRecipient', [`0x${'0'.repeat(40)}`], world.owner)).data)).toBe('ZeroAddress()')
    const { ok } = await world.kit.call(world.liquidator, '0x', world.operator)
    const sent = await world.kit.send(world.liquidator, '0x', { value: 1n })
    expect([ok, sent.status]).toEqual([false, 'reverted'])
  })
})

describe('deployment', () => {
  test('default', async () => {
    const { kit, owner } = world
    const { to, data } = deploymentCall(owner)
    expect(to).toBe(CREATE2_DEPLOYER)
    await kit.act(to, data)
    const code = await kit.rpc.request<Hex>('eth_getCode', liquidatorAddress(owner), 'latest')
    expect(keccak256(code)).toBe(LIQUIDATOR_RUNTIME_HASH)
    expect(await kit.read(liquidatorAddress(owner), Liquidator.abi, 'owner')).toBe(BigInt(owner))
    expect(await kit.call(null, TRANSIENT_PROBE)).toEqual({ ok: true, data: `0x${'1'.padStart(64, '0')}` })
  })

  test('error: the probe fails on a chain without transient storage', async () => {
    const anvil = await startAnvil({ args: ['--hardfork', 'shanghai'] })
    const rpc = createLabRpc(anvil.httpUrl)
    try {
      const [reply] = await rpc.batchSettled([{ method: 'eth_call', params: [{ data: TRANSIENT_PROBE }, 'latest'] }])
      expect(reply?.kind).toBe('failed')
    } finally {
      rpc.close()
      await anvil.stop()
    }
  })
})
