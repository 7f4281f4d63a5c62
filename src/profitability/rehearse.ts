// Made-up positions on the real pools, so that the code of a first liquidation has run, and is compiled, before there is one: an engine
// that has only ever seen idle blocks takes three times as long for it. What comes of them is thrown away.
import type { Close, Opportunity } from '../core/opportunity'
import type { Pool } from '../core/pool'
import type { Address, TargetBlock } from '../core/primitives'
import type { Callback, Step } from '../core/program'
import type { Plan } from '../core/verdict'
import type { AssessContext } from './assess'
import { decide, type SelectPolicy } from './select'

const NOBODY: Address = `0x${'0'.repeat(40)}`
const BONUS = { numerator: 107n, denominator: 100n }
/** As long as a protocol's own call with its parameters. */
const CALL_DATA = `0x${'00'.repeat(4 + 12 * 32)}` as const
const SIZES = [10n ** 6n, 10n ** 9n, 10n ** 12n, 10n ** 15n, 10n ** 18n]

const callbackOf = (funding: Close['funding'], program: readonly Step[]): Callback | null =>
  funding === 'upfront' ? null : { from: NOBODY, dataWord: 8, program }

/** A position that pays `received` of `receiveToken` for what the pool gives for a little less of it; null where the pool gives nothing. */
const madeUp = (pool: Pool, receiveToken: Address, payToken: Address, funding: Close['funding']): Opportunity | null => {
  const size = SIZES.find(each => (pool.quoteExactIn(receiveToken, payToken, each)?.amountOut ?? 0n) >= 10n ** 6n)
  const maxPay = size === undefined ? 0n : (pool.quoteExactIn(receiveToken, payToken, size)?.amountOut ?? 0n)
  if (size === undefined || maxPay === 0n) return null
  const received = (size * BONUS.numerator) / BONUS.denominator
  return {
    position: { strategy: 'rehearsal', market: `0x${'0'.repeat(64)}`, account: NOBODY },
    debtAssets: 0n,
    obstacle: null,
    closes: [
      {
        kind: 'repay',
        funding,
        payToken,
        receiveToken,
        minPay: 1n,
        maxPay,
        amountsFor: pay => ({ paid: pay, received: (pay * received) / maxPay, needed: pay }),
        encode: (_, inside) => [{ kind: 'call', to: NOBODY, data: CALL_DATA, fills: [], callback: callbackOf(funding, inside) }],
        paidWord: 0,
        gas: 100_000n,
      },
    ],
  }
}

const FUNDINGS = ['callback', 'upfront'] as const
const ROUNDS = 40
const AT_ONCE = 6

/** Decides on made-up positions again and again, at no gas price; gives the plans for others to rehearse with. None without pools. */
export const rehearse = (
  pools: readonly Pool[],
  target: TargetBlock,
  context: Omit<AssessContext, 'gasPriceWei'>,
  policy: SelectPolicy,
): readonly Plan[] => {
  const positions = pools.flatMap(pool => {
    const [a, b] = [pool.tokens[0], pool.tokens[1]]
    if (a === undefined || b === undefined) return []
    return FUNDINGS.flatMap(funding => [madeUp(pool, a, b, funding), madeUp(pool, b, a, funding)])
  })
  const usable = positions.filter(position => position !== null)
  if (usable.length === 0) return []
  return Array.from({ length: ROUNDS }, (_, round) => {
    const some = Array.from({ length: AT_ONCE }, (_, index) => usable[(round * AT_ONCE + index) % usable.length]!)
    return decide(pools, some, target, { ...context, gasPriceWei: 0n }, policy).plans
  }).flat()
}
