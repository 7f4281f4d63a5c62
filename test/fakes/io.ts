// A terminal that keeps what is written to it.
import { createScrubber } from '../../src/ops/scrub'
import type { SignalSource } from '../../src/ops/shutdown'
import type { Io } from '../../src/ops/terminal'

export interface TestIo extends Io {
  outText(): string
  errText(): string
  readonly exits: readonly number[]
}

export const createTestIo = ({ directory, signals }: { readonly directory: string; readonly signals: SignalSource }): TestIo => {
  const scrubber = createScrubber()
  const written = { out: '', err: '' }
  const exits: number[] = []
  return {
    out: text => {
      written.out += scrubber.scrub(text)
    },
    err: text => {
      written.err += scrubber.scrub(text)
    },
    isOutTerminal: false,
    isErrTerminal: false,
    hasColour: false,
    directory,
    signals,
    exitNow: code => void exits.push(code),
    scrubber,
    outText: () => written.out,
    errText: () => written.err,
    exits,
  }
}
