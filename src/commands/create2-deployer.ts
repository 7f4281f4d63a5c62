// The deterministic deployment proxy: there on nearly every chain; where it is not, its own keyless transaction brings it, at any price of gas
// that this transaction's fixed 100 gwei can pay. Nobody has the key: the signature was chosen, and the sender follows from it.
import { serializeTransaction } from 'viem'
import type { Transport } from '../chain/transport'
import { KeeperError } from '../core/errors'
import type { Address, Hex } from '../core/primitives'
import { CREATE2_DEPLOYER } from '../executor/deployment'
import type { Sender } from './sender'

const GAS_PRICE_WEI = 100_000_000_000n
const GAS = 100_000n

/** What its sender must hold before it can be published. */
export const KEYLESS_COST_WEI = GAS * GAS_PRICE_WEI

/** Recovered from the signature below. */
export const KEYLESS_SENDER: Address = '0x3fab184622dc19b6109349b94811493bf2a45362'

const RUNTIME: Hex =
  '0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3'
const CHOSEN: Hex = `0x${'22'.repeat(32)}`

/** Legacy, without a chain id: valid on every chain that still takes such transactions. */
export const keylessTransaction = (): Hex =>
  serializeTransaction(
    { type: 'legacy', nonce: 0, gasPrice: GAS_PRICE_WEI, gas: GAS, data: `0x604580600e600039806000f350fe${RUNTIME.slice(2)}` },
    { r: CHOSEN, s: CHOSEN, v: 27n },
  )

const refusedHelp = (chainId: number): string =>
  `chain ${chainId} lacks the deterministic deployment proxy ${CREATE2_DEPLOYER}, and its node refuses the proxy's keyless transaction ` +
  "(some refuse all transactions without a chain id). Ask a node that takes them, or the chain's operators, to publish it: the proxy is the same everywhere"

/** Sees to it that the proxy stands; funds and publishes its transaction if need be. True if it had to. Rejects with no-funds or rpc-refused. */
export const ensureCreate2Deployer = async (transport: Transport, chainId: number, sender: Sender): Promise<boolean> => {
  if ((await transport.call('eth_getCode', [CREATE2_DEPLOYER, 'latest'])) !== '0x') return false
  const held = BigInt((await transport.call('eth_getBalance', [KEYLESS_SENDER, 'latest'])) as Hex)
  if (held < KEYLESS_COST_WEI)
    await sender.send({
      to: KEYLESS_SENDER,
      data: '0x',
      valueWei: KEYLESS_COST_WEI - held,
      what: 'fund the deterministic deployment proxy',
    })
  try {
    await sender.publish(keylessTransaction(), 'deploy the deterministic deployment proxy')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new KeeperError('rpc-refused', `${refusedHelp(chainId)}. The answer: ${why}`, { retryable: false, cause })
  }
  return true
}
