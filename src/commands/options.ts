// The options of each command, as the command line hands them over, and the form of its JSON lines. No parsing here.
import type { Io } from '../ops/terminal'
import type { Change } from './scenario'

/** Options that every command has. */
export interface CommonOptions {
  readonly config?: string
  /** One JSON object a line on stdout, logs as JSON on stderr. */
  readonly json?: boolean
}

export interface RunOptions extends CommonOptions {}

export interface DemoOptions extends CommonOptions {
  /** File of the HTML page. */
  readonly page: string
  readonly seed: number
}

export interface DryRunOptions extends CommonOptions {
  readonly forkUrl: string
  /** One pass on this block, then the end; absent: follows the head. */
  readonly block?: bigint
}

export interface ScanOptions extends CommonOptions {
  /** This chain only. */
  readonly chain?: number
  /** Most rows per chain. */
  readonly limit: number
  /** Other prices than those on chain. */
  readonly if?: readonly Change[]
}

export interface WhatIfOptions extends CommonOptions {
  /** This chain only. */
  readonly chain?: number
  /** Address, or symbol. */
  readonly token: string
  /** In basis points, ascending. */
  readonly falls: readonly bigint[]
}

export interface DeployOptions extends CommonOptions {
  readonly chain?: number
  readonly owner?: string
}

/** What each command module exports; the number is the process's exit code. */
export type Command<Options> = (options: Options, io: Io) => Promise<number>

/** One JSON object on a line; bigints as decimal strings. */
export const jsonLine = (value: object): string =>
  `${JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? item.toString() : item))}\n`
