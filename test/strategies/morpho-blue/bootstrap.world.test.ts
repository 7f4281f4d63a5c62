// The deployed contracts of mainnet: their rate model is recognised by what it answers.
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { encodeFunctionData } from 'viem'
import type { Address, Block, Hex } from '../../../src/core/primitives'
import { type Anvil, startAnvil } from '../../../src/lab/anvil'
import { createLabRpc, type LabRpc } from '../../../src/lab/rpc'
import type { MarketParams } from '../../../strategies/morpho-blue/abi'
import { createLedger } from '../../../strategies/morpho-blue/ledger'
import { type Lore, readMarkets } from '../../../strategies/morpho-blue/reading'
import { describeWithShared, sharedPath } from '../../fixtures/shared'
import { idOfMarket, morphoAbi, officialParams, readerOn, toBlock, type WireBlock } from './chain'

const GENESIS = 'data/mainnet/morpho_blue_block19163600.genesis.json'
const MORPHO: Address = '0xbbbbbbbbbb9cc5e90e3b3af64bdaf62c37eeffcb'
const OWNER: Address = '0xcba28b38103307ec8da98377fff9816c164f9afa'
const PARAMS: MarketParams = {
  loanToken: '0x6b175474e89094c44da98b954eedeac495271d0f',
  collateralToken: '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2',
  oracle: OWNER,
  irm: '0x870ac11d48b15db9a138cf899d20f13f79ba00bc',
  lltvWad: 123_000_000_000_000_000n,
}

describeWithShared('Morpho Blue on mainnet state', [GENESIS], () => {
  let anvil: Anvil
  let rpc: LabRpc

  beforeAll(async () => {
    anvil = await startAnvil({ chainId: 1, args: ['--init', sharedPath(GENESIS), '--prune-history', '500'] })
    rpc = createLabRpc(anvil.httpUrl)
  }, 30_000)

  afterAll(async () => {
    rpc?.close()
    await anvil?.stop()
  })

  const send = async (data: Hex): Promise<void> => {
    const hash = await rpc.request<Hex>('eth_sendTransaction', { from: OWNER, to: MORPHO, data, gas: '0x1e8480' })
    await rpc.request('evm_mine')
    expect(await rpc.request('eth_getTransactionReceipt', hash)).toMatchObject({ status: '0x1' })
  }

  it('default: the deployed AdaptiveCurveIrm is known for what it is, WETH and DAI by their names', async () => {
    await rpc.batch([
      { method: 'anvil_autoImpersonateAccount', params: [true] },
      { method: 'anvil_setBalance', params: [OWNER, '0xde0b6b3a7640000'] },
      { method: 'evm_setAutomine', params: [false] },
    ])
    await send(encodeFunctionData({ abi: morphoAbi, functionName: 'enableLltv', args: [PARAMS.lltvWad] }))
    await send(encodeFunctionData({ abi: morphoAbi, functionName: 'createMarket', args: [officialParams(PARAMS)] }))
    await rpc.request('evm_increaseTime', 1_000_000)
    await rpc.request('evm_mine')
    const block: Block = toBlock(await rpc.request<WireBlock>('eth_getBlockByNumber', 'latest', false))
    const ledger = createLedger(() => undefined)
    const lore: Lore = { models: new Map(), tokens: new Map() }
    // Nothing is known but the id: parameters are read too.
    const market = ledger.marketOf(idOfMarket(PARAMS), block.number)
    await readMarkets(readerOn(rpc, block), ledger, MORPHO, lore, [market])
    expect(market.state).toMatchObject({ params: PARAMS, complete: false, rateAtTarget: 1_268_391_679n })
    expect(lore.models.get(PARAMS.irm)).toBe('adaptive')
    expect(lore.tokens.get(PARAMS.collateralToken)).toMatchObject({ decimals: 18 })
  })
})
