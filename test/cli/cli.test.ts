import { EventEmitter } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createProgram, runCli } from '../../src/cli'
import { createTestIo } from '../fakes/io'
import { read } from '../house/tree'

describe('runCli', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bulwark-cli-'))
  afterAll(() => rmSync(directory, { recursive: true }))
  const call = async (...args: readonly string[]) => {
    const io = createTestIo({ directory, signals: new EventEmitter() })
    const code = await runCli(args, io)
    return { code, out: io.outText(), err: io.errText() }
  }

  it('default: --version is that of the package', async () => {
    const { version } = JSON.parse(read('package.json')) as { readonly version: string }
    expect(await call('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' })
  })

  it('behavior: --help lists the commands and the exit codes', async () => {
    const { code, out } = await call('--help')
    expect(code).toBe(0)
    for (const word of ['demo', 'run', 'dry-run', 'scan', 'what-if', 'deploy', '78', '130']) expect(out).toContain(word)
  })

  it.each(
    createProgram(createTestIo({ directory: '.', signals: new EventEmitter() }), () => undefined).commands.map(command =>
      command.name(),
    ),
  )('behavior: %s has --help with examples, --config and --json, and stands in the README', async name => {
    const { code, out } = await call(name, '--help')
    expect(code).toBe(0)
    expect(out).toContain('--config')
    expect(out).toContain('--json')
    expect(out).toMatch(new RegExp(`Examples:\\n( {2}\\$ bulwark ${name}.*\\n)+`))
    expect(read('README.md')).toContain(`\`bulwark ${name}`)
  })

  it.each([
    [['scna'], /unknown command 'scna'.*\n?.*scan/],
    [['scan', '--limt', '3'], /unknown option '--limt'/],
    [['scan', '--limit', 'x'], /whole number/],
    [['scan', '--if', 'WETH'], /must look like WETH=-10%/],
    [['scan', '--if', 'WETH=-100%'], /leave something/],
    [['what-if'], /required option '--token/],
    [['what-if', '--token', 'WETH', '--falls', '5,100'], /each below 100/],
    [['dry-run'], /--fork-url/],
    [['dry-run', '--fork-url', 'node.example'], /URL/],
    [['dry-run', '--fork-url', 'http://node.example', '--block', '-1'], /block number/],
  ])('error: %j is refused with 78 and a hint', async (args, message) => {
    const { code, out, err } = await call(...args)
    expect(code).toBe(78)
    expect(err).toMatch(message)
    expect(out).toBe('')
  })

  it('error: no configuration: 78, what to do, no stack', async () => {
    const { code, err } = await call('scan')
    expect(code).toBe(78)
    expect(err).toMatch(/There is no bulwark.config.ts or bulwark.config.json .*docs\/configuration.md/)
    expect(err).not.toContain('    at ')
  })

  it('error: with --json the complaint is a JSON line on stderr', async () => {
    writeFileSync(join(directory, 'bad.json'), '{"chain": []}')
    const { code, out, err } = await call('scan', '--json', '--config', 'bad.json')
    expect(code).toBe(78)
    expect(out).toBe('')
    expect(JSON.parse(err)).toMatchObject({
      level: 'error',
      code: 'bad-config',
      message: expect.stringContaining('did you mean "chains"'),
    })
  })

  it('error: a node that does not answer: 75, without the token in its URL', async () => {
    const token = 'token-0123456789'
    const chain = {
      id: 1,
      rpc: [`http://127.0.0.1:9/${token}`],
      wrappedNative: `0x${'11'.repeat(20)}`,
      strategies: { 'morpho-blue': { address: `0x${'22'.repeat(20)}`, fromBlock: 0 } },
    }
    writeFileSync(join(directory, 'dead.json'), JSON.stringify({ chains: [chain] }))
    const { code, err } = await call('scan', '--config', 'dead.json')
    expect(code).toBe(75)
    expect(err).toContain('127.0.0.1:9')
    expect(err).not.toContain(token)
  })
})
