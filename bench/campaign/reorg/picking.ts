// Choices of one trial: whole numbers, chances and picks from one seeded stream.
import { createRandom } from '../../../src/lab/world/random'

export interface Picking {
  /** A whole number, 0 <= n < below. */
  below(below: number): number
  /** True with probability `share`. */
  chance(share: number): boolean
  pick<T>(items: readonly T[]): T
  /** 1..most; small ones are as common as large ones are rare. */
  skewed(most: number): number
  /** A copy in random order. */
  shuffled<T>(items: readonly T[]): T[]
}

export const createPicking = (seed: number, label: string): Picking => {
  const { unit } = createRandom(seed, label)
  const below = (limit: number): number => Math.floor(unit() * limit)
  return {
    below,
    chance: share => unit() < share,
    pick: items => items[below(items.length)]!,
    skewed: most => Math.min(most, Math.floor(Math.exp(unit() * Math.log(most + 1)))),
    shuffled: items => {
      const copy = [...items]
      for (let last = copy.length - 1; last > 0; last--) {
        const other = below(last + 1)
        const held = copy[last]!
        copy[last] = copy[other]!
        copy[other] = held
      }
      return copy
    },
  }
}
