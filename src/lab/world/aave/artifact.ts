// Compiled contracts of Aave's packages: creation code linked with library addresses, ABIs as the package has them. Loads, never stores.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Abi, encodeAbiParameters, encodeFunctionData, type Hex } from 'viem'
import { KeeperError } from '../../../core/errors'
import type { Address } from '../../../core/primitives'

const load = createRequire(__filename)

/** Positions of library addresses in the code, by source file and library name; in bytes. */
export type LinkReferences = Readonly<
  Record<string, Readonly<Record<string, readonly { readonly start: number; readonly length: number }[]>>>
>

export interface Artifact {
  readonly abi: Abi
  /** Unlinked creation code with 0x. */
  readonly bytecode: string
  readonly linkReferences: LinkReferences
}

/** Finds a contract by name. Throws KeeperError 'lab-failed' where it is absent. */
export type Artifacts = (name: string) => Artifact

const FOLDERS = [
  'misc',
  'mocks/oracle',
  'mocks/tokens',
  'protocol/configuration',
  'protocol/libraries/logic',
  'protocol/pool',
  'protocol/tokenization',
]

const readArtifact = (name: string): Artifact | null => {
  for (const folder of FOLDERS) {
    try {
      return JSON.parse(
        readFileSync(load.resolve(`@aave/core-v3/artifacts/contracts/${folder}/${name}.sol/${name}.json`), 'utf8'),
      ) as Artifact
    } catch (cause) {
      if ((cause as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw cause
    }
  }
  return null
}

/** Prebuilt contracts of v3.0 from the development package. */
export const v30Artifacts: Artifacts = name => {
  const found = readArtifact(name)
  if (found !== null) return found
  throw new KeeperError('lab-failed', `@aave/core-v3 has no ${name}: run \`npm ci\``, { retryable: false })
}

/** Creation code with libraries put in and constructor arguments appended. Throws KeeperError 'lab-failed' if a library is missing. */
export const creationCode = (
  { abi, bytecode, linkReferences }: Artifact,
  libraries: Readonly<Record<string, Address>>,
  args: readonly unknown[],
): Hex => {
  let code = bytecode.startsWith('0x') ? bytecode : `0x${bytecode}`
  for (const [name, places] of Object.values(linkReferences).flatMap(each => Object.entries(each))) {
    const library = libraries[name]
    if (library === undefined) throw new KeeperError('lab-failed', `library ${name} is not deployed yet`, { retryable: false })
    for (const { start } of places) {
      const from = 2 + start * 2
      code = code.slice(0, from) + library.slice(2) + code.slice(from + 40)
    }
  }
  const builder = abi.find(each => each.type === 'constructor')
  const inputs = builder === undefined ? [] : builder.inputs
  return (code + encodeAbiParameters(inputs, [...args]).slice(2)) as Hex
}

export const callData = ({ abi }: Artifact, functionName: string, args: readonly unknown[]): Hex =>
  encodeFunctionData({ abi, functionName, args })
