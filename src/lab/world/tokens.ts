// Deploys the tokens of a world.
import { encodeDeployData } from 'viem'
import type { Address, Hex } from '../../core/primitives'
import { officialBytecode } from './contracts'
import * as artifacts from './lab-artifacts'
import type { TokenSpec, WorldSpec } from './spec'
import type { WorldToken } from './world'

const bytecodeOf = ({ kind, name, symbol, decimals }: TokenSpec): Hex => {
  if (kind.kind === 'wrapped-native') return officialBytecode('WETH9')
  if (kind.kind === 'lab') {
    const { abi, bytecode } = artifacts.LabToken
    return encodeDeployData({ abi, bytecode, args: [name, symbol, decimals] })
  }
  const found = Object.entries(artifacts).find(([artifact]) => artifact === kind.artifact)?.[1]
  if (found === undefined) throw new RangeError(`token ${symbol}: no lab contract ${kind.artifact}`)
  return found.bytecode
}

/** Tokens in the spec's order; their addresses are known before they are mined. */
export const deployTokens = (spec: WorldSpec, deploy: (label: string, bytecode: Hex) => Address): readonly WorldToken[] =>
  spec.tokens.map(token => ({ ...token, address: deploy(token.symbol, bytecodeOf(token)) }))
