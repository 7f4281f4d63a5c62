// The relay's X-Flashbots-Signature check, as its server does it: EIP-191 over the hex text of keccak256(body).
import { hashMessage, keccak256, recoverAddress } from 'viem'
import type { Address, Hex } from '../../core/primitives'

export type SignatureCheck =
  | { readonly kind: 'valid'; readonly signer: Address }
  | { readonly kind: 'missing' }
  /** `claimed` is what the header says before its colon. */
  | { readonly kind: 'invalid'; readonly claimed: string }

const HEADER = /^(0x[0-9a-fA-F]{40}):(0x[0-9a-fA-F]{130})$/
const ALLOWED_V = new Set(['00', '01', '1b', '1c'])

/** Checks the header against the exact bytes of the body; the address compares without regard to case. */
export const checkSignature = async (header: string | undefined, body: Uint8Array): Promise<SignatureCheck> => {
  if (header === undefined || header === '') return { kind: 'missing' }
  const claimed = header.split(':')[0] ?? ''
  const [, address, signature] = HEADER.exec(header) ?? []
  if (address === undefined || signature === undefined || !ALLOWED_V.has(signature.slice(-2).toLowerCase())) {
    return { kind: 'invalid', claimed }
  }
  try {
    const signer = (await recoverAddress({ hash: hashMessage(keccak256(body)), signature: signature as Hex })).toLowerCase()
    return signer === address.toLowerCase() ? { kind: 'valid', signer: signer as Address } : { kind: 'invalid', claimed }
  } catch {
    return { kind: 'invalid', claimed }
  }
}
