// How far history is read, in words and figures.
import { createPace, createProgress, durationText } from '../../src/commands/progress'
import { createFakeLog } from '../fakes/store'

const at = (done: bigint, folder = 'book') => ({ folder, from: 100n, done, to: 1_099n })

describe('createPace', () => {
  it('default: speed of late, and the time that is left at it', () => {
    let nowMs = 0
    const paceOf = createPace(() => nowMs)
    expect(paceOf(at(199n))).toEqual({ blocksPerSecond: null, secondsLeft: null })
    nowMs = 2_000
    expect(paceOf(at(299n))).toEqual({ blocksPerSecond: 50, secondsLeft: 16 })
    // Slower since: after a while only that counts.
    for (let n = 1; n <= 40; n++) {
      nowMs += 1_000
      paceOf(at(299n + BigInt(n)))
    }
    nowMs += 1_000
    const { blocksPerSecond } = paceOf(at(340n))
    expect(blocksPerSecond).toBeCloseTo(1, 5)
  })
  it('behavior: nothing is said too early, or while nothing moves', () => {
    let nowMs = 0
    const paceOf = createPace(() => nowMs)
    paceOf(at(199n))
    nowMs = 100
    expect(paceOf(at(299n)).blocksPerSecond).toBeNull()
    nowMs = 5_000
    expect(createPace(() => nowMs)(at(99n)).secondsLeft).toBeNull()
  })
  it('behavior: the next folder begins anew', () => {
    let nowMs = 0
    const paceOf = createPace(() => nowMs)
    paceOf(at(199n))
    nowMs = 10_000
    paceOf(at(1_099n))
    nowMs = 11_000
    expect(paceOf(at(149n, 'venue')).blocksPerSecond).toBeNull()
    nowMs = 12_000
    expect(paceOf(at(249n, 'venue')).blocksPerSecond).toBe(100)
  })
})

describe('durationText', () => {
  it.each([
    [0.2, '1 s'],
    [59, '59 s'],
    [200, '3 min 20 s'],
    [7_500, '2 h 5 min'],
  ])('default: %d s', (seconds, text) => expect(durationText(seconds)).toBe(text))
})

describe('createProgress', () => {
  it('default: without a terminal, a line in the log now and then', () => {
    let nowMs = 0
    const log = createFakeLog()
    const progress = createProgress({ isErrTerminal: false }, 'chain 1: reading history', log, () => nowMs)
    for (let n = 1; n <= 25; n++) {
      nowMs = 1_000 * n
      progress.update(at(99n + 10n * BigInt(n)))
    }
    progress.stop()
    expect(log.lines.map(({ level, event }) => `${level} ${event}`)).toEqual(['info reading-history', 'info reading-history'])
    expect(log.lines[1]!.fields).toEqual({
      folder: 'book',
      done: '299',
      to: '1099',
      message: 'chain 1: reading history (book): 20 % of the blocks to 1099, 10 blocks/s, about 1 min 20 s left',
    })
  })
  it('behavior: what is soon done is not talked about', () => {
    const log = createFakeLog()
    const progress = createProgress({ isErrTerminal: false }, 'chain 1', log)
    progress.update(at(1_099n))
    progress.stop()
    expect(log.lines).toEqual([])
  })
})
