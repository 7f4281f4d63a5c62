// Keys made from the seed, so that a run can be repeated. They hold money on a lab chain only.
import { keccak256, stringToHex } from 'viem'
import type { Address, Hex } from '../../src/core/primitives'
import { seededAddress } from '../../src/lab/world/random'

export interface BenchKeys {
  readonly owner: Address
  readonly operators: readonly Hex[]
  readonly relayKey: Hex
}

export const seededKeys = (seed: number, operators: number): BenchKeys => ({
  owner: seededAddress(seed, 'executor owner'),
  operators: Array.from({ length: operators }, (_, index) => keccak256(stringToHex(`${seed}/operator ${index}`))),
  relayKey: keccak256(stringToHex(`${seed}/relay identity`)),
})
