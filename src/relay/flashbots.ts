// The Flashbots relay through its own package. Sends bundles and reads replies; never waits for inclusion (the chain
// tells), never simulates. The only home of ethers, which is loaded when a relay is made and not before.
import type { FetchRequest } from 'ethers'
import { keccak256 } from 'js-sha3'
import { privateKeyToAccount } from 'viem/accounts'
import type { Hex } from '../core/primitives'
import type { BundleRequest, LogSink, Meter, Relay, RelayReply } from '../ports'
import { createRateGate } from './rate-gate'
import { createPoster, type Poster } from './relay-post'
import { readAnswer, refused } from './relay-reply'

export interface FlashbotsRelaySettings {
  readonly name: string
  readonly url: string
  /** Holds no funds, but is the reputation and refund identity: persisted, never made anew at start (keepers.md K19). */
  readonly authKey: Hex
  readonly chainId: number
  readonly timeoutMs: number
  readonly requestsPerSecond: number
  readonly log: LogSink
  readonly meter: Meter
}

export interface FlashbotsRelay extends Relay {
  /** Ends idle connections. */
  close(): void
}

/** Waits between attempts where the relay names none. */
const RETRY_PAUSE_MS = 150
const MAX_ATTEMPTS = 4

/**
 * Carries the relay's answer out of the package. Of a refusal it would make a sentence, a TypeError or `undefined`; after an acceptance it
 * would recover the sender of each transaction for its `wait()`, which is never used: 5 ms each during which no head is heard.
 */
class Answered extends Error {
  readonly reply: RelayReply
  readonly retryAfterMs: number | null
  constructor(reply: RelayReply, retryAfterMs: number | null) {
    super('the relay answered')
    this.name = 'Answered'
    this.reply = reply
    this.retryAfterMs = retryAfterMs
  }
}

type Ethers = typeof import('ethers')
type BundlePackage = typeof import('@flashbots/ethers-provider-bundle')

const loadEthers = (): Ethers => require('ethers') as Ethers
const loadBundlePackage = (): BundlePackage => require('@flashbots/ethers-provider-bundle') as BundlePackage

/** Loads ahead what the first relay needs: some 300 ms of computing, best done while something else is being waited for. */
export const loadRelayPackages = (): void => {
  loadEthers()
  loadBundlePackage()
}

/**
 * A FetchRequest whose copies post through `poster`. ethers 6.7.1 sets a socket timeout that ends nothing, so a silent
 * relay would hold a promise and a socket for ever; and the package loses status and Retry-After.
 */
const boundRequest = (
  ethers: Ethers,
  settings: FlashbotsRelaySettings,
  poster: Poster,
  signal: AbortSignal | null,
): FetchRequest => {
  const request = new ethers.FetchRequest(settings.url)
  request.clone = () => boundRequest(ethers, settings, poster, signal)
  request.send = async () => {
    const body = Buffer.from(request.body ?? []).toString('utf8')
    const answer = await poster.post({ url: settings.url, headers: request.headers, body, timeoutMs: settings.timeoutMs, signal })
    throw new Answered(readAnswer(answer), answer.retryAfterMs)
  }
  return request
}

interface Attempt {
  readonly reply: RelayReply
  readonly retryAfterMs: number | null
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })

const attemptOf = (error: unknown): Attempt => {
  if (error instanceof Answered) return { reply: error.reply, retryAfterMs: error.retryAfterMs }
  return { reply: refused('retry', error instanceof Error ? error.message : String(error)), retryAfterMs: null }
}

/** The first signatures take 20 ms, the next ones a few, until the engine has compiled what they need. */
const WARM_UPS = 20

/** Makes the sender of one attempt; everything costly (package load, key tables) is paid here, before the first bundle. */
const createAttempt = (settings: FlashbotsRelaySettings, poster: Poster): ((bundle: BundleRequest) => Promise<Attempt>) => {
  const ethers = loadEthers()
  // A request's signature covers the hash of its whole body: ethers' own takes four times as long.
  ethers.keccak256.register(bytes => new Uint8Array(keccak256.arrayBuffer(bytes)))
  const { FlashbotsBundleProvider } = loadBundlePackage()
  const network = ethers.Network.from(settings.chainId)
  const offline = new ethers.AbstractProvider(network)
  const wallet = new ethers.Wallet(settings.authKey)
  const account = privateKeyToAccount(settings.authKey)
  // The same signature in half the time.
  wallet.signMessage = message => account.signMessage({ message: typeof message === 'string' ? message : { raw: message } })
  for (let i = 0; i < WARM_UPS; i++) void wallet.signMessage(ethers.id(`warm ${i}`))
  const providerFor = (signal: AbortSignal | null) =>
    new FlashbotsBundleProvider(offline, wallet, boundRequest(ethers, settings, poster, signal), network)
  const shared = providerFor(null)
  return async bundle => {
    const provider = bundle.signal === undefined ? shared : providerFor(bundle.signal)
    try {
      await provider.sendRawBundle([...bundle.rawTransactions], Number(bundle.targetBlock), {
        revertingTxHashes: [...bundle.revertingHashes],
      })
      return { reply: refused('retry', 'the bundle package ended without sending'), retryAfterMs: null }
    } catch (error) {
      return attemptOf(error)
    }
  }
}

/**
 * One private path to the builders behind `url`. `send` never rejects. A refusal of class 'retry' is tried again (up to
 * four times, honouring Retry-After) only while the bundle's `signal` says that its target block is still to come.
 */
export const createFlashbotsRelay = (settings: FlashbotsRelaySettings): FlashbotsRelay => {
  const { name, log, meter } = settings
  const poster = createPoster(settings.url)
  const attempt = createAttempt(settings, poster)
  const gate = createRateGate(settings.requestsPerSecond, () => performance.now())
  const sendWithRetries = async (bundle: BundleRequest): Promise<RelayReply> => {
    let before: string | null = null
    for (let made = 1; ; made++) {
      const { reply, retryAfterMs } = await gate.run(() => attempt(bundle))
      // That another try was cut short says less than what the relay had answered.
      if (reply.kind === 'refused' && before !== null && bundle.signal?.aborted === true)
        return refused(reply.class, `${before}; tried again: ${reply.message}`)
      before = reply.kind === 'refused' ? reply.message : null
      const again = reply.kind === 'refused' && reply.class === 'retry' && bundle.signal !== undefined && made < MAX_ATTEMPTS
      if (!again || bundle.signal.aborted) return reply
      meter.count('relay_retries', 1, { relay: name })
      await pause(retryAfterMs ?? RETRY_PAUSE_MS * made, bundle.signal)
      if (bundle.signal.aborted) return reply
    }
  }
  return {
    name,
    send: async bundle => {
      const startMs = performance.now()
      const reply = await sendWithRetries(bundle).catch((error: unknown) => attemptOf(error).reply)
      const outcome = reply.kind === 'accepted' ? 'accepted' : reply.class
      meter.count('relay_replies', 1, { relay: name, reply: outcome })
      meter.observe('relay_latency_ms', performance.now() - startMs, { relay: name })
      if (reply.kind === 'refused')
        log.log(reply.class === 'auth' ? 'error' : 'warn', 'relay-refused', {
          relay: name,
          class: reply.class,
          message: reply.message,
          targetBlock: bundle.targetBlock.toString(),
        })
      return reply
    },
    close: () => poster.close(),
  }
}
