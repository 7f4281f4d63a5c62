// Seeded randomness for worlds: the same seed gives the same world, on any machine. Not for secrets.
import { keccak256, stringToHex } from 'viem'
import type { Address } from '../../core/primitives'

export interface Random {
  /** Uniform in [0, 1). */
  unit(): number
  /** Uniform in [low, high). */
  between(low: number, high: number): number
  /** Standard normal (Box-Muller). */
  normal(): number
}

/** A generator for one purpose: streams with different labels are independent. */
export const createRandom = (seed: number, label: string): Random => {
  let state = Number(BigInt(keccak256(stringToHex(`${seed}/${label}`))) & 0xffffffffn)
  // mulberry32
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    unit,
    between: (low, high) => low + (high - low) * unit(),
    normal: () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()),
  }
}

/** An address that nobody holds a key of, by seed and name. */
export const seededAddress = (seed: number, name: string): Address => `0x${keccak256(stringToHex(`${seed}/${name}`)).slice(-40)}`
