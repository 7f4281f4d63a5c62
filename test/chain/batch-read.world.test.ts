import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { encodeDeployData, encodeFunctionData, getContractAddress } from 'viem'
import { decodeBatch, encodeBatch, readInBatches } from '../../src/chain/batch-read'
import type { ReadCall } from '../../src/core/folder'
import type { Hex } from '../../src/core/primitives'
import { type Anvil, startAnvil } from '../../src/lab/anvil'
import { createLabRpc, type LabRpc } from '../../src/lab/rpc'
import { HostileOracle } from '../../src/lab/world/lab-artifacts'

const PRICE = encodeFunctionData({ abi: HostileOracle.abi, functionName: 'price' })
const GOOD = 500
const [HONEST, REVERTS, ZERO, MAX, BURNS, MEGABYTE, SHORT] = [0, 1, 2, 3, 4, 5, 6]

let anvil: Anvil
let rpc: LabRpc
let oracles: readonly Hex[]

// Asks as a node is asked: no `to`, the answers come as revert data.
const send = async (data: Hex, gas?: number): Promise<Hex> => {
  const [reply] = await rpc.batchSettled([
    { method: 'eth_call', params: [{ data, ...(gas === undefined ? {} : { gas: `0x${gas.toString(16)}` }) }, 'latest'] },
  ])
  if (reply?.kind !== 'failed' || typeof reply.data !== 'string') throw new Error(`unexpected: ${JSON.stringify(reply)}`)
  return reply.data as Hex
}

const deployOracles = async (modes: readonly number[]): Promise<readonly Hex[]> => {
  const [from] = await rpc.request<Hex[]>('eth_accounts')
  await rpc.request('evm_setAutomine', false)
  const nonce = Number(await rpc.request<Hex>('eth_getTransactionCount', from, 'latest'))
  const calls = modes.map((mode, n) => {
    const data = encodeDeployData({ abi: HostileOracle.abi, bytecode: HostileOracle.bytecode, args: [BigInt(n + 1), mode] })
    return { method: 'eth_sendTransaction', params: [{ from, data, gas: '0xf4240', nonce: `0x${(nonce + n).toString(16)}` }] }
  })
  for (let at = 0; at < calls.length; at += 25) {
    await rpc.batch(calls.slice(at, at + 25))
    await rpc.request('evm_mine')
  }
  return modes.map((_, n) => getContractAddress({ from: from!, nonce: BigInt(nonce + n) }).toLowerCase() as Hex)
}

beforeAll(async () => {
  anvil = await startAnvil({ args: ['--gas-limit', '50000000'] })
  rpc = createLabRpc(anvil.httpUrl)
  oracles = await deployOracles([
    ...Array.from({ length: GOOD }, () => HONEST),
    REVERTS,
    ZERO,
    MAX,
    BURNS,
    MEGABYTE,
    SHORT,
  ] as number[])
}, 60_000)

afterAll(async () => {
  rpc?.close()
  await anvil?.stop()
})

const priceOf = (to: Hex): ReadCall => ({ to, data: PRICE })
const word = (value: bigint): Hex => `0x${value.toString(16).padStart(64, '0')}`

describe('BatchReader on a real chain', () => {
  test('default', async () => {
    const hostile = oracles.slice(GOOD)
    // Hostile ones first: whatever they do, all that come after still answer.
    const calls = [...hostile, '0x00000000000000000000000000000000deadbeef' as Hex, ...oracles.slice(0, GOOD)].map(priceOf)
    const results = decodeBatch(calls, await send(encodeBatch(calls, { gasCap: 300_000, maxReturnBytes: 64 })))
    expect(results.slice(0, 7)).toEqual([
      { kind: 'failed', why: 'reverted' },
      { kind: 'ok', data: word(0n) },
      { kind: 'ok', data: `0x${'f'.repeat(64)}` },
      { kind: 'failed', why: 'reverted' },
      { kind: 'failed', why: 'reverted' },
      { kind: 'ok', data: '0xffffffffff' },
      { kind: 'failed', why: 'no-code' },
    ])
    expect(results.slice(7)).toEqual(Array.from({ length: GOOD }, (_, n) => ({ kind: 'ok', data: word(BigInt(n + 1)) })))
  })

  test('behavior: an answer of 1 MB that its gas allows is refused without being copied', async () => {
    const calls = [{ ...priceOf(oracles[GOOD + 4]!), gasCap: 5_000_000, maxReturnBytes: 64 }, priceOf(oracles[0]!)]
    const results = decodeBatch(calls, await send(encodeBatch(calls), 8_000_000))
    expect(results).toEqual([
      { kind: 'failed', why: 'too-long' },
      { kind: 'ok', data: word(1n) },
    ])
    const exact = { ...priceOf(oracles[0]!), maxReturnBytes: 31 }
    expect(decodeBatch([exact], await send(encodeBatch([exact])))).toEqual([{ kind: 'failed', why: 'too-long' }])
  })

  test('behavior: a call whose cap cannot be met is reported as such, and answered when asked again', async () => {
    const burner = oracles[GOOD + 3]!
    const calls = [burner, burner, burner, burner, ...oracles.slice(0, 20)].map(priceOf)
    const first = decodeBatch(calls, await send(encodeBatch(calls), 3_500_000))
    expect(first.slice(0, 3)).toEqual([
      { kind: 'failed', why: 'reverted' },
      { kind: 'failed', why: 'reverted' },
      { kind: 'failed', why: 'reverted' },
    ])
    expect(new Set(first.slice(3).map(result => (result.kind === 'failed' ? result.why : 'ok')))).toEqual(new Set(['no-gas']))
    const all = await readInBatches(calls, data => send(data, 3_500_000))
    expect(all.slice(4)).toEqual(Array.from({ length: 20 }, (_, n) => ({ kind: 'ok', data: word(BigInt(n + 1)) })))
    expect(all.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => ({ kind: 'failed', why: 'reverted' })))
  })

  test('behavior: 2,000 prices in one request; different data, targets and caps mixed', async () => {
    const many = Array.from({ length: 2_000 }, (_, n) => priceOf(oracles[n % GOOD]!))
    const results = decodeBatch(many, await send(encodeBatch(many)))
    expect(results.every((result, n) => result.kind === 'ok' && result.data === word(BigInt((n % GOOD) + 1)))).toBe(true)

    const honestPrice = encodeFunctionData({ abi: HostileOracle.abi, functionName: 'honestPrice' })
    const mixed: readonly ReadCall[] = [
      priceOf(oracles[1]!),
      { to: oracles[1]!, data: honestPrice },
      { to: oracles[2]!, data: `${PRICE}0001` },
      { to: oracles[2]!, data: `${PRICE}0002`, gasCap: 100_000 },
      { to: oracles[2]!, data: `${PRICE}0003`, gasCap: 100_000 },
      { to: oracles[2]!, data: '0x' },
    ]
    const expected = [2n, 2n, 3n, 3n, 3n].map(value => ({ kind: 'ok', data: word(value) }))
    expect(decodeBatch(mixed, await send(encodeBatch(mixed)))).toEqual([...expected, { kind: 'failed', why: 'reverted' }])
  })

  test('behavior: answers can be returned instead, and none asked gives none', async () => {
    const calls = [priceOf(oracles[4]!)]
    const returned = await rpc.request<Hex>('eth_call', { data: encodeBatch(calls, undefined, 'return') }, 'latest')
    expect(decodeBatch(calls, returned)).toEqual([{ kind: 'ok', data: word(5n) }])
    expect(decodeBatch([], await send(encodeBatch([])))).toEqual([])
  })
})
