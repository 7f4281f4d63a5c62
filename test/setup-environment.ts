// The environment of every test file: fails a file that leaves a socket, a server, a timer or a child process behind.
import type { Circus } from '@jest/types'
import { TestEnvironment } from 'jest-environment-node'

/** What a finished file may not hold. Jest's own workers hold pipes and message ports: those are not judged. */
const LEAKS = [
  'Timeout',
  'Immediate',
  'TCPSocketWrap',
  'TCPServerWrap',
  'TCPWRAP',
  'TLSWrap',
  'UDPWRAP',
  'ProcessWrap',
  'FSEventWrap',
  'StatWatcher',
]
const PATIENCE_MS = 5_000
const STEP_MS = 25

type Counts = ReadonlyMap<string, number>

const countLeaks = (): Counts => {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) if (LEAKS.includes(name)) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const excess = (before: Counts): readonly string[] =>
  [...countLeaks()].flatMap(([name, count]) =>
    count > (before.get(name) ?? 0) ? [`${count - (before.get(name) ?? 0)} ${name}`] : [],
  )

/** Closing takes a few turns of the event loop: a socket counts as leaked only if it outlives our patience. */
const leaksSince = async (before: Counts): Promise<readonly string[]> => {
  let left = excess(before)
  for (let waited = 0; left.length > 0 && waited < PATIENCE_MS; waited += STEP_MS) {
    await pause(STEP_MS)
    left = excess(before)
  }
  return left
}

class LeakEnvironment extends TestEnvironment {
  private before: Counts = new Map()

  async handleTestEvent(event: Circus.Event): Promise<void> {
    if (event.name === 'setup') this.before = countLeaks()
    if (event.name !== 'run_finish') return
    const leaks = await leaksSince(this.before)
    if (leaks.length > 0)
      throw new Error(`The file is done but left open: ${leaks.join(', ')}. Close it in afterAll or afterEach.`)
  }
}

// biome-ignore lint/style/noDefaultExport: Jest loads the default export
export default LeakEnvironment
