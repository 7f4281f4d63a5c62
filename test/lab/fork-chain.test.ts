import { createForkChain } from '../../src/lab/fork-chain'
import { createFakeChain } from '../fakes/chain'

const ANYWHERE = `0x${'11'.repeat(20)}` as const
const ALL = [{ addresses: [ANYWHERE], topics: [] }]
const LOG = { logs: [{ address: ANYWHERE }] }

/** An origin of five blocks, to be forked at the last. */
const scene = () => {
  const origin = createFakeChain()
  for (let n = 0; n < 5; n += 1) origin.mine(LOG)
  const head = origin.head()
  const fork = createFakeChain(origin.id, head.number)
  // Fakes number their hashes: the fork's must not be the origin's.
  for (let n = 0; n < 9; n += 1) fork.mine({ isHead: false })
  return { origin, head, fork, chain: createForkChain(origin, head) }
}

describe('createForkChain', () => {
  it('default: before the fork is there the head is the forked block, and the origin answers', async () => {
    const { origin, head, chain } = scene()
    origin.mine()
    expect(await chain.blockByTag('latest')).toEqual(head)
    expect(await chain.blockByHash(head.hash)).toEqual(head)
    expect(await chain.logsInRange(0n, head.number, ALL)).toHaveLength(5)
    await chain.read([{ to: ANYWHERE, data: '0x' }], head.hash)
    expect(origin.counts()).toMatchObject({ logsInRange: 1, read: 1 })
  })

  it('behavior: what the fork made is asked of the fork, all before of the origin', async () => {
    const { origin, head, fork, chain } = scene()
    chain.forkAt(head, fork)
    fork.mine(LOG)
    const latest = await chain.blockByTag('latest')
    expect(latest).toEqual(fork.head())
    expect(latest.number).toBe(head.number + 1n)
    await chain.read([{ to: ANYWHERE, data: '0x' }], latest.hash)
    await chain.read([{ to: ANYWHERE, data: '0x' }], head.hash)
    await chain.logsOfBlock(latest.hash, ALL)
    await chain.logsOfBlock(head.hash, ALL)
    expect(origin.counts()).toMatchObject({ read: 1, logsOfBlock: 1 })
    expect(fork.counts()).toMatchObject({ read: 1, logsOfBlock: 1 })
    expect(await chain.logsInRange(1n, latest.number, ALL)).toHaveLength(6)
  })

  it('behavior: moved to another block it forgets what the old fork had', async () => {
    const { origin, head, fork, chain } = scene()
    chain.forkAt(head, fork)
    fork.mine()
    const old = await chain.blockByTag('latest')
    const next = origin.mine()
    chain.forkAt(next, createFakeChain(origin.id, next.number))
    expect(await chain.blockByTag('latest')).toEqual(next)
    expect(await chain.blockByNumber(next.number)).toEqual(next)
    expect(await chain.blockByHash(old.hash)).toBeNull()
  })

  it('error: what only a fork can answer, without one', async () => {
    const { chain } = scene()
    await expect(chain.balance(ANYWHERE)).rejects.toMatchObject({
      code: 'lab-failed',
      message: expect.stringContaining('not ready'),
    })
  })
})
