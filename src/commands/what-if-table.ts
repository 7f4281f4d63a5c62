// What other prices would do, as tables for people and rows for machines. Formats only.
import Table from 'cli-table3'
import pc from 'picocolors'
import type { Opportunity } from '../core/opportunity'
import type { Address, Token } from '../core/primitives'
import type { DebtAtRisk } from '../core/strategy'
import { amountText } from './scan-table'
import { percentText } from './scenario'

/** The best close at those prices: what it takes and gives. */
export const hitRow = ({ position, closes, obstacle, debtAssets }: Opportunity): object => {
  const close = closes[0]
  return {
    ...position,
    payToken: close?.payToken ?? null,
    payAssets: close?.maxPay ?? null,
    receiveToken: close?.receiveToken ?? null,
    receiveAssets: close?.amountsFor(close.maxPay).received ?? null,
    badDebtAssets: debtAssets,
    obstacle,
  }
}

const styleOf = (hasColour: boolean): object => (hasColour ? {} : { head: [], border: [] })

const marketText = (strategy: string, market: string): string => `${strategy} ${market.slice(0, 10)}..`

/** A table of the first `limit` hits, with a line that says how many there are. */
export const hitsTable = (
  title: string,
  hits: readonly Opportunity[],
  limit: number,
  tokens: ReadonlyMap<Address, Token>,
  hasColour: boolean,
): string => {
  const table = new Table({
    head: ['account', 'market', 'repay', 'receive', 'not covered'],
    style: styleOf(hasColour),
    colAligns: ['left', 'left', 'right', 'right', 'right'],
  })
  for (const { position, closes, obstacle, debtAssets } of hits.slice(0, limit)) {
    const close = closes[0]
    table.push([
      position.account,
      marketText(position.strategy, position.market),
      close === undefined ? (obstacle ?? '-') : amountText(close.maxPay, close.payToken, tokens),
      close === undefined ? '-' : amountText(close.amountsFor(close.maxPay).received, close.receiveToken, tokens),
      close === undefined || debtAssets === 0n ? '-' : amountText(debtAssets, close.payToken, tokens),
    ])
  }
  const shown = hits.length > limit ? `, ${limit} of them` : ''
  return `${pc.createColors(hasColour).bold(title)}: ${hits.length} positions could be liquidated${shown}\n${table.toString()}\n`
}

/** A row for each market and debt token with anything at risk, a column for each fall. */
export const riskTable = (
  title: string,
  fallsBps: readonly bigint[],
  rows: readonly (DebtAtRisk & { readonly strategy: string })[],
  tokens: ReadonlyMap<Address, Token>,
  hasColour: boolean,
): string => {
  const atRisk = rows.filter(({ positions }) => positions.some(count => count > 0))
  const table = new Table({
    head: ['market', ...fallsBps.map(percentText)],
    style: styleOf(hasColour),
    colAligns: ['left', ...fallsBps.map(() => 'right' as const)],
  })
  for (const { strategy, market, debtToken, debtAssets, positions } of atRisk)
    table.push([
      marketText(strategy, market),
      ...debtAssets.map((debt, i) =>
        positions[i] === 0 ? '-' : `${amountText(debt, debtToken, tokens)}\n${positions[i]} positions`,
      ),
    ])
  const quiet = rows.length - atRisk.length
  const rest = quiet === 0 ? '' : `${quiet} more with nothing at risk\n`
  return `${pc.createColors(hasColour).bold(title)}\n${table.toString()}\n${rest}`
}
