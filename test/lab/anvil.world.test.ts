import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { type Anvil, findAnvil, startAnvil } from '../../src/lab/anvil'
import { createLabRpc } from '../../src/lab/rpc'

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const goneWithin = async (pid: number, timeoutMs: number): Promise<boolean> => {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await new Promise(resolve => setTimeout(resolve, 20)))
    if (!alive(pid)) return true
  return false
}

const running: Anvil[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(anvil => anvil.stop()))
})

describe('startAnvil', () => {
  test('default', async () => {
    const anvil = await startAnvil({ chainId: 4242, args: ['--no-mining'] })
    running.push(anvil)
    const rpc = createLabRpc(anvil.httpUrl)
    expect(await rpc.request('eth_chainId')).toBe('0x1092')
    expect(
      await rpc.batch([
        { method: 'eth_blockNumber', params: [] },
        { method: 'eth_chainId', params: [] },
      ]),
    ).toEqual(['0x0', '0x1092'])
    rpc.close()
    expect(alive(anvil.pid)).toBe(true)
    await anvil.stop()
    expect(await goneWithin(anvil.pid, 2_000)).toBe(true)
    await anvil.stop()
  })

  test('behavior: a fork sees the origin and leaves it alone', async () => {
    const origin = await startAnvil({ chainId: 31_337 })
    running.push(origin)
    const fork = await startAnvil({ forkUrl: origin.httpUrl, chainId: 31_337, args: ['--no-mining'] })
    running.push(fork)
    const [there, here] = [createLabRpc(origin.httpUrl), createLabRpc(fork.httpUrl)]
    const someone = `0x${'7'.repeat(40)}`
    await here.request('anvil_setBalance', someone, '0x5')
    expect(await here.request('eth_getBalance', someone, 'latest')).toBe('0x5')
    expect(await there.request('eth_getBalance', someone, 'latest')).toBe('0x0')
    there.close()
    here.close()
  })

  test('behavior: it dies with its parent, even by SIGKILL', async () => {
    const script = `require('./src/lab/anvil').startAnvil().then(a => { console.log(a.pid); setInterval(() => {}, 1000) })`
    const parent = spawn(process.execPath, ['--import', 'tsx', '-e', script], {
      cwd: join(__dirname, '..', '..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise<void>(resolve => parent.once('close', () => resolve()))
    const pid = await new Promise<number>(resolve =>
      parent.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString().trim()))),
    )
    expect(alive(pid)).toBe(true)
    parent.kill('SIGKILL')
    await ended
    expect(await goneWithin(pid, 3_000)).toBe(true)
  })

  test('error: a flag that anvil refuses is quoted in the message', async () => {
    await expect(startAnvil({ args: ['--no-such-flag'] })).rejects.toThrow(/anvil did not start.*no-such-flag/s)
  })

  test('error: a port in use', async () => {
    const first = await startAnvil()
    running.push(first)
    await expect(startAnvil({ port: Number(new URL(first.httpUrl).port) })).rejects.toMatchObject({ code: 'lab-failed' })
  })
})

describe('findAnvil', () => {
  test('default', () => {
    expect(findAnvil()).toMatch(/anvil(\.exe)?$/)
  })
})

describe('createLabRpc', () => {
  test('error: a failing call names its method; the others of a settled batch go on', async () => {
    const anvil = await startAnvil()
    running.push(anvil)
    const rpc = createLabRpc(anvil.httpUrl)
    await expect(rpc.request('eth_noSuchMethod')).rejects.toMatchObject({
      code: 'lab-failed',
      message: expect.stringContaining('eth_noSuchMethod'),
    })
    const settled = await rpc.batchSettled([
      { method: 'eth_noSuchMethod', params: [] },
      { method: 'eth_blockNumber', params: [] },
    ])
    expect(settled.map(reply => reply.kind)).toEqual(['failed', 'ok'])
    expect(rpc.requestCount()).toBe(3)
    rpc.close()
  })
})
