// The one head watcher of a chain: a subscription where a WebSocket URL works, polling where none does. One loop, so that there
// can never be two watchers (K4): a lost source has ended before the next one begins.
import { invariant, KeeperError } from '../core/errors'
import type { Block } from '../core/primitives'
import type { LogSink, Meter } from '../ports'
import { type Backoff, backoffMs, pause } from './backoff'
import { toBlock } from './decode'
import { followHeadSocket } from './head-socket'
import type { Transport } from './transport'

export interface HeadsOptions {
  readonly chainId: number
  readonly urls: readonly string[]
  readonly transport: Transport
  readonly latest: () => Promise<Block>
  readonly pollIntervalMs: number
  readonly openTimeoutMs: number
  readonly pingIntervalMs: number
  /** Without a head for this long (or three slots, if longer), the node is asked whether there are any. */
  readonly headSilenceMs: number
  readonly backoff: Backoff
  readonly random: () => number
  readonly nowMs: () => number
  readonly log: LogSink
  readonly meter: Meter
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export const createHeads = (options: HeadsOptions) => {
  const { transport, log, meter, nowMs } = options
  const socketUrls = options.urls.filter(url => /^wss?:/i.test(url))
  const unsupported = new Set<string>()
  let isFollowed = false

  const follow = async (onHead: (head: Block) => void, signal: AbortSignal): Promise<void> => {
    let last: Block | null = null
    let lastAtMs = nowMs()
    let slotMs = 0
    let failures = 0
    let olderInARow = 0

    const emit = (head: Block): void => {
      if (signal.aborted || head.hash === last?.hash) return
      if (last !== null && head.number > last.number)
        slotMs = 1000 * Number((head.timestampSec - last.timestampSec) / (head.number - last.number))
      last = head
      lastAtMs = nowMs()
      onHead(head)
    }

    /** Asks for the newest head. One older than the last is that of a node that lags, unless the next answer is older too: then the chain went back. */
    const emitLatest = async (): Promise<boolean> => {
      try {
        const head = await options.latest()
        olderInARow = last !== null && head.number < last.number ? olderInARow + 1 : 0
        if (olderInARow !== 1) emit(head)
        return true
      } catch (error) {
        if (!(error instanceof KeeperError)) throw error
        if (!signal.aborted) log.log('warn', 'head-request-failed', { message: error.message })
        return false
      }
    }

    const onHeader = (header: unknown): void => {
      failures = 0
      try {
        emit(toBlock(options.chainId, header))
      } catch (error) {
        if (!(error instanceof KeeperError)) throw error
        // Some services send reduced headers: then each event is only a hint.
        meter.count('head_malformed')
        void emitLatest()
      }
    }

    const findStale = async (): Promise<string | null> => {
      const silentMs = nowMs() - lastAtMs
      if (silentMs < Math.max(options.headSilenceMs, 3 * slotMs)) return null
      const before = last
      const head = await options.latest()
      // A head came meanwhile, or there is none to come: ask again only after another such time.
      if (last !== before) return null
      lastAtMs = nowMs()
      if (before !== null && head.number <= before.number) return null
      return `no head for ${silentMs} ms although block ${head.number} exists`
    }

    const overSocket = async (url: string): Promise<void> => {
      try {
        await transport.verify(url)
      } catch (error) {
        if (error instanceof KeeperError && error.code === 'wrong-chain') unsupported.add(url)
        throw error
      }
      const { openTimeoutMs, pingIntervalMs } = options
      const onSubscribed = (): void => void emitLatest()
      const end = await followHeadSocket({
        url,
        openTimeoutMs,
        pingIntervalMs,
        onSubscribed,
        onHead: onHeader,
        findStale,
        signal,
      })
      if (end.isUnsupported) unsupported.add(url)
      if (signal.aborted) return
      meter.count('head_reconnects')
      log.log('warn', 'head-socket-lost', { why: end.why })
    }

    const poll = async (): Promise<void> => {
      failures = (await emitLatest()) ? 0 : failures + 1
      await pause(failures === 0 ? options.pollIntervalMs : backoffMs(options.backoff, failures, options.random()), signal)
    }

    const overNextSocket = async (usable: readonly string[], turn: number): Promise<void> => {
      const url = usable[turn % usable.length]!
      await overSocket(url).catch((error: unknown) => {
        if (!(error instanceof KeeperError)) throw error
        log.log('warn', 'head-socket-failed', { message: messageOf(error) })
      })
      if (signal.aborted) return
      failures += 1
      await pause(backoffMs(options.backoff, failures, options.random()), signal)
      // Another URL may serve requests although no socket stands: heads go on, at the pace of the attempts.
      if (failures > 1) await emitLatest()
    }

    for (let turn = 0; !signal.aborted; turn++) {
      const usable = socketUrls.filter(url => !unsupported.has(url))
      if (usable.length === 0) await poll()
      else await overNextSocket(usable, turn)
    }
  }

  /** Emits the latest head at once, then each new one, until `signal` aborts. Throws InvariantError when heads are followed already. */
  return (onHead: (head: Block) => void, signal: AbortSignal): void => {
    invariant(!isFollowed, 'heads of one chain are followed twice')
    isFollowed = true
    // An error that is none of the world's is ours: it surfaces as an unhandled rejection, which ends the process.
    void follow(onHead, signal).finally(() => {
      isFollowed = false
    })
  }
}
