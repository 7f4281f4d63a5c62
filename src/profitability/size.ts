// Finds the size with the best value on a curve that rises, then falls (concave but for the steps that gas per tick puts into it).

/** Value of a size; null: impossible. */
export type ValueOf = (size: bigint) => bigint | null

export interface BestSize {
  readonly size: bigint
  readonly value: bigint
}

const better = (a: BestSize | null, size: bigint, value: bigint | null): BestSize | null =>
  value !== null && (a === null || value > a.value) ? { size, value } : a

/** Golden section in integers: keeps the better two thirds until `low` and `high` are within `precision`. */
const narrow = (low: bigint, high: bigint, precision: bigint, valueAt: ValueOf, start: BestSize): BestSize => {
  let best = start
  let [from, to] = [low, high]
  while (to - from > precision) {
    const third = (to - from) / 3n
    const [left, right] = [from + third, to - third]
    const [valueLeft, valueRight] = [valueAt(left), valueAt(right)]
    best = better(better(best, left, valueLeft), right, valueRight) ?? best
    // An impossible size lies too far right: pools run dry upwards.
    if (valueRight === null || (valueLeft !== null && valueLeft >= valueRight)) to = right
    else from = left
    if (third === 0n) break
  }
  return best
}

/**
 * The size in [min, max] with the highest value; null if none is possible. Two evaluations where the largest size is best, as for
 * most positions; else a ladder of halves finds the neighbourhood and a section search refines it to max / 4096.
 */
export const bestSize = (min: bigint, max: bigint, valueAt: ValueOf): BestSize | null => {
  const whole = better(null, max, valueAt(max))
  const step = max / 2_048n
  if (step === 0n || max - step < min) return better(whole, min, valueAt(min))
  const nearly = valueAt(max - step)
  if (whole !== null && (nearly === null || nearly <= whole.value)) return whole
  let best = better(whole, max - step, nearly)
  for (let size = max / 2n; size > 0n && size >= min; size /= 2n) {
    const value = valueAt(size)
    if (best !== null && value !== null && value < best.value && size < best.size / 4n) break
    best = better(best, size, value)
  }
  if (best === null) return null
  const low = best.size / 2n > min ? best.size / 2n : min
  const high = best.size * 2n < max ? best.size * 2n : max
  return narrow(low, high, maxPrecision(max), valueAt, best)
}

const maxPrecision = (max: bigint): bigint => {
  const precision = max / 4096n
  return precision > 0n ? precision : 1n
}
