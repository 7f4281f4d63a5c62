import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ChainFacts, type Health, judgeHealth } from '../../src/ops/health'
import { createMetricsBook, withLabels } from '../../src/ops/meter'
import { type OpsServer, startOpsServer } from '../../src/ops/server'

const get = async (
  port: number,
  path: string,
): Promise<{ readonly status: number; readonly body: string; readonly type: string }> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
  return { status: response.status, body: await response.text(), type: response.headers.get('content-type') ?? '' }
}

describe('startOpsServer', () => {
  const book = createMetricsBook({ hasProcessMetrics: false })
  let state: Health = { status: 'ok', chains: [] }
  let server: OpsServer
  beforeAll(async () => {
    server = await startOpsServer({ host: '127.0.0.1', port: 0, metrics: book, health: async () => state })
  })
  afterAll(() => server.close())

  it('default: metrics in the Prometheus format', async () => {
    const meter = withLabels(book.meter, { chain: '1' })
    meter.count('skips', 2, { reason: 'no-route' })
    meter.count('skips', 1, { reason: 'no-route' })
    meter.gauge('head_block', 17)
    meter.observe('tick_ms', 3)
    const { status, body, type } = await get(server.port, '/metrics')
    expect(status).toBe(200)
    expect(type).toContain('text/plain')
    expect(body).toContain('bulwark_skips_total{reason="no-route",chain="1"} 3')
    expect(body).toContain('bulwark_head_block{chain="1"} 17')
    expect(body).toContain('bulwark_tick_ms_bucket{le="5",chain="1"} 1')
  })

  it('behavior: a label that comes or goes breaks nothing', async () => {
    book.meter.count('odd', 1, { a: 'x' })
    book.meter.count('odd', 1)
    book.meter.count('odd', 1, { a: 'x', b: 'y' })
    book.meter.observe('odd_ms', Number.NaN)
    book.meter.count('odd', -1, { a: 'x' })
    expect((await get(server.port, '/metrics')).body).toContain('bulwark_odd_total{a="x"} 2')
  })

  it('behavior: health is 200 while the keeper would act, 503 where it would not', async () => {
    state = { status: 'degraded', chains: [] }
    expect(await get(server.port, '/health')).toMatchObject({ status: 200, body: '{"status":"degraded","chains":[]}' })
    state = { status: 'down', chains: [] }
    expect((await get(server.port, '/health')).status).toBe(503)
  })

  it('error: a port that is taken', async () => {
    const other = createServer()
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    await expect(startOpsServer({ host: '127.0.0.1', port, metrics: book, health: async () => state })).rejects.toMatchObject({
      code: 'bad-config',
    })
    await new Promise(resolve => other.close(resolve))
  })
})

describe('judgeHealth', () => {
  const facts = (more: Partial<ChainFacts> = {}): ChainFacts => ({
    chainId: 1,
    lastHead: { number: 9n, seenAtMs: 1_000 },
    maxHeadAgeMs: 500,
    inFlight: 2,
    faults: [],
    lowBalances: [],
    failedTicks: 0,
    ...more,
  })

  it('default: a fresh head and no complaints are ok', () => {
    expect(judgeHealth([facts()], 1_400)).toEqual({
      status: 'ok',
      chains: [{ chainId: 1, status: 'ok', reasons: [], head: '9', headAgeMs: 400, inFlight: 2 }],
    })
  })

  it.each([
    ['an old head', { lastHead: { number: 9n, seenAtMs: 0 } }, 'down', 'no head for 1400 ms'],
    ['no head', { lastHead: null }, 'down', 'no head seen yet'],
    ['failing ticks', { failedTicks: 3 }, 'down', '3 ticks in a row failed'],
    ['one failed tick', { failedTicks: 1 }, 'degraded', 'the last 1 ticks failed'],
    ['a low balance', { lowBalances: ['0xaa'] }, 'degraded', 'low balance: 0xaa'],
    ['a faulty market', { faults: ['market 0x1'] }, 'degraded', 'faulty: market 0x1'],
  ] as const)('behavior: %s', (_, more, status, reason) => {
    const health = judgeHealth([facts(more), facts({ chainId: 2 })], 1_400)
    expect(health.status).toBe(status)
    expect(health.chains[0]).toMatchObject({ status, reasons: [reason] })
    expect(health.chains[1]?.status).toBe('ok')
  })

  it('behavior: no chain at all is down', () => {
    expect(judgeHealth([], 0).status).toBe('down')
  })
})
