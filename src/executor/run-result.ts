// Reads what contracts/Liquidator.sol says of a run: its events, and why it reverted.
import { decodeErrorResult, hexToString, toEventSelector } from 'viem'
import type { Address, Hex, Log } from '../core/primitives'
import { Liquidator } from './liquidator-artifact'

export const LEG_FAILED_TOPIC = toEventSelector('LegFailed(uint256,bytes)')
export const EXECUTED_TOPIC = toEventSelector('Executed(uint256,uint256[])')

export interface LegResult {
  readonly index: number
  readonly ok: boolean
  /** 0n when failed. */
  readonly gainedWei: bigint
  /** Null when closed. */
  readonly failure: string | null
}

export interface RunResult {
  readonly legs: readonly LegResult[]
  /** Before the bid. */
  readonly profitWei: bigint
  readonly bidWei: bigint
}

const FAILED = (1n << 256n) - 1n

const word = (data: Hex, index: number): bigint => BigInt(`0x${data.slice(2 + 64 * index, 66 + 64 * index)}`)

/** Reasons by leg index, from LegFailed(uint256 index, bytes reason). */
const failuresOf = (logs: readonly Log[]): ReadonlyMap<number, string> =>
  new Map(
    logs
      .filter(log => log.topics[0] === LEG_FAILED_TOPIC)
      .map(({ data }) => [Number(word(data, 0)), decodeRevert(`0x${data.slice(194, 194 + 2 * Number(word(data, 2)))}`)]),
  )

/** How the run that left `logs` ended; null where it did not complete. Only logs of `liquidator` count: anybody can emit the same topics. */
export const decodeRunLogs = (logs: readonly Log[], liquidator: Address): RunResult | null => {
  const own = logs.filter(log => log.address === liquidator)
  const executed = own.find(log => log.topics[0] === EXECUTED_TOPIC)
  if (executed === undefined) return null
  const failures = failuresOf(own)
  const gains = Array.from({ length: Number(word(executed.data, 2)) }, (_, index) => word(executed.data, 3 + index))
  const legs = gains.map((gain, index): LegResult => {
    if (gain !== FAILED) return { index, ok: true, gainedWei: gain, failure: null }
    return { index, ok: false, gainedWei: 0n, failure: failures.get(index) ?? 'reverted without data' }
  })
  return { legs, profitWei: legs.reduce((sum, leg) => sum + leg.gainedWei, 0n), bidWei: word(executed.data, 0) }
}

/** Error(string), which may be cut short: the contract hands on 100 bytes at most. */
const errorString = (data: Hex): string => {
  const length = Number.parseInt(data.slice(74, 138), 16)
  const shown = data.slice(138, 138 + 2 * length)
  return hexToString(`0x${shown}`) + (shown.length < 2 * length ? '…' : '')
}

const PANICS: ReadonlyMap<bigint, string> = new Map([
  [0x01n, 'assertion'],
  [0x11n, 'arithmetic overflow'],
  [0x12n, 'division by zero'],
  [0x32n, 'index out of bounds'],
])

const customError = (data: Hex): string | null => {
  try {
    const decoded = decodeErrorResult({ abi: Liquidator.abi, data })
    if (decoded.errorName === 'NothingClosed') return `NothingClosed: ${decodeRevert(decoded.args[0])}`
    const inputs: readonly { readonly name?: string }[] = decoded.abiItem.inputs ?? []
    const args: readonly unknown[] = decoded.args ?? []
    return `${decoded.errorName}(${args.map((value, n) => `${inputs[n]?.name ?? n} ${String(value).toLowerCase()}`).join(', ')})`
  } catch {
    return null
  }
}

/** Revert data for a person: our own errors by name with their numbers, Error(string), Panic, else the selector. Never throws. */
export const decodeRevert = (data: Hex): string => {
  if (data.length < 10) return 'reverted without data'
  const selector = data.slice(0, 10)
  if (selector === '0x08c379a0' && data.length >= 138) return errorString(data)
  if (selector === '0x4e487b71' && data.length >= 74) {
    const code = BigInt(`0x${data.slice(10, 74)}`)
    return `panic: ${PANICS.get(code) ?? `0x${code.toString(16)}`}`
  }
  return customError(data) ?? `reverted with ${selector}`
}
