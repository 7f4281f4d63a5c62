import { EventEmitter } from 'node:events'
import { createShutdown } from '../../src/ops/shutdown'

const setUp = () => {
  const signals = new EventEmitter()
  const lines: string[] = []
  const exits: number[] = []
  const shutdown = createShutdown({ signals, log: { log: (_, event) => lines.push(event) }, exitNow: code => exits.push(code) })
  return { signals, lines, exits, shutdown }
}

describe('createShutdown', () => {
  it('default: the first signal aborts, and says why', () => {
    const { signals, shutdown, lines } = setUp()
    expect(shutdown.signal.aborted).toBe(false)
    signals.emit('SIGTERM', 'SIGTERM')
    expect(shutdown.signal.aborted).toBe(true)
    expect(shutdown.reason()).toBe('SIGTERM')
    expect(lines).toEqual(['stopping'])
  })

  it('behavior: a second signal means now: 130', () => {
    const { signals, shutdown, exits } = setUp()
    jest.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValueOnce(100).mockReturnValueOnce(1_000)
    signals.emit('SIGINT', 'SIGINT')
    signals.emit('SIGINT', 'SIGINT')
    expect(exits).toEqual([])
    signals.emit('SIGINT', 'SIGINT')
    expect(exits).toEqual([130])
    expect(shutdown.signal.aborted).toBe(true)
    jest.restoreAllMocks()
  })

  it('behavior: releases last in, first out, going on past errors, once', async () => {
    const { shutdown, lines, signals } = setUp()
    const order: string[] = []
    shutdown.onRelease('first', () => void order.push('first'))
    shutdown.onRelease('second', () => Promise.reject(new Error('stuck')))
    shutdown.onRelease('third', async () => void order.push('third'))
    const [failed, again] = await Promise.all([shutdown.release(), shutdown.release()])
    expect(order).toEqual(['third', 'first'])
    expect(failed).toEqual(['second'])
    expect(again).toBe(failed)
    expect(lines).toContain('release-failed')
    expect(signals.listenerCount('SIGTERM') + signals.listenerCount('SIGINT')).toBe(0)
  })

  it('behavior: what arrives after the release is released at once', async () => {
    const { shutdown } = setUp()
    await shutdown.release()
    const late = jest.fn()
    shutdown.onRelease('late', late)
    expect(late).toHaveBeenCalledTimes(1)
  })

  it('behavior: may begin by itself', () => {
    const { shutdown } = setUp()
    shutdown.begin('a keeper died')
    shutdown.begin('later')
    expect(shutdown.reason()).toBe('a keeper died')
  })
})
