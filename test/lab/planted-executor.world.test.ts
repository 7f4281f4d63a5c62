import type { Hex } from '../../src/core/primitives'
import { Liquidator } from '../../src/executor/liquidator-artifact'
import { localContract, randomKeys } from '../../src/lab/local-executor'
import { hasTransientStorage, plantExecutor } from '../../src/lab/planted-executor'
import { type ChainKit, calldata, startChainKit } from '../fixtures/chain-kit'

describe('plantExecutor', () => {
  let kit: ChainKit
  beforeAll(async () => {
    kit = await startChainKit({ args: ['--no-mining', '--prune-history', '128'] })
  })
  afterAll(() => kit.stop())

  it('default: contract, operators and their money are there, and the head is the block it was', async () => {
    const before = await kit.rpc.request('eth_getBlockByNumber', 'latest', false)
    const keys = randomKeys(3)
    const planted = await plantExecutor(kit.rpc, keys)
    expect(await kit.rpc.request('eth_getBlockByNumber', 'latest', false)).toEqual(before)
    expect(planted.contract).toBe(localContract(keys.owner))
    expect(BigInt((await kit.call(planted.contract, calldata(Liquidator.abi, 'owner'))).data)).toBe(BigInt(keys.owner))
    for (const { address } of planted.signers) {
      expect(await kit.read(planted.contract, Liquidator.abi, 'isOperator', [address])).toBe(1n)
      expect(BigInt(await kit.rpc.request<Hex>('eth_getBalance', address, 'latest'))).toBeGreaterThan(10n ** 18n)
      expect(await kit.rpc.request('eth_getTransactionCount', address, 'latest')).toBe('0x0')
    }
  })

  it('behavior: after a reset it is planted again as it was', async () => {
    const planted = await plantExecutor(kit.rpc, randomKeys(1))
    await kit.rpc.request('anvil_reset')
    expect(await kit.rpc.request('eth_getCode', planted.contract, 'latest')).toBe('0x')
    await planted.replant()
    expect(await kit.read(planted.contract, Liquidator.abi, 'isOperator', [planted.signers[0]?.address])).toBe(1n)
  })

  it('error: a chain without EIP-1153 is known', async () => {
    const old = await startChainKit({ args: ['--hardfork', 'shanghai'] })
    expect(await hasTransientStorage(old.rpc)).toBe(false)
    expect(await hasTransientStorage(kit.rpc)).toBe(true)
    await old.stop()
  })
})
