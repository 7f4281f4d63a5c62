// Search by halving, in integers.

/** The largest size from 0n to `most` for which `holds`; it must hold for all below one for which it does. 0n is not asked: it counts as held. */
export const largestWhere = (most: bigint, holds: (size: bigint) => boolean): bigint => {
  if (holds(most)) return most
  let [low, high] = [0n, most]
  while (high - low > 1n) {
    const middle = (low + high) / 2n
    if (holds(middle)) low = middle
    else high = middle
  }
  return low
}
