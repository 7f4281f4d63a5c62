// The keeper's own loop over a connection that breaks again and again.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { TickReport } from '../../src/keeper'
import { CROWD, crowdSpec, dropTransactions } from './crowd'
import { type Lab, openLab, readUnderWater } from './lab'

const OUTAGES = 12

let lab: Lab
let wire: Server
const open = new Set<Socket>()

beforeAll(async () => {
  lab = await openLab(crowdSpec({ ...CROWD, each: 2 }), 5)
  const target = Number(new URL(lab.anvil.wsUrl).port)
  wire = createServer(socket => {
    const upstream = connect(target, '127.0.0.1')
    open.add(socket)
    socket.on('close', () => {
      open.delete(socket)
      upstream.destroy()
    })
    for (const each of [socket, upstream]) each.on('error', () => socket.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  wire.listen(0, '127.0.0.1')
  await once(wire, 'listening')
}, 60_000)

afterAll(async () => {
  for (const socket of open) socket.destroy()
  await new Promise(resolve => wire?.close(resolve))
  await lab?.close()
})

const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise(resolve => setTimeout(resolve, 5))
}

describe('outages', () => {
  test('K4: after a dozen of them one watcher is left: each block is dealt with once, over no more connections than before', async () => {
    const ticks: TickReport[] = []
    const rpc = [`ws://127.0.0.1:${(wire.address() as AddressInfo).port}`]
    const run = await lab.run({ keys: 1, config: { rpc }, onTick: tick => void ticks.push(tick) })
    const stop = new AbortController()
    const loop = run.composed.keeper.run(stop.signal)
    const ticksOf = (number: bigint): number => ticks.filter(({ head, end }) => head.number === number && end === 'done').length
    const build = async (topOfBlock = dropTransactions(lab.world)) => {
      const { number } = await lab.builder.buildBlock({ topOfBlock })
      await until(() => ticksOf(number) > 0)
      return number
    }
    await build([])
    const before = open.size
    for (let outage = 0; outage < OUTAGES; outage++) {
      for (const socket of open) socket.destroy()
      await build([])
    }
    const numbers = [await build(), await build([]), await build([])]
    expect(numbers.map(ticksOf)).toEqual([1, 1, 1])
    expect(open.size).toBeLessThanOrEqual(before)
    expect(await readUnderWater(lab.world)).toEqual([])
    expect(run.closed()).toHaveLength(4)
    stop.abort()
    await loop
    await run.close()
  }, 30_000)
})
