// A position whose close pays a fixed bonus: received = pay * price * (1 + bonus), in integers, rounded down.
import type { Close, Opportunity } from '../../src/core/opportunity'
import type { Address } from '../../src/core/primitives'
import type { Step } from '../../src/core/program'

export interface FakeOpportunity {
  readonly account: Address
  readonly payToken: Address
  readonly receiveToken: Address
  readonly maxPay: bigint
  readonly minPay?: bigint
  /** receiveToken units per payToken unit, scaled by 1e18. */
  readonly priceWad: bigint
  readonly bonusBps: bigint
  readonly funding?: Close['funding']
  /** Debt tokens that must be there beyond what is paid. */
  readonly spare?: bigint
}

/** Stands for a protocol's own call. */
const callOf = (to: Address): Step => ({ kind: 'call', to, data: '0xabcdef01', fills: [], callback: null })

export const fakeOpportunity = (spec: FakeOpportunity): Opportunity => {
  const received = (pay: bigint): bigint => (pay * spec.priceWad * (10_000n + spec.bonusBps)) / 10n ** 18n / 10_000n
  const close: Close = {
    kind: 'repay',
    funding: spec.funding ?? 'callback',
    payToken: spec.payToken,
    receiveToken: spec.receiveToken,
    minPay: spec.minPay ?? 1n,
    maxPay: spec.maxPay,
    amountsFor: pay => ({ paid: pay, received: received(pay), needed: pay + (spec.spare ?? 0n) }),
    encode: (_pay, inside) => (spec.funding === 'upfront' ? [callOf(spec.account)] : inside),
    paidWord: 0,
    gas: 110_000n,
  }
  return {
    position: { strategy: 'fake', market: '0x01', account: spec.account },
    closes: [close],
    obstacle: null,
    debtAssets: 0n,
  }
}
