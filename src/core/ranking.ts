// Picking by an amount that is worked out once for each.

/** The first of those with the largest amount; null where there are none. */
export const largestBy = <T>(items: readonly T[], amountOf: (item: T) => bigint): T | null =>
  mostBy(items, amountOf, 1)[0] ?? null

/** The `count` of largest amount, largest first; equal ones stay in their order. */
export const mostBy = <T>(items: readonly T[], amountOf: (item: T) => bigint, count: number): readonly T[] =>
  items
    .map(item => ({ item, amount: amountOf(item) }))
    .sort((a, b) => (a.amount < b.amount ? 1 : a.amount > b.amount ? -1 : 0))
    .slice(0, count)
    .map(({ item }) => item)

/** `work`, done once for each key. */
export const onceBy = <T, Key, Result>(keyOf: (item: T) => Key, work: (item: T) => Result): ((item: T) => Result) => {
  const known = new Map<Key, Result>()
  return item => {
    const key = keyOf(item)
    if (known.has(key)) return known.get(key) as Result
    const result = work(item)
    known.set(key, result)
    return result
  }
}
