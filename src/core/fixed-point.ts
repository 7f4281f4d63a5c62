// Integer maths with the rounding direction in the name. Operands are unsigned bigints; nothing here knows a token.

export const WAD = 10n ** 18n
export const BPS = 10_000n
export const MAX_UINT256 = (1n << 256n) - 1n
export const MAX_UINT128 = (1n << 128n) - 1n

/** floor(x * y / d). Throws RangeError when d is 0, as the EVM would revert. */
export const mulDivDown = (x: bigint, y: bigint, d: bigint): bigint => (x * y) / d

/** ceil(x * y / d). Throws RangeError when d is 0. */
export const mulDivUp = (x: bigint, y: bigint, d: bigint): bigint => (x * y + (d - 1n)) / d

export const wMulDown = (x: bigint, y: bigint): bigint => mulDivDown(x, y, WAD)
export const wDivDown = (x: bigint, y: bigint): bigint => mulDivDown(x, WAD, y)
export const wDivUp = (x: bigint, y: bigint): bigint => mulDivUp(x, WAD, y)

export const minOf = (a: bigint, b: bigint): bigint => (a < b ? a : b)
export const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b)

/** max(0, a - b). */
export const zeroFloorSub = (a: bigint, b: bigint): bigint => (a > b ? a - b : 0n)
