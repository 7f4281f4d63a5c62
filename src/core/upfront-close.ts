// Closes of protocols that take the payment from the executor at once: one approval, then calls of sizes that were chosen before. Knows neither
// the calls nor their maths.
import type { Close } from './opportunity'
import type { Address } from './primitives'
import type { Step } from './program'

/** One call: what comes of it at the target block, and what it may take until it lands. */
export interface UpfrontAsk {
  readonly step: Step
  readonly paid: bigint
  readonly received: bigint
  /** At least `paid`. */
  readonly needed: bigint
}

export interface UpfrontTerms {
  /** Who takes the payment. */
  readonly spender: Address
  readonly payToken: Address
  readonly receiveToken: Address
  readonly source: NonNullable<Close['source']>
  readonly gas: bigint
}

const sumOf = (asks: readonly UpfrontAsk[], amountOf: (ask: UpfrontAsk) => bigint): bigint =>
  asks.reduce((sum, ask) => sum + amountOf(ask), 0n)

const amountsOf = (asks: readonly UpfrontAsk[]): ReturnType<Close['amountsFor']> => ({
  paid: sumOf(asks, ({ paid }) => paid),
  received: sumOf(asks, ({ received }) => received),
  needed: sumOf(asks, ({ needed }) => needed),
})

/**
 * `most` are the calls of the largest size. `partly`: the call of any size from `least` up to there; null: there is none, and where there is none
 * of `least`, only all of `most` is offered.
 */
export const upfrontClose = (
  { spender, payToken, receiveToken, source, gas }: UpfrontTerms,
  most: readonly UpfrontAsk[],
  least: bigint,
  partly: (pay: bigint) => UpfrontAsk | null,
): Close => {
  const { paid: maxPay } = amountsOf(most)
  const asksFor = (pay: bigint): readonly UpfrontAsk[] => {
    if (pay >= maxPay) return most
    const ask = partly(pay)
    return ask === null ? [] : [ask]
  }
  const smallest = least < maxPay ? least : maxPay
  return {
    kind: 'repay',
    funding: 'upfront',
    payToken,
    receiveToken,
    minPay: partly(smallest) === null ? maxPay : smallest,
    maxPay,
    amountsFor: pay => amountsOf(asksFor(pay)),
    encode: pay => {
      const asks = asksFor(pay)
      const value = sumOf(asks, ({ needed }) => needed)
      return [{ kind: 'approve', token: payToken, spender, amount: { kind: 'exact', value } }, ...asks.map(({ step }) => step)]
    },
    paidWord: 0,
    source,
    gas,
  }
}
