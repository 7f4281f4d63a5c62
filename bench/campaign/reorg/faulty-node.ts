// The Chain port over a tree of blocks, as a pool of nodes of which some lie: they lag, serve another fork, double, shuffle, drop or make up
// logs, or break off. Told to be honest, it is. Everything drawn from one seeded stream.
import { KeeperError } from '../../../src/core/errors'
import { logMatches } from '../../../src/core/log-filter'
import type { Log, LogFilter } from '../../../src/core/primitives'
import type { Chain, Receipt } from '../../../src/ports'
import type { Picking } from './picking'
import type { Tree, TreeBlock } from './tree'

export type Fault = 'failed' | 'unknown' | 'other-fork' | 'doubled' | 'disordered' | 'foreign' | 'conflicting' | 'missing'

export interface FaultyNode {
  readonly chain: Chain
  /** What the node calls its chain from now on. */
  setTip(tip: TreeBlock): void
  /** The chance that a request meets a fault, from now on. */
  setFaults(share: number): void
  /** Faults played, by kind. */
  played(): ReadonlyMap<Fault, number>
}

export interface FaultyNodeOptions {
  readonly tree: Tree
  readonly picking: Picking
  /** The tip of some other fork, for answers of a node that follows that one; null: there is none. */
  readonly otherTip: () => TreeBlock | null
  /** Whether logs may be missing from an answer about one block, and from one about a range. */
  readonly mayMiss: { readonly block: boolean; readonly range: boolean }
  readonly hasReceipts: boolean
}

const unknownBlock = (): KeeperError => new KeeperError('rpc-refused', 'unknown block', { retryable: true })
const failed = (): KeeperError => new KeeperError('rpc-failed', 'the connection broke', { retryable: true })

const unused = (): never => {
  throw new Error('not asked for in this campaign')
}

const receiptsOf = ({ header, logs }: TreeBlock): readonly Receipt[] =>
  logs.map((log, transactionIndex) => ({
    transactionHash: log.transactionHash,
    status: 'success',
    blockNumber: header.number,
    blockHash: header.hash,
    transactionIndex,
    gasUsed: 100_000n,
    effectiveGasPriceWei: 1_000_000_000n,
    logs: [log],
  }))

/** What a lying node makes of an answer; `foreign` are logs that do not belong there. */
const distort = (fault: Fault, logs: readonly Log[], foreign: readonly Log[], picking: Picking): readonly Log[] => {
  switch (fault) {
    case 'doubled':
      return [...logs, ...logs.filter(() => picking.chance(0.5))]
    case 'disordered':
      return picking.shuffled(logs)
    case 'foreign':
      return picking.shuffled([...logs, ...foreign])
    case 'conflicting':
      return logs.length === 0 ? logs : [...logs, { ...picking.pick(logs), data: `0x${'07'.repeat(160)}` }]
    case 'missing':
      return picking.chance(0.5) ? [] : logs.filter(() => picking.chance(0.6))
    default:
      return logs
  }
}

export const createFaultyNode = (options: FaultyNodeOptions): FaultyNode => {
  const { tree, picking, mayMiss } = options
  const played = new Map<Fault, number>()
  let tip = tree.genesis
  let share = 0
  let requests = 0
  const otherTip = (): TreeBlock => options.otherTip() ?? tip

  /** One request: a pause, as on a network, and perhaps a fault of those that apply. */
  const request = async (faults: readonly Fault[]): Promise<Fault | null> => {
    requests += 1
    await null
    if (share === 0 || !picking.chance(share)) return null
    const fault = picking.pick(faults)
    played.set(fault, (played.get(fault) ?? 0) + 1)
    if (fault === 'failed') throw failed()
    if (fault === 'unknown') throw unknownBlock()
    return fault
  }

  const matching = (logs: readonly Log[], filters: readonly LogFilter[]): readonly Log[] =>
    logs.filter(log => filters.some(filter => logMatches(filter, log)))

  const between = (end: TreeBlock, from: bigint, to: bigint): readonly Log[] => {
    const logs: Log[] = []
    for (let number = from; number <= to; number++) logs.push(...(tree.ancestor(end, number)?.logs ?? []))
    return logs
  }

  const known = (hash: string): TreeBlock => {
    const block = tree.byHash(hash as `0x${string}`)
    if (block === null) throw unknownBlock()
    return block
  }

  /** Logs of another fork's block at the same height, or of the parent. */
  const foreignTo = (block: TreeBlock): readonly Log[] =>
    (tree.ancestor(otherTip(), block.header.number)?.logs ?? [])
      .concat(block.parent?.logs ?? [])
      .filter(log => log.blockHash !== block.header.hash)

  const chain: Chain = {
    id: 1,
    followHeads: unused,
    blockByTag: async () => {
      const fault = await request(['failed', 'other-fork'])
      return (fault === 'other-fork' ? otherTip() : tip).header
    },
    blockByHash: async hash => {
      const fault = await request(['failed', 'unknown', 'missing'])
      return fault === 'missing' ? null : (tree.byHash(hash)?.header ?? null)
    },
    blockByNumber: async number => {
      const fault = await request(['failed', 'missing', 'other-fork'])
      if (fault === 'missing') return null
      return tree.ancestor(fault === 'other-fork' ? otherTip() : tip, number)?.header ?? null
    },
    logsOfBlock: async (hash, filters) => {
      const lies: Fault[] = ['failed', 'unknown', 'doubled', 'disordered', 'foreign', 'conflicting']
      const fault = await request(mayMiss.block ? [...lies, 'missing'] : lies)
      const block = known(hash)
      const logs = matching(block.logs, filters)
      return fault === null ? logs : distort(fault, logs, matching(foreignTo(block), filters), picking)
    },
    logsInRange: async (from, to, filters, onProgress) => {
      const lies: Fault[] = ['failed', 'doubled', 'disordered', 'foreign', 'conflicting']
      const ours = matching(between(tip, from, to), filters)
      const others = matching(between(otherTip(), from, to), filters)
      // Another fork's answer that only lacks logs is one with logs missing.
      const isOther = mayMiss.range || others.some(log => !ours.includes(log))
      const fault = await request([
        ...lies,
        ...(isOther ? (['other-fork'] as const) : []),
        ...(mayMiss.range ? (['missing'] as const) : []),
      ])
      const logs = fault === 'other-fork' ? others : ours
      const foreign = (): readonly Log[] => matching(between(otherTip(), from - 3n < 0n ? 0n : from - 3n, to), filters)
      const answer = fault === null ? logs : distort(fault, logs, fault === 'foreign' ? foreign() : [], picking)
      onProgress?.(to)
      return answer
    },
    read: async (calls, hash) => {
      await request(['failed', 'unknown'])
      const block = known(hash)
      return calls.map(call => tree.answer(block, call))
    },
    receiptsOfBlock: async hash => {
      const fault = await request(['failed', 'unknown', 'doubled', 'disordered', 'missing'])
      if (!options.hasReceipts) return null
      const receipts = receiptsOf(known(hash))
      if (fault === 'doubled') return [...receipts, ...receipts]
      if (fault === 'missing' && mayMiss.block) return receipts.filter(() => picking.chance(0.6))
      return fault === 'disordered' ? picking.shuffled(receipts) : receipts
    },
    simulate: unused,
    receipt: unused,
    nonce: unused,
    balance: unused,
    code: unused,
    requestCount: () => requests,
    close: async () => undefined,
  }

  return {
    chain,
    setTip: next => {
      tip = next
    },
    setFaults: next => {
      share = next
    },
    played: () => played,
  }
}
