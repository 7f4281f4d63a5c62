// `bulwark what-if`: how much debt becomes liquidatable if a token falls by so and so much. Reads only; needs no key.
import type { DebtAtRisk } from '../core/strategy'
import type { Io } from '../ops/terminal'
import { type Command, jsonLine, type WhatIfOptions } from './options'
import { type ChainView, readChains, warnOfFaults } from './read-chains'
import { tokenNamed } from './scenario'
import { riskTable } from './what-if-table'

const show = (view: ChainView, { token: name, falls, json }: WhatIfOptions, io: Io): void => {
  const { id, reading, target, tokens } = view
  const token = tokenNamed(name, view)
  const rows = reading.books.flatMap(book =>
    book
      .debtAtRisk(target, token, falls)
      .map((risk): DebtAtRisk & { readonly strategy: string } => ({ strategy: book.strategy, ...risk })),
  )
  if (json === true) {
    const block = target.number - 1n
    for (const row of rows) io.out(jsonLine({ chain: id, block, token, fallsBps: falls, ...row }))
    return
  }
  const title = `chain ${id}, block ${target.number - 1n}: liquidatable debt, and positions, if ${name} falls`
  io.out(riskTable(title, falls, rows, tokens, io.isOutTerminal && io.hasColour))
  warnOfFaults(view, io)
}

/** Prints the debt at risk of the configured chains at their next block. 130 if interrupted. */
export const whatIf: Command<WhatIfOptions> = (options, io) => readChains(options, io, view => show(view, options, io))
