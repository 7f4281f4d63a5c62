// The operator keys: nonce and balance of each, kept from what our own heads show. A nonce advances only with an inclusion:
// a bundle that missed its block consumed none. Reads of the chain happen at start and in the background, never while sending.
import type { Address } from '../core/primitives'
import type { Chain, LogSink, Meter, Signer } from '../ports'

export interface FreeKey {
  readonly signer: Signer
  readonly nonce: number
  readonly balanceWei: bigint
}

/** How the transactions of one key ended, all of one target block. */
export interface KeyEnd {
  readonly address: Address
  /** Highest nonce that was included; null if none was. */
  readonly includedNonce: number | null
  readonly spentWei: bigint
}

export interface KeyRing {
  /** Reads nonces and balances once; later calls return at once. Rejects with KeeperError where the chain does. */
  ready(): Promise<void>
  /** Keys without a live transaction, richest first. */
  free(): readonly FreeKey[]
  /** The key has live transactions until `release`, which may cost up to `ceilingWei`. */
  occupy(address: Address, ceilingWei: bigint): void
  release(end: KeyEnd): void
  /** gasLimit * maxFeePerGas of all that is live. */
  ceilingWei(): bigint
  /** Reads nonce and balance again in the background: something happened that our own bookkeeping does not explain. */
  resync(address: Address): void
  /** Resolves once no background read is under way. */
  idle(): Promise<void>
}

interface KeyState {
  readonly signer: Signer
  nonce: number
  balanceWei: bigint
  ceilingWei: bigint
  isLive: boolean
  missesInARow: number
  /** A background read came while it was live: read again once it is free. */
  isDoubtful: boolean
}

/** So many misses in a row may mean that somebody else uses the key. */
const MISSES_BEFORE_RESYNC = 3

export const createKeyRing = (chain: Chain, signers: readonly Signer[], log: LogSink, meter: Meter): KeyRing => {
  const keys = new Map<Address, KeyState>()
  const underWay = new Set<Promise<void>>()
  let starting: Promise<void> | null = null

  const read = async (address: Address): Promise<{ readonly nonce: number; readonly balanceWei: bigint }> => {
    const [nonce, balanceWei] = await Promise.all([chain.nonce(address), chain.balance(address)])
    meter.gauge('key_balance_native', Number(balanceWei) / 1e18, { key: address })
    return { nonce, balanceWei }
  }
  const start = async (): Promise<void> => {
    const states = await Promise.all(signers.map(async signer => ({ signer, ...(await read(signer.address)) })))
    for (const state of states)
      keys.set(state.signer.address, { ...state, ceilingWei: 0n, isLive: false, missesInARow: 0, isDoubtful: false })
  }
  const stateOf = (address: Address): KeyState | undefined => keys.get(address)

  const refresh = async (address: Address): Promise<void> => {
    const found = await read(address)
    const state = stateOf(address)
    if (state === undefined) return
    // What is live was signed with the old nonce: it ends first, and its end asks again.
    state.isDoubtful = state.isLive
    if (state.isLive) return
    if (state.nonce !== found.nonce) log.log('warn', 'nonce-resynced', { key: address, ours: state.nonce, chain: found.nonce })
    state.nonce = found.nonce
    state.balanceWei = found.balanceWei
  }
  const resync = (address: Address): void => {
    const job: Promise<void> = refresh(address)
      .catch((error: unknown) => log.log('warn', 'resync-failed', { key: address, message: String(error) }))
      .finally(() => underWay.delete(job))
    underWay.add(job)
  }

  return {
    ready: () => {
      starting ??= start().catch((error: unknown) => {
        starting = null
        throw error
      })
      return starting
    },
    free: () =>
      [...keys.values()]
        .filter(state => !state.isLive)
        .sort((a, b) => (a.balanceWei < b.balanceWei ? 1 : a.balanceWei > b.balanceWei ? -1 : 0))
        .map(({ signer, nonce, balanceWei }) => ({ signer, nonce, balanceWei })),
    occupy: (address, ceilingWei) => {
      const state = stateOf(address)
      if (state === undefined) return
      state.isLive = true
      state.ceilingWei = ceilingWei
    },
    release: ({ address, includedNonce, spentWei }) => {
      const state = stateOf(address)
      if (state === undefined) return
      state.isLive = false
      state.ceilingWei = 0n
      state.balanceWei -= spentWei
      state.missesInARow = includedNonce === null ? state.missesInARow + 1 : 0
      if (includedNonce !== null) state.nonce = includedNonce + 1
      meter.gauge('key_balance_native', Number(state.balanceWei) / 1e18, { key: address })
      const isSuspicious = state.missesInARow > 0 && state.missesInARow % MISSES_BEFORE_RESYNC === 0
      if (isSuspicious || state.isDoubtful) resync(address)
    },
    ceilingWei: () => [...keys.values()].reduce((sum, state) => sum + state.ceilingWei, 0n),
    resync,
    idle: async () => {
      while (underWay.size > 0) await Promise.all([...underWay])
    },
  }
}
