// The X-Flashbots-Signature check, against a recorded vector and against every way to get it wrong.
import { toBytes } from 'viem'
import { checkSignature } from '../../../src/lab/builder/signature'
import { describeWithShared, readShared } from '../../fixtures/shared'
import { account, signBody } from './fixture'

const BODY = '{"jsonrpc":"2.0","id":1,"method":"eth_sendBundle","params":[]}'

describe('checkSignature', () => {
  test('default', async () => {
    const signer = account(3)
    const check = await checkSignature(await signBody(BODY, signer), toBytes(BODY))
    expect(check).toEqual({ kind: 'valid', signer: signer.address.toLowerCase() })
  })

  test('behavior: the address compares without regard to case', async () => {
    const header = (await signBody(BODY, account(3))).toLowerCase()
    expect((await checkSignature(header, toBytes(BODY))).kind).toBe('valid')
    const [address = '', signature = ''] = header.split(':')
    const upper = `0x${address.slice(2).toUpperCase()}:${signature}`
    expect((await checkSignature(upper, toBytes(BODY))).kind).toBe('valid')
  })

  test('behavior: v of 0 and 1 count as 27 and 28, others do not pass', async () => {
    const header = await signBody(BODY, account(3))
    const v = Number.parseInt(header.slice(-2), 16)
    const withV = (value: number): string => header.slice(0, -2) + value.toString(16).padStart(2, '0')
    expect((await checkSignature(withV(v - 27), toBytes(BODY))).kind).toBe('valid')
    expect((await checkSignature(withV(v + 8), toBytes(BODY))).kind).toBe('invalid')
    expect((await checkSignature(withV(v === 27 ? 28 : 27), toBytes(BODY))).kind).toBe('invalid')
  })

  test('behavior: one byte more in the body is another message', async () => {
    const header = await signBody(BODY, account(3))
    expect((await checkSignature(header, toBytes(`${BODY} `))).kind).toBe('invalid')
  })

  test('error: missing, malformed and stolen headers', async () => {
    const header = await signBody(BODY, account(3))
    const signature = header.split(':')[1] ?? ''
    expect(await checkSignature(undefined, toBytes(BODY))).toEqual({ kind: 'missing' })
    expect(await checkSignature('', toBytes(BODY))).toEqual({ kind: 'missing' })
    for (const wrong of [
      signature,
      `${account(4).address}:${signature}`,
      header.replace(':', ''),
      header.slice(0, -2),
      `${header}00`,
    ]) {
      expect((await checkSignature(wrong, toBytes(BODY))).kind).toBe('invalid')
    }
  })
})

interface Vector {
  readonly flashbotsSignature: {
    readonly body: string
    readonly address: string
    readonly header: string
    readonly WRONG_rawBytesVariant: string
  }
}

describeWithShared('recorded relay signature', ['vectors/relay-and-oracle.json'], () => {
  const vector = (): Vector['flashbotsSignature'] =>
    (JSON.parse(readShared('vectors/relay-and-oracle.json')) as Vector).flashbotsSignature

  test('default', async () => {
    const { body, header, address } = vector()
    expect(await checkSignature(header, toBytes(body))).toEqual({ kind: 'valid', signer: address.toLowerCase() })
  })

  test('error: signing the raw hash instead of its text is refused', async () => {
    const { body, WRONG_rawBytesVariant } = vector()
    expect((await checkSignature(WRONG_rawBytesVariant, toBytes(body))).kind).toBe('invalid')
  })
})
