import { KeeperError } from '../../src/core/errors'
import { createLog } from '../../src/ops/log'
import { createScrubber } from '../../src/ops/scrub'
import { withFields } from '../../src/ops/with-fields'
import type { LogLevel } from '../../src/ports'

const capture = (options: { readonly level?: LogLevel; readonly isPretty?: boolean } = {}) => {
  const lines: string[] = []
  const log = createLog({ level: 'info', write: line => lines.push(line), ...options })
  return { log, lines, last: (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? '{}') }
}

describe('createLog', () => {
  it('default: one JSON object a line: time, level, event, fields', () => {
    const { log, lines, last } = capture()
    log.log('warn', 'behind', { block: 12n, tries: 3 })
    expect(lines[0]).toMatch(/^\{.*\}\n$/)
    expect(last()).toMatchObject({
      level: 'warn',
      event: 'behind',
      block: '12',
      tries: 3,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    })
  })

  it('behavior: levels below the configured one are left out', () => {
    const { log, lines } = capture({ level: 'warn' })
    log.log('info', 'quiet')
    log.log('error', 'loud')
    expect(lines).toHaveLength(1)
  })

  it('behavior: money keeps every digit, at any depth', () => {
    const { log, last } = capture()
    const wei = 123_456_789_012_345_678_901_234n
    log.log('info', 'profit', { wei, list: [wei], map: new Map([['wei', wei]]), deep: { wei } })
    expect(last()).toMatchObject({ wei: `${wei}`, list: [`${wei}`], map: { wei: `${wei}` }, deep: { wei: `${wei}` } })
  })

  it('behavior: errors come with code and cause, without a stack', () => {
    const { log, last } = capture()
    log.log('error', 'failed', {
      error: new KeeperError('rpc-failed', 'no answer', { retryable: true, cause: new Error('ECONNRESET') }),
    })
    expect(last().error).toEqual({
      name: 'KeeperError',
      message: 'no answer',
      code: 'rpc-failed',
      cause: { name: 'Error', message: 'ECONNRESET' },
    })
  })

  it('behavior: fields that are named like secrets are hidden', () => {
    const { log, lines } = capture()
    log.log('info', 'oops', {
      privateKey: 'p1',
      nested: { api_key: 'p2', Authorization: 'p3', password: 'p4' },
      key: '0xaddress',
      publicKey: 'shown',
    })
    expect(lines[0]).not.toMatch(/"p[1-4]"/)
    expect(lines[0]).toContain('0xaddress')
    expect(lines[0]).toContain('shown')
  })

  it('behavior: whatever comes in, a line comes out', () => {
    const { log, lines } = capture()
    const round: Record<string, unknown> = {}
    round.self = round
    for (const value of [round, () => 1, Symbol('s'), undefined, null, new Array(5_000).fill(1), new Date(0)])
      log.log('info', 'odd', { value })
    expect(lines).toHaveLength(7)
    for (const line of lines) expect(line.length).toBeLessThan(2_000)
  })

  it('behavior: for people, a short line', () => {
    const { log, lines } = capture({ isPretty: true })
    log.log('warn', 'behind', { block: 12n, reason: 'no such block' })
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}behind block=12 reason="no such block"\n$/)
  })
})

describe('withFields', () => {
  it('default: adds the fixed fields to each line', () => {
    const { log, last } = capture()
    withFields(log, { chain: 7 }).log('info', 'ready', { block: 1n })
    expect(last()).toMatchObject({ chain: 7, block: '1' })
  })
})

describe('createScrubber', () => {
  const secret = (text: string) => ({ reveal: () => text })

  it('default: hides a key wherever it stands, with or without 0x, in either case', () => {
    const hex = 'ab12'.repeat(16)
    const { scrub } = createScrubber([secret(`0x${hex}`)])
    expect(scrub(`a 0x${hex} b ${hex.toUpperCase()} c`)).toBe('a [secret] b [secret] c')
  })

  it('behavior: takes texts literally, learns later, ignores what is too short to be one', () => {
    const scrubber = createScrubber([secret('/v3/a.b+c?d'), secret('abc')])
    scrubber.add(secret('user:pass(word'))
    expect(scrubber.scrub('wss://h/v3/a.b+c?d user:pass(word abc /v3/aXb+c?d')).toBe('wss://h[secret] [secret] abc /v3/aXb+c?d')
  })
})
