// The executor whole, on a real chain: the real Liquidator, the real relay package, bundles landed by the lab's builder.
// A tap stands in for a protocol: each of its numbers gives wrapped native once, to the first who asks.

import weth from 'canonical-weth/build/contracts/WETH9.json'
import { encodeFunctionData, type Hex as ViemHex } from 'viem'
import { createChain } from '../../src/chain/chain'
import { nextBaseFeeWei } from '../../src/core/base-fee'
import type { Address, Block, Hex } from '../../src/core/primitives'
import type { Plan, Take } from '../../src/core/verdict'
import { createExecutor, type Executor } from '../../src/executor/executor'
import { profitAfterBid } from '../../src/executor/pricing'
import { type Anvil, startAnvil } from '../../src/lab/anvil'
import { type Builder, createBuilder } from '../../src/lab/builder/builder'
import { deployLocalExecutor, type LocalExecutor } from '../../src/lab/local-executor'
import { createLabRpc, type LabRpc } from '../../src/lab/rpc'
import type { Chain, Receipt } from '../../src/ports'
import { createFlashbotsRelay, type FlashbotsRelay } from '../../src/relay/flashbots'
import { createMemoryStore, type MemoryStore } from '../../src/store/memory'
import { testKey } from '../fakes/signer'
import { createFakeLog, createFakeMeter } from '../fakes/store'

const ETHER = 10n ** 18n
const CHAIN_ID = 31_337
const NATIVE: Address = `0x${'ee'.repeat(20)}`
const TAP: Address = `0x${'7a'.repeat(20)}`
/** As the tap, but a second taker burns all gas. */
const BURNER: Address = `0x${'7b'.repeat(20)}`
const RICH: Address = `0x${'44'.repeat(20)}`
const RIVAL: Address = `0x${'55'.repeat(20)}`
const OWNER: Address = `0x${'66'.repeat(20)}`

/** Where the tap's code reverts; anywhere else is no jump target and burns all gas. */
const REVERT_AT = '47'
const NOWHERE = '51'

/** open(uint256 number, uint256 amount): fails unless slot `number` is empty, fills it, transfers `amount` to the caller. */
const tapCode = (failAt: string): Hex =>
  `0x600435805460${failAt}576001905563a9059cbb60e01b60005233600452602435602452${'6020600060446000600073'}${NATIVE.slice(2)}5af11560${failAt}57005b60006000fd`
const OPEN_ABI = [
  {
    type: 'function',
    name: 'open',
    stateMutability: 'nonpayable',
    inputs: [
      { type: 'uint256', name: 'number' },
      { type: 'uint256', name: 'amount' },
    ],
    outputs: [],
  },
] as const

const open = (number: number, amountWei: bigint): Hex => encodeFunctionData({ abi: OPEN_ABI, args: [BigInt(number), amountWei] })

let anvil: Anvil
let rpc: LabRpc
let builder: Builder
let local: LocalExecutor
let chain: Chain
let relay: FlashbotsRelay
let store: MemoryStore
let nextNumber = 1

const newExecutor = (keys: number): Executor => {
  store = createMemoryStore()
  return createExecutor({
    chain,
    signers: local.signers.slice(0, keys),
    relays: [relay],
    contract: local.contract,
    wrappedNative: NATIVE,
    policy: { drainTimeoutMs: 0 },
    log: createFakeLog(),
    meter: createFakeMeter(),
    store,
  })
}

beforeAll(async () => {
  anvil = await startAnvil({ chainId: CHAIN_ID, args: ['--no-mining', '--order', 'fifo', '--prune-history', '32'] })
  rpc = createLabRpc(anvil.httpUrl)
  await rpc.request('anvil_setCode', NATIVE, weth.deployedBytecode)
  await rpc.request('anvil_setCode', TAP, tapCode(REVERT_AT))
  await rpc.request('anvil_setCode', BURNER, tapCode(NOWHERE))
  for (const account of [RICH, RIVAL]) {
    await rpc.request('anvil_setBalance', account, '0x3635c9adc5dea00000')
    await rpc.request('anvil_impersonateAccount', account)
  }
  await rpc.request('eth_sendTransaction', { from: RICH, to: NATIVE, value: '0x1b1ae4d6e2ef500000', gas: '0x30d40' })
  const pay = encodeFunctionData({ abi: weth.abi, functionName: 'transfer', args: [TAP, 400n * ETHER] })
  await rpc.request('eth_sendTransaction', { from: RICH, to: NATIVE, data: pay, gas: '0x30d40' })
  const payBurner = encodeFunctionData({ abi: weth.abi, functionName: 'transfer', args: [BURNER, 100n * ETHER] })
  await rpc.request('eth_sendTransaction', { from: RICH, to: NATIVE, data: payBurner, gas: '0x30d40' })
  await rpc.request('evm_mine')
  local = await deployLocalExecutor(rpc, {
    owner: OWNER,
    operators: [testKey(11), testKey(12), testKey(13)],
    relayKey: testKey(99),
  })
  builder = await createBuilder({ rpcUrl: anvil.httpUrl })
  chain = await createChain({ id: CHAIN_ID, rpcUrls: [anvil.httpUrl], log: createFakeLog(), meter: createFakeMeter() })
  relay = createFlashbotsRelay({
    name: 'lab',
    url: builder.url,
    authKey: local.relayKey,
    chainId: CHAIN_ID,
    timeoutMs: 5_000,
    requestsPerSecond: 1_000,
    log: createFakeLog(),
    meter: createFakeMeter(),
  })
}, 60_000)

afterAll(async () => {
  relay?.close()
  await chain?.close()
  await builder?.close()
  rpc?.close()
  await anvil?.stop()
})

const takeOf = (number: number, amountWei = ETHER, tap: Address = TAP): Take => ({
  kind: 'take',
  position: { strategy: 'tap', market: '0x01', account: `0x${number.toString(16).padStart(40, '0')}` },
  payToken: NATIVE,
  receiveToken: NATIVE,
  payAssets: 0n,
  receiveAssets: amountWei,
  revenueWei: amountWei,
  gas: 120_000n,
  leg: {
    steps: [{ kind: 'call', to: tap, data: open(number, amountWei), fills: [], callback: null }],
    tokens: [],
    floorWei: amountWei,
    gasLimit: 500_000n,
  },
  route: [],
})

const takes = (count: number, amountWei = ETHER): readonly Take[] =>
  Array.from({ length: count }, () => takeOf(nextNumber++, amountWei))

const planOf = (own: readonly Take[], parent: Block): Plan => {
  const target = { number: parent.number + 1n, timestampSec: parent.timestampSec + 12n, baseFeePerGasWei: nextBaseFeeWei(parent) }
  const gas = own.reduce((sum, take) => sum + take.gas, 70_000n)
  const revenueWei = own.reduce((sum, take) => sum + take.revenueWei, 0n)
  const expected = profitAfterBid(revenueWei, gas * target.baseFeePerGasWei, 2_500n)
  return {
    target,
    takes: own,
    bidShareBps: 2_500n,
    payee: { kind: 'coinbase' },
    lastBlock: target.number,
    deadlineSec: target.timestampSec + 60n,
    expected,
    gas,
  }
}

const head = (): Promise<Block> => chain.blockByTag('latest')

const numberOf = (take: Take): number => Number.parseInt(take.position.account.slice(2), 16)
const isEmpty = async (take: Take): Promise<boolean> =>
  BigInt(await rpc.request<Hex>('eth_getStorageAt', TAP, `0x${numberOf(take).toString(16)}`, 'latest')) !== 0n
const wrappedOf = async (account: Address): Promise<bigint> =>
  BigInt(
    await rpc.request<ViemHex>(
      'eth_call',
      { to: NATIVE, data: encodeFunctionData({ abi: weth.abi, functionName: 'balanceOf', args: [account] }) },
      'latest',
    ),
  )

const settle = async (executor: Executor) => {
  const block = await head()
  const receipts: readonly Receipt[] | null = await chain.receiptsOfBlock(block.hash)
  return executor.settle({ block, logs: [], receipts, stillOpen: () => false })
}

const rivalOpens = (take: Take, tap: Address = TAP) =>
  builder.submitPublic({ from: RIVAL, to: tap, data: open(numberOf(take), 1n), gas: 200_000n }, 'top')

describe('executor on a real chain', () => {
  test('K2: default: what was sent lands, pays the coinbase, and earns what was predicted to the wei of gas', async () => {
    const executor = newExecutor(1)
    const parent = await head()
    const [take] = takes(1)
    const before = await wrappedOf(OWNER)
    const { sent, skips } = await executor.execute([planOf([take!], parent)], parent)
    expect(skips).toEqual([])
    expect(sent[0]?.replies[0]?.reply.kind).toBe('accepted')
    const built = await builder.buildBlock()
    expect(built.rejected).toEqual([])
    const [outcome] = await settle(executor)
    expect(outcome).toMatchObject({ kind: 'included', transactionHash: sent[0]?.hash, block: parent.number + 1n })
    expect(outcome?.realised?.revenueWei).toBe(ETHER)
    expect(outcome?.realised?.bidWei).toBe(outcome?.predicted.bidWei)
    const error = (outcome?.realised?.netWei ?? 0n) - (outcome?.predicted.netWei ?? 0n)
    expect(error < 0n ? -error : error).toBeLessThan(ETHER / 1_000n)
    // K7: the profit is where the contract sends it, and the outcome says exactly that.
    expect((await wrappedOf(OWNER)) - before).toBe(ETHER - (outcome?.realised?.bidWei ?? 0n))
  })

  test('K1: ten at once on one key, one of them dead: nine land in the same block, each once', async () => {
    const executor = newExecutor(1)
    const parent = await head()
    const own = takes(10)
    const { sent } = await executor.execute(
      own.map(take => planOf([take], parent)),
      parent,
    )
    expect(sent).toHaveLength(10)
    await rivalOpens(own[3]!)
    await builder.buildBlock()
    expect(await Promise.all(own.map(isEmpty))).toEqual(Array(10).fill(true))
    const outcomes = await settle(executor)
    expect(outcomes.map(outcome => outcome.kind)).toEqual(own.map((_, n) => (n === 3 ? 'included-reverted' : 'included')))
    expect(store.outcomes()).toHaveLength(10)
  })

  test('K1: the last of a key dead: those before it land', async () => {
    const executor = newExecutor(1)
    const parent = await head()
    const own = takes(3)
    await executor.execute(
      own.map(take => planOf([take], parent)),
      parent,
    )
    await rivalOpens(own[2]!)
    await builder.buildBlock()
    expect((await settle(executor)).map(outcome => outcome.kind)).toEqual(['included', 'included', 'taken-by-other'])
    const next = await head()
    const again = await executor.execute([planOf(takes(1), next)], next)
    await builder.buildBlock()
    expect(again.sent).toHaveLength(1)
    expect((await settle(executor)).map(outcome => outcome.kind)).toEqual(['included'])
  })

  test('behavior: twenty legs in one transaction, a rival takes ten of them first: the other ten close in that block', async () => {
    const executor = newExecutor(1)
    const parent = await head()
    const own = takes(20)
    await executor.execute([planOf(own, parent)], parent)
    for (const take of own.slice(0, 10)) await rivalOpens(take)
    const built = await builder.buildBlock()
    expect(built.rejected).toEqual([])
    const [outcome] = await settle(executor)
    expect(outcome?.kind).toBe('included')
    expect(outcome?.positions.map(each => each.outcome)).toEqual([
      ...Array(10).fill('taken-by-other'),
      ...Array(10).fill('included'),
    ])
    expect(outcome?.realised?.revenueWei).toBe(10n * ETHER)
  })

  test('behavior: a leg that burns all the gas it may once its position is gone starves no other', async () => {
    const executor = newExecutor(1)
    const parent = await head()
    const burner = takeOf(nextNumber++, ETHER, BURNER)
    const { skips } = await executor.execute([planOf([burner, ...takes(5)], parent)], parent)
    expect(skips).toEqual([])
    await rivalOpens(burner, BURNER)
    await builder.buildBlock()
    const [outcome] = await settle(executor)
    expect(outcome?.positions.map(each => each.outcome)).toEqual(['taken-by-other', ...Array(5).fill('included')])
    expect(outcome?.gasUsed).toBeGreaterThan(500_000n)
  })

  test('behavior: one plan a key on three keys: three bundles, all land', async () => {
    const executor = newExecutor(3)
    const parent = await head()
    const { sent } = await executor.execute(
      takes(3).map(take => planOf([take], parent)),
      parent,
    )
    expect(new Set(sent.map(each => each.key)).size).toBe(3)
    const built = await builder.buildBlock()
    expect(built.bundles).toHaveLength(3)
    expect((await settle(executor)).map(outcome => outcome.kind)).toEqual(['included', 'included', 'included'])
  })

  test('K10: what is gone already fails in the simulation, with the reason, and is not sent', async () => {
    const executor = newExecutor(1)
    const own = takes(3)
    await rivalOpens(own[1]!)
    await builder.buildBlock()
    const parent = await head()
    const { sent, skips } = await executor.execute([planOf(own, parent)], parent)
    expect(skips.map(skip => [skip.reason, skip.position])).toEqual([['failed-simulation', own[1]?.position]])
    expect(sent[0]?.positions).toEqual([own[0]?.position, own[2]?.position])
    await builder.buildBlock()
    expect((await settle(executor))[0]?.realised?.revenueWei).toBe(2n * ETHER)
  })

  test('K9: a bundle that the builder leaves out is missed, and its nonce serves again', async () => {
    const executor = newExecutor(1)
    const parent = await head()
    const [take] = takes(1)
    const first = await executor.execute([planOf([take!], parent)], parent)
    expect(first.sent[0]?.replies[0]?.reply.kind).toBe('accepted')
    await rpc.request('evm_mine')
    const block = await head()
    const missed = await executor.settle({ block, logs: [], receipts: null, stillOpen: () => true })
    expect(missed.map(outcome => outcome.kind)).toEqual(['missed'])
    const second = await executor.execute([planOf([take!], block)], block)
    expect(second.sent[0]?.nonce).toBe(first.sent[0]?.nonce)
    await builder.buildBlock()
    expect((await settle(executor)).map(outcome => outcome.kind)).toEqual(['included'])
  })
})
