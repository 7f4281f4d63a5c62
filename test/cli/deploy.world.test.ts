// `bulwark deploy` on real chains: fresh, again, without the deployment proxy, without EIP-1153, without money, with somebody else as owner.
import { EventEmitter } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getContractAddress, recoverTransactionAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { runCli } from '../../src/cli'
import { KEYLESS_SENDER, keylessTransaction } from '../../src/commands/create2-deployer'
import type { Address, Hex } from '../../src/core/primitives'
import { CREATE2_DEPLOYER, liquidatorAddress } from '../../src/executor/deployment'
import { type Anvil, startAnvil } from '../../src/lab/anvil'
import { createLabRpc, type LabRpc } from '../../src/lab/rpc'
import { createTestIo } from '../fakes/io'

const OWNER_KEY: Hex = `0x${'a1'.repeat(32)}`
const OPERATOR_KEY: Hex = `0x${'b2'.repeat(32)}`
const addressOf = (key: Hex): Address => privateKeyToAccount(key).address.toLowerCase() as Address
const OWNER = addressOf(OWNER_KEY)
const OPERATOR = addressOf(OPERATOR_KEY)
const RECIPIENT: Address = `0x${'c3'.repeat(20)}`
const SOME: Address = `0x${'11'.repeat(20)}`

interface Line {
  readonly address: Address
  readonly status: string
  readonly transactions: readonly { readonly what: string; readonly gasUsed: string; readonly costWei: string }[]
  readonly pending: readonly { readonly what: string; readonly to: Address; readonly data: Hex }[]
}

const directories: string[] = []
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true })
})

/** Runs `bulwark deploy --json` in a folder of its own. */
const deploy = async (url: string, chain: object = {}, args: readonly string[] = []) => {
  const directory = mkdtempSync(join(tmpdir(), 'bulwark-deploy-'))
  directories.push(directory)
  writeFileSync(join(directory, '.env'), `BULWARK_DEPLOYER_KEY=${OWNER_KEY}\nBULWARK_OPERATOR_KEYS=${OPERATOR_KEY}\n`)
  const config = {
    id: 77,
    rpc: [url],
    wrappedNative: SOME,
    strategies: { 'morpho-blue': { address: SOME, fromBlock: 0 } },
    owner: OWNER,
    recipient: RECIPIENT,
    ...chain,
  }
  writeFileSync(join(directory, 'bulwark.config.json'), JSON.stringify({ chains: [config] }))
  const io = createTestIo({ directory, signals: new EventEmitter() })
  const code = await runCli(['deploy', '--json', ...args], io)
  return { code, line: code === 0 ? (JSON.parse(io.outText()) as Line) : null, err: io.errText() }
}

describe('bulwark deploy', () => {
  let anvil: Anvil
  let rpc: LabRpc
  let fresh: Hex
  beforeAll(async () => {
    anvil = await startAnvil({ chainId: 77 })
    rpc = createLabRpc(anvil.httpUrl)
    await rpc.request('anvil_setBalance', OWNER, '0xde0b6b3a7640000')
    fresh = await rpc.request<Hex>('evm_snapshot')
  })
  afterEach(async () => {
    await rpc.request('evm_revert', fresh)
    fresh = await rpc.request<Hex>('evm_snapshot')
  })
  afterAll(async () => {
    rpc.close()
    await anvil.stop()
  })

  it('default: deploys to the deterministic address and sets operators and recipient; again, it does nothing', async () => {
    const first = await deploy(anvil.httpUrl)
    expect(first.line).toMatchObject({ address: liquidatorAddress(OWNER), status: 'deployed', pending: [] })
    expect(first.line?.transactions.map(each => each.what)).toEqual([
      'deploy the executor',
      `allow operator ${OPERATOR}`,
      `pay profit to ${RECIPIENT}`,
    ])
    for (const { gasUsed, costWei } of first.line?.transactions ?? [])
      expect([BigInt(gasUsed) > 21_000n, BigInt(costWei) > 0n]).toEqual([true, true])
    const again = await deploy(anvil.wsUrl)
    expect(again.line).toEqual({
      chain: 77,
      address: liquidatorAddress(OWNER),
      status: 'already-there',
      transactions: [],
      pending: [],
    })
  })

  it('behavior: where the deployment proxy is missing, its keyless transaction brings it', async () => {
    const proxy = await rpc.request<Hex>('eth_getCode', CREATE2_DEPLOYER, 'latest')
    await rpc.request('anvil_setCode', CREATE2_DEPLOYER, '0x')
    await rpc.request('anvil_setNonce', CREATE2_DEPLOYER, '0x0')
    expect((await deploy(anvil.httpUrl)).line?.status).toBe('deployed')
    expect(await rpc.request('eth_getCode', CREATE2_DEPLOYER, 'latest')).toBe(proxy)
  })

  it('behavior: the keyless transaction has the sender and the address that everybody expects', async () => {
    const sender = await recoverTransactionAddress({ serializedTransaction: keylessTransaction() as `0x02${string}` })
    expect(sender.toLowerCase()).toBe(KEYLESS_SENDER)
    expect(getContractAddress({ from: sender, nonce: 0n }).toLowerCase()).toBe(CREATE2_DEPLOYER)
  })

  it("behavior: somebody else's contract is deployed, and what only its owner can do is left to him", async () => {
    const owner: Address = `0x${'d4'.repeat(20)}`
    const { line } = await deploy(anvil.httpUrl, { owner })
    expect(line).toMatchObject({ address: liquidatorAddress(owner), status: 'deployed' })
    expect(line?.pending.map(each => each.what)).toEqual([`allow operator ${OPERATOR}`, `pay profit to ${RECIPIENT}`])
    await rpc.request('anvil_setBalance', owner, '0xde0b6b3a7640000')
    await rpc.request('anvil_impersonateAccount', owner)
    for (const { to, data } of line?.pending ?? []) await rpc.request('eth_sendTransaction', { from: owner, to, data })
    expect((await deploy(anvil.httpUrl, { owner })).line).toMatchObject({ status: 'already-there', pending: [] })
  })

  it('error: a key without money, before anything is sent', async () => {
    await rpc.request('anvil_setBalance', OWNER, '0x1')
    expect(await deploy(anvil.httpUrl)).toMatchObject({ code: 78, err: expect.stringContaining(`${OWNER} holds 1 wei`) })
    expect(await rpc.request('eth_getTransactionCount', OWNER, 'latest')).toBe('0x0')
  })

  it('error: the wrong chain', async () => {
    expect(await deploy(anvil.httpUrl, { id: 78 })).toMatchObject({
      code: 78,
      err: expect.stringContaining('"code":"wrong-chain"'),
    })
  })

  it('error: no owner, a malformed one, one that contradicts the configuration', async () => {
    expect(await deploy(anvil.httpUrl, { owner: undefined })).toMatchObject({ code: 78, err: expect.stringContaining('--owner') })
    expect(await deploy(anvil.httpUrl, {}, ['--owner', '0x12'])).toMatchObject({
      code: 78,
      err: expect.stringContaining('40 hex digits'),
    })
    expect(await deploy(anvil.httpUrl, {}, ['--owner', RECIPIENT])).toMatchObject({
      code: 78,
      err: expect.stringContaining('not the owner in the configuration'),
    })
  })
})

describe('bulwark deploy before Cancun', () => {
  let anvil: Anvil
  beforeAll(async () => {
    anvil = await startAnvil({ chainId: 77, args: ['--hardfork', 'shanghai'] })
  })
  afterAll(() => anvil.stop())

  it('error: a chain without EIP-1153 is refused', async () => {
    expect(await deploy(anvil.httpUrl)).toMatchObject({ code: 78, err: expect.stringContaining('EIP-1153') })
  })
})
