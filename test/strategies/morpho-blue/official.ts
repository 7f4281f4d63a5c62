// ABIs of the official Morpho contracts, read from the package that ships them (its modules need an ethers we do not use).
import { readFileSync } from 'node:fs'
import type { Abi } from 'viem'

const ROOT = '@morpho-org/morpho-blue-bundlers/types/factories/lib'
const FILES = {
  Morpho: `${ROOT}/morpho-blue/src/Morpho__factory.js`,
  EventsLib: `${ROOT}/morpho-blue/src/libraries/EventsLib__factory.js`,
  AdaptiveCurveIrm: `${ROOT}/morpho-blue-irm/src/adaptive-curve-irm/AdaptiveCurveIrm__factory.js`,
} as const

export const officialAbi = (name: keyof typeof FILES): Abi => {
  const source = readFileSync(require.resolve(FILES[name]), 'utf8')
  const literal = /const _abi = (\[[\s\S]*?\n\]);/.exec(source)?.[1]
  if (literal === undefined) throw new Error(`no ABI in ${FILES[name]}`)
  // The literal is JavaScript, not JSON: keys without quotes, trailing commas.
  return new Function(`return ${literal}`)() as Abi
}
