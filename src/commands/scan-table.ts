// Positions as a table for people and as rows for machines. Formats only: money stays bigint, nothing is decided on what is shown.
import Table from 'cli-table3'
import pc from 'picocolors'
import { WAD } from '../core/fixed-point'
import type { PositionView } from '../core/opportunity'
import type { Address, Token } from '../core/primitives'

/** `value` in units of 10^decimals, at most `places` decimals, rounded down. Undecided decimals: the raw number. */
export const formatUnitsDown = (value: bigint, decimals: number | null, places: number): string => {
  if (decimals === null) return value.toString()
  const unit = 10n ** BigInt(decimals)
  const fraction = (value % unit).toString().padStart(decimals, '0').slice(0, places).replace(/0+$/, '')
  return fraction === '' ? (value / unit).toString() : `${value / unit}.${fraction}`
}

/** How far the collateral's price may fall before the position is under water, in basis points, rounded down; 0 once it is. */
export const distanceBpsDown = (healthFactorWad: bigint): bigint =>
  healthFactorWad <= WAD ? 0n : ((healthFactorWad - WAD) * 10_000n) / healthFactorWad

export const scanRow = (position: PositionView): object => ({
  ...position,
  distanceBps: position.healthFactorWad === null ? null : distanceBpsDown(position.healthFactorWad),
  isLiquidatable: position.healthFactorWad === null ? null : position.healthFactorWad < WAD,
})

const NEAR_BPS = 500n

/** A token may call itself anything, terminal codes included. */
const printable = (symbol: string): string => symbol.replace(/[^\x20-\x7e]/g, '?').slice(0, 12)

/** For a person: at most four decimals, rounded down. */
export const amountText = (value: bigint, address: Address, tokens: ReadonlyMap<Address, Token>): string => {
  const token = tokens.get(address)
  const name = printable(token?.symbol ?? `${address.slice(0, 8)}..`)
  return `${formatUnitsDown(value, token?.decimals ?? null, 4)} ${name}`
}

const distance = (position: PositionView, c: ReturnType<typeof pc.createColors>): string => {
  if (position.healthFactorWad === null) return c.dim('no price')
  if (position.healthFactorWad < WAD) return c.red(c.bold('liquidatable'))
  const bps = distanceBpsDown(position.healthFactorWad)
  const text = `${formatUnitsDown(bps, 2, 2)} %`
  return bps < NEAR_BPS ? c.yellow(text) : c.green(text)
}

/** A table of `shown`, with a line that says what it is. */
export const scanTable = (
  chainId: number,
  block: bigint,
  shown: readonly PositionView[],
  total: number,
  tokens: ReadonlyMap<Address, Token>,
  hasColour: boolean,
): string => {
  const c = pc.createColors(hasColour)
  const style = hasColour ? {} : { head: [], border: [] }
  const table = new Table({
    head: ['account', 'market', 'health', 'to liquidation', 'collateral', 'debt'],
    style,
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
  })
  for (const position of shown) {
    table.push([
      position.account,
      `${position.strategy} ${position.market.slice(0, 10)}..`,
      position.healthFactorWad === null ? '-' : formatUnitsDown(position.healthFactorWad, 18, 4),
      distance(position, c),
      amountText(position.collateralAssets, position.collateralToken, tokens),
      amountText(position.debtAssets, position.debtToken, tokens),
    ])
  }
  const title = `${c.bold(`chain ${chainId}, block ${block}`)}: ${total} open positions${total > shown.length ? `, the ${shown.length} closest` : ''}`
  return `${title}\n${table.toString()}\n`
}
