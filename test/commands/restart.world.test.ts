// `bulwark run` again and again: what one leaves the next takes up, what is damaged is refused aloud and made anew, others may look.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createWorkbench, eventually, type JsonLine, jsonLines, type Workbench } from '../fixtures/cli-run'
import { createDaemonWorld, type DaemonWorld } from '../fixtures/daemon-world'

const events = (text: string, event: string): readonly JsonLine[] => jsonLines(text).filter(line => line.event === event)

describe('bulwark run, again', () => {
  let scene: DaemonWorld
  let bench: Workbench
  const state = (): string => join(bench.directory, '.bulwark', 'state.sqlite')
  beforeAll(async () => {
    scene = await createDaemonWorld()
    bench = createWorkbench()
    bench.file(
      '.env',
      Object.entries(scene.env)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    )
    bench.file('bulwark.config.json', { chains: [scene.chain()] })
    bench.file('none.json', { chains: [scene.chain()], store: 'none' })
    bench.file('blocked.json', { chains: [scene.chain()], store: 'bulwark.config.json/state.sqlite' })
  })
  afterAll(async () => {
    await bench.close()
    await scene.close()
  })

  /** Until it is ready, then told to stop. What it said. */
  const once = async (...args: readonly string[]): Promise<string> => {
    const run = bench.start('run', '--json', ...args)
    const text = run.io.errText
    await eventually(text, () => events(text(), 'ready').length > 0 || events(text(), 'failed').length > 0)
    run.signal('SIGTERM')
    const code = await run.code
    expect([code, code === 0 ? '' : text()]).toEqual([0, ''])
    return text()
  }
  const positions = (text: string): unknown => events(text, 'ready')[0]?.positions
  const scan = (...args: readonly string[]) => bench.run('scan', '--json', ...args)

  it('default: nothing is kept where nothing is wanted; else the second run goes on from the first, and scan too', async () => {
    const homeless = await once('--config', 'none.json')
    expect(existsSync(state())).toBe(false)
    const first = await once()
    expect(events(first, 'resumed')).toEqual([])
    const second = await once()
    expect(events(second, 'resumed')).toMatchObject([{ block: events(first, 'ready')[0]?.block }])
    expect([positions(first), positions(second)]).toEqual([positions(homeless), positions(homeless)])
    const [looked, read] = [await scan(), await scan('--config', 'none.json')]
    expect(looked).toEqual(read)
    expect(jsonLines(looked.out).length).toBeGreaterThan(0)
  })

  it('error: a damaged file is refused aloud, history is read, and the next run goes on again', async () => {
    const whole = await once()
    const damaged = readFileSync(state())
    for (let at = 4_096; at < damaged.length; at += 97) damaged[at]! ^= 0x5a
    writeFileSync(state(), damaged)
    const refused = await once()
    expect([...events(refused, 'state-refused'), ...events(refused, 'checkpoint-refused')].length).toBeGreaterThan(0)
    expect(events(refused, 'resumed')).toEqual([])
    expect(positions(refused)).toBe(positions(whole))
    await once()
    expect(events(await once(), 'resumed')).toHaveLength(1)
  })

  it('error: a place that can not be written is bad config, and scan does without', async () => {
    const { code, err } = await bench.run('run', '--config', 'blocked.json')
    expect(code).toBe(78)
    expect(err).toContain("the state can't be kept in ")
    expect((await scan('--config', 'blocked.json')).code).toBe(0)
  })
})
