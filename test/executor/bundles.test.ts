// Whatever of a key's transactions is dead, the living ones land, and nobody pays more for the dead than the living earn.
import fc from 'fast-check'
import type { Hex } from '../../src/core/primitives'
import { bundlesFor, type Carried } from '../../src/executor/bundles'

const carried = (n: number, netWei: bigint, worstRevertWei: bigint): Carried => ({
  raw: `0x0${n}`,
  hash: `0xa${n}`,
  netWei,
  worstRevertWei,
})

/** What a builder may do with a bundle if the transactions `dead` revert: null if it must drop it. */
const landing = (
  bundle: { readonly rawTransactions: readonly Hex[]; readonly revertingHashes: readonly Hex[] },
  all: readonly Carried[],
  dead: ReadonlySet<Hex>,
) => {
  const inside = all.filter(each => bundle.rawTransactions.includes(each.raw))
  const isValid = inside.every(each => !dead.has(each.hash) || bundle.revertingHashes.includes(each.hash))
  return isValid ? inside.filter(each => !dead.has(each.hash)) : null
}

describe('bundlesFor', () => {
  test('default: a single transaction is one bundle in which nothing may revert', () => {
    expect(bundlesFor([carried(1, 10n, 1n)])).toEqual([{ rawTransactions: ['0x01'], revertingHashes: [] }])
  })

  test('behavior: one bundle per transaction, same bytes, the longest first, all lists different', () => {
    const bundles = bundlesFor([carried(1, 100n, 1n), carried(2, 100n, 1n), carried(3, 100n, 1n)])
    expect(bundles).toEqual([
      { rawTransactions: ['0x01', '0x02', '0x03'], revertingHashes: ['0xa1', '0xa2'] },
      { rawTransactions: ['0x01', '0x02'], revertingHashes: ['0xa1'] },
      { rawTransactions: ['0x01'], revertingHashes: [] },
    ])
  })

  test('behavior: what the last cannot pay for must work', () => {
    const [both] = bundlesFor([carried(1, 500n, 60n), carried(2, 50n, 60n)])
    expect(both).toEqual({ rawTransactions: ['0x01', '0x02'], revertingHashes: [] })
  })

  test('K1: whichever transactions are dead, a bundle lands with every other, if each can pay for the dead', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), deaths => {
        const all = deaths.map((_, n) => carried(n, 1_000n, 100n))
        const dead = new Set(all.filter((_, n) => deaths[n]).map(each => each.hash))
        const landed = bundlesFor(all).map(bundle => landing(bundle, all, dead)?.length ?? 0)
        expect(Math.max(...landed)).toBe(all.length - dead.size)
      }),
      { seed: 7, numRuns: 300 },
    )
  })

  test('behavior: no bundle that lands loses money, whatever is dead and whatever it costs', () => {
    const amount = fc.bigInt({ min: 1n, max: 1_000n })
    fc.assert(
      fc.property(fc.array(fc.tuple(amount, amount, fc.boolean()), { minLength: 1, maxLength: 7 }), rows => {
        const all = rows.map(([net, worst], n) => carried(n, net, worst))
        const dead = new Set(all.filter((_, n) => rows[n]?.[2]).map(each => each.hash))
        for (const bundle of bundlesFor(all)) {
          const alive = landing(bundle, all, dead)
          if (alive === null) continue
          const earned = alive.reduce((sum, each) => sum + each.netWei, 0n)
          const lost = all
            .filter(each => bundle.rawTransactions.includes(each.raw) && dead.has(each.hash))
            .reduce((sum, each) => sum + each.worstRevertWei, 0n)
          expect(earned).toBeGreaterThan(lost)
        }
      }),
      { seed: 8, numRuns: 500 },
    )
  })
})
