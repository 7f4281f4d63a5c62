// Scenarios as people write them: TOKEN=-10%, 1,2.5,10. Parses and looks tokens up; knows no market.
import { KeeperError } from '../core/errors'
import { BPS, WAD } from '../core/fixed-point'
import type { Address } from '../core/primitives'
import type { WhatIf } from '../core/strategy'
import type { ChainView } from './read-chains'

/** A token, as it was written, and by how much its value changes. */
export interface Change {
  readonly token: string
  readonly bps: bigint
}

/** `12`, `2.5`, `0.01` per cent in basis points; null for anything else. */
const percentBps = (text: string): bigint | null => {
  const [, whole, fraction = ''] = /^(\d{1,6})(?:\.(\d{1,2}))?$/.exec(text) ?? []
  return whole === undefined ? null : BigInt(whole) * 100n + BigInt(fraction.padEnd(2, '0'))
}

/** `WETH=-10%`, `0x…=+2.5%`; null where it is not of that form, or falls by everything. */
export const parseChange = (text: string): Change | null => {
  const [, token, sign, percent] = /^(.+)=([+-])([^%]+)%?$/.exec(text) ?? []
  const bps = percentBps(percent ?? '')
  if (token === undefined || bps === null) return null
  if (sign === '-') return bps < BPS ? { token, bps: -bps } : null
  return { token, bps }
}

/** `1,2.5,10` per cent as basis points in ascending order, each once; null where one is no fall between 0 and 100 %. */
export const parseFalls = (text: string): readonly bigint[] | null => {
  const falls = text.split(',').map(each => percentBps(each.trim().replace(/%$/, '')))
  const known = [...new Set(falls)].flatMap(bps => (bps === null || bps >= BPS ? [] : [bps]))
  if (falls.some(bps => bps === null || bps >= BPS)) return null
  return known.sort((a, b) => (a < b ? -1 : 1))
}

const wrong = (message: string): KeeperError => new KeeperError('bad-config', message, { retryable: false })

/** By address, or by symbol where one token alone calls itself that. Throws bad-config: unknown, or ambiguous. */
export const tokenNamed = (name: string, { id, tokens }: Pick<ChainView, 'id' | 'tokens'>): Address => {
  const lower = name.toLowerCase()
  if (/^0x[0-9a-f]{40}$/.test(lower)) {
    if (tokens.has(lower as Address)) return lower as Address
    throw wrong(`No market with open debt on chain ${id} has the token ${lower}.`)
  }
  const named = [...tokens.values()].filter(({ symbol }) => symbol?.toLowerCase() === lower)
  if (named.length === 1) return named[0]!.address
  if (named.length === 0) throw wrong(`No token of an open market on chain ${id} calls itself "${name}": give its address.`)
  const addresses = named.map(({ address }) => address).join(', ')
  throw wrong(`${named.length} tokens on chain ${id} call themselves "${name}": give the address of one of ${addresses}.`)
}

/** The changes as prices that are not on chain; of a token named twice both count. Throws bad-config as tokenNamed does. */
export const scenarioOf = (changes: readonly Change[], view: Pick<ChainView, 'id' | 'tokens'>): WhatIf => {
  const factorWad = new Map<Address, bigint>()
  for (const { token, bps } of changes) {
    const address = tokenNamed(token, view)
    factorWad.set(address, ((factorWad.get(address) ?? WAD) * (BPS + bps)) / BPS)
  }
  return { kind: 'values', factorWad }
}

/** 250n: `2.5 %`. */
export const percentText = (bps: bigint): string => {
  const fraction = (bps % 100n).toString().padStart(2, '0').replace(/0+$/, '')
  return `${bps / 100n}${fraction === '' ? '' : `.${fraction}`} %`
}

export const scenarioText = (changes: readonly Change[]): string =>
  changes.map(({ token, bps }) => `${token} ${bps < 0n ? `falls ${percentText(-bps)}` : `rises ${percentText(bps)}`}`).join(', ')
