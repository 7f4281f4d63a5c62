// A position whose close pays a fixed bonus: received = pay * price * (1 + bonus), in integers, rounded down.
import type { Close, Opportunity } from '../../src/core/opportunity'
import type { Address } from '../../src/core/primitives'

export interface FakeOpportunity {
  readonly account: Address
  readonly payToken: Address
  readonly receiveToken: Address
  readonly maxPay: bigint
  readonly minPay?: bigint
  /** receiveToken units per payToken unit, scaled by 1e18. */
  readonly priceWad: bigint
  readonly bonusBps: bigint
}

export const fakeOpportunity = (spec: FakeOpportunity): Opportunity => {
  const received = (pay: bigint): bigint => (pay * spec.priceWad * (10_000n + spec.bonusBps)) / 10n ** 18n / 10_000n
  const close: Close = {
    kind: 'repay',
    payToken: spec.payToken,
    receiveToken: spec.receiveToken,
    minPay: spec.minPay ?? 1n,
    maxPay: spec.maxPay,
    amountsFor: pay => ({ paid: pay, received: received(pay) }),
    encode: (_pay, inside) => inside,
    paidWord: 0,
    gas: 110_000n,
  }
  return { position: { strategy: 'fake', market: '0x01', account: spec.account }, closes: [close], debtAssets: 0n }
}
