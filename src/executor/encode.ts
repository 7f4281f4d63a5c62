// Turns legs and steps into calldata for contracts/Liquidator.sol (the packed format is described there).
// Must not decide or look anything up: what a value cannot say exactly is refused with InvariantError.
import { InvariantError, invariant } from '../core/errors'
import { type Address, type Hex, unreachable } from '../core/primitives'
import type { Amount, Callback, Fill, Leg, Payee, Step } from '../core/program'
import type { RunOrder } from './run-codec'

const ZERO_ADDRESS: Address = `0x${'0'.repeat(40)}`
const COINBASE: Address = `0x${'0'.repeat(39)}1`

/** Selector of `run()`, whose arguments are packed behind it; a test holds it to the ABI. */
export const RUN_SELECTOR = '0xc0406226'

// Operation byte: what kind of step, and its flags.
const CALL = 0
const PAY = 1
const APPROVE = 2
const DRAW = 3
const WITH_CALLBACK = 4
const TO_CALLER = 4
const FROM_OTHER = 8
const MAX_FILLS = 15
/** A fill here sets the call's value instead of its data. */
const VALUE = 0xffff

// Amount byte: the source and its flags.
const EXACT = 0
const ARGUMENT = 1
const GAINED = 2
const RETURNED = 3
const OWED = 4
const HALF = 8
const NEGATE = 16

const uint = (value: bigint | number, bytes: number, what: string): string => {
  const digits = value.toString(16)
  if (value < 0 || digits.length > bytes * 2) throw new InvariantError(`${what} ${value} does not fit ${bytes} bytes`)
  return digits.padStart(bytes * 2, '0')
}

/** What the steps of one program may refer to: the leg's token table and whose callback they run in (null: none). */
interface Scope {
  readonly tokens: readonly Address[]
  readonly caller: Address | null
}

const tokenIndex = (token: Address, scope: Scope): string => {
  const index = scope.tokens.indexOf(token)
  if (index === -1) throw new InvariantError(`token ${token} is not declared by its leg`)
  return uint(index, 1, 'token index')
}

const encodeAmount = (amount: Amount, scope: Scope, flags: number): string => {
  switch (amount.kind) {
    case 'exact':
      return `${uint(EXACT | flags, 1, 'flags')}00${uint(amount.value, 16, 'amount')}`
    case 'argument':
      invariant(scope.caller !== null, 'an argument amount outside any callback')
      return uint(ARGUMENT | flags, 1, 'flags') + uint(amount.word, 1, 'argument word')
    case 'gained':
      return uint(GAINED | flags, 1, 'flags') + tokenIndex(amount.token, scope)
    case 'returned': {
      invariant(amount.at % 16 === 0, `returned bytes at ${amount.at}: not a multiple of 16`)
      const kind = RETURNED | flags | (amount.bytes === 16 ? HALF : 0) | (amount.isOwed === true ? OWED : 0)
      return uint(kind, 1, 'flags') + uint(amount.at / 16, 1, 'returned offset')
    }
    default:
      return unreachable(amount)
  }
}

const TWO_256 = 1n << 256n

/** Exact fills are written here and now; the others are left to the chain. */
const writeExact = (data: string, fill: Fill): string => {
  if (fill.amount.kind !== 'exact') return data
  const { value } = fill.amount
  const word = fill.negate === true && value !== 0n ? TWO_256 - value : value
  const start = 2 + fill.at * 2
  return data.slice(0, start) + uint(word, 32, 'amount') + data.slice(start + 64)
}

/** Puts the program at the end of `data` as its `bytes` argument; programAt is the byte where it starts. */
const appendProgram = (
  data: string,
  callback: Callback,
  program: string,
): { readonly data: string; readonly programAt: number } => {
  const head = 10 + callback.dataWord * 64
  invariant(data.length >= head + 64, `the call has no argument word ${callback.dataWord}`)
  // An ABI encoder has written an empty argument: its length word is ours to overwrite where it stands last.
  const isEmptyTail = Number.parseInt(data.slice(head, head + 64), 16) === (data.length - 10 - 64) / 2
  const body = isEmptyTail && /^0{64}$/.test(data.slice(-64)) ? data.slice(0, -64) : data
  const offset = uint((body.length - 10) / 2, 32, 'offset')
  const filled = body.slice(0, head) + offset + body.slice(head + 64)
  return { data: filled + uint(program.length / 2, 32, 'program length') + program, programAt: body.length / 2 - 1 + 32 }
}

type CallStep = Extract<Step, { readonly kind: 'call' }>

const encodeCall = (step: CallStep, scope: Scope): string => {
  for (const fill of step.fills)
    invariant(
      fill.at >= 4 && 2 + (fill.at + 32) * 2 <= step.data.length,
      `a fill at byte ${fill.at} lies outside the call's data`,
    )
  const written = step.fills.reduce<string>(writeExact, step.data)
  const { callback } = step
  const program = callback === null ? null : encodeSteps(callback.program, { tokens: scope.tokens, caller: callback.from })
  const { data, programAt } =
    callback === null || program === null ? { data: written, programAt: 0 } : appendProgram(written, callback, program)
  const fills = step.fills
    .filter(fill => fill.amount.kind !== 'exact')
    .map(fill => uint(fill.at, 2, 'fill') + encodeAmount(fill.amount, scope, fill.negate === true ? NEGATE : 0))
  const value = step.value ?? (step.valueWei ? { kind: 'exact' as const, value: step.valueWei } : null)
  if (value !== null) fills.push(uint(VALUE, 2, 'fill') + encodeAmount(value, scope, 0))
  invariant(fills.length <= MAX_FILLS, `${fills.length} fills in one call`)
  const isFromOther = callback !== null && callback.from !== step.to
  const op = CALL | (callback === null ? 0 : WITH_CALLBACK) | (isFromOther ? FROM_OTHER : 0) | (fills.length << 4)
  const head =
    uint(op, 1, 'op') + step.to.slice(2) + uint(data.length / 2 - 1, 2, 'call data length') + uint(programAt, 2, 'program')
  return head + (isFromOther ? callback.from.slice(2) : '') + data.slice(2) + fills.join('')
}

const encodeStep = (step: Step, scope: Scope): string => {
  switch (step.kind) {
    case 'call':
      return encodeCall(step, scope)
    case 'pay':
    case 'approve': {
      const other = step.kind === 'pay' ? step.to : step.spender
      const isCaller = other === scope.caller
      const op = (step.kind === 'pay' ? PAY : APPROVE) | (isCaller ? TO_CALLER : 0)
      const head = uint(op, 1, 'op') + tokenIndex(step.token, scope) + (isCaller ? '' : other.slice(2))
      return head + encodeAmount(step.amount, scope, 0)
    }
    case 'draw':
      return uint(DRAW, 1, 'op') + tokenIndex(step.token, scope) + encodeAmount(step.amount, scope, 0)
    default:
      return unreachable(step)
  }
}

const encodeSteps = (steps: readonly Step[], scope: Scope): string => steps.map(step => encodeStep(step, scope)).join('')

const amountTokens = (amount: Amount | undefined): readonly Address[] => (amount?.kind === 'gained' ? [amount.token] : [])

const tokensOf = (steps: readonly Step[]): readonly Address[] =>
  steps.flatMap(step => {
    if (step.kind !== 'call') return [step.token, ...amountTokens(step.amount)]
    const filled = [...step.fills.map(fill => fill.amount), step.value].flatMap(amountTokens)
    return [...filled, ...(step.callback === null ? [] : tokensOf(step.callback.program))]
  })

/** Token table of a leg: the profit token, then what it declares, then what its steps name besides; each once. */
const tokenTable = (wrappedNative: Address, leg: Leg): readonly Address[] => [
  ...new Set([wrappedNative, ...leg.tokens, ...tokensOf(leg.steps)]),
]

/**
 * The bytes of a program alone. `tokens`: the leg's table, profit token first. `caller`: in whose callback it runs, null for a leg's own.
 * Throws InvariantError where a number does not fit its field or a token is not in the table.
 */
export const encodeProgram = (steps: readonly Step[], tokens: readonly Address[], caller: Address | null): Hex =>
  `0x${encodeSteps(steps, { tokens, caller })}`

const writeLeg = (wrappedNative: Address, leg: Leg): string => {
  const tokens = tokenTable(wrappedNative, leg)
  const declared = tokens.slice(1)
  return (
    uint(leg.floorWei, 12, 'leg floor') +
    uint(declared.length, 1, 'number of tokens') +
    declared.map(token => token.slice(2)).join('') +
    encodeSteps(leg.steps, { tokens, caller: null })
  )
}

/** A leg is encoded for its simulation and again, the same, for the signature. */
const written = new WeakMap<Leg, { readonly wrappedNative: Address; readonly body: string }>()

const bodyOf = (wrappedNative: Address, leg: Leg): string => {
  const known = written.get(leg)
  if (known?.wrappedNative === wrappedNative) return known.body
  const body = writeLeg(wrappedNative, leg)
  written.set(leg, { wrappedNative, body })
  return body
}

const encodeLeg = (wrappedNative: Address, leg: Leg, gas: bigint): string => {
  const body = bodyOf(wrappedNative, leg)
  return uint(body.length / 2, 3, 'leg length') + uint(leg.gasLimit, 3, 'leg gas limit') + uint(gas, 3, 'leg gas') + body
}

const payeeAddress = (payee: Payee): Address => {
  switch (payee.kind) {
    case 'coinbase':
      return COINBASE
    case 'address':
      return payee.address
    case 'none':
      return ZERO_ADDRESS
    default:
      return unreachable(payee)
  }
}

/** Calldata of `run()`. Tokens that steps name are declared even where the leg forgot them. Throws InvariantError as `encodeProgram`. */
export const encodeRun = (order: RunOrder, legs: readonly Leg[]): Hex => {
  const head = [
    order.wrappedNative.slice(2),
    payeeAddress(order.payee).slice(2),
    uint(order.lastBlock, 6, 'last block'),
    uint(order.deadlineSec, 6, 'deadline'),
    uint(order.bidShareBps, 2, 'bid share'),
    uint(legs.length, 2, 'number of legs'),
    uint(order.costWei, 12, 'cost'),
    uint(order.floorWei, 12, 'floor'),
  ]
  return `${RUN_SELECTOR}${head.join('')}${legs.map((leg, index) => encodeLeg(order.wrappedNative, leg, order.legGas?.[index] ?? 0n)).join('')}`
}
