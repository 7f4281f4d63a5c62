// Compiles our contracts with the pinned solc and writes them as TypeScript modules, so that nothing compiles at run time.
// Must not fetch anything: sources are this folder's, the compiler is the one in package.json.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { keccak256 } from 'viem'

const root = resolve(__dirname, '..')

interface Unit {
  /** Solidity files, compiled together; every contract in them that has code is written out. */
  readonly sources: readonly string[]
  readonly evmVersion: 'paris' | 'cancun'
  readonly runs: number
  readonly output: string
  /** Only these contracts; null: all. */
  readonly only: readonly string[] | null
  readonly header: string
}

const solidityIn = (folder: string): readonly string[] =>
  readdirSync(resolve(root, folder))
    .filter(name => name.endsWith('.sol'))
    .sort()
    .map(name => `${folder}/${name}`)

const manifest = (): readonly Unit[] => [
  {
    sources: ['Words', 'Tokens', 'Steps', 'Callbacks', 'Liquidator'].map(name => `contracts/${name}.sol`),
    evmVersion: 'cancun',
    runs: 1_000_000,
    output: 'src/executor/liquidator-artifact.ts',
    only: ['Liquidator'],
    header: 'contracts/Liquidator.sol',
  },
  {
    // Paris: no PUSH0, so that the reader runs on every chain that the daemon may watch.
    sources: ['contracts/BatchReader.sol'],
    evmVersion: 'paris',
    runs: 1_000_000,
    output: 'src/chain/batch-reader-artifact.ts',
    only: ['BatchReader'],
    header: 'contracts/BatchReader.sol',
  },
  {
    sources: solidityIn('contracts/lab'),
    evmVersion: 'cancun',
    runs: 1_000,
    output: 'src/lab/world/lab-artifacts.ts',
    only: null,
    header: 'contracts/lab',
  },
  {
    sources: solidityIn('contracts/mocks'),
    evmVersion: 'cancun',
    runs: 1_000,
    output: 'test/contracts/mock-artifacts.ts',
    only: null,
    header: 'contracts/mocks',
  },
]

interface CompiledContract {
  readonly abi: readonly unknown[]
  readonly evm: { readonly bytecode: { readonly object: string }; readonly deployedBytecode: { readonly object: string } }
}

interface CompilerOutput {
  readonly errors?: readonly { readonly severity: string; readonly errorCode: string; readonly formattedMessage: string }[]
  readonly contracts?: Readonly<Record<string, Readonly<Record<string, CompiledContract>>>>
}

/** "Transient storage can break composability": the Liquidator clears what it sets, and its header says so. */
const TRANSIENT_STORAGE_USED = '2394'

/** solc's standard JSON for one unit. No metadata trailer: the bytecode depends on code alone. */
const compilerInput = (unit: Unit): string =>
  JSON.stringify({
    language: 'Solidity',
    sources: Object.fromEntries(unit.sources.map(path => [path, { content: readFileSync(resolve(root, path), 'utf8') }])),
    settings: {
      optimizer: { enabled: true, runs: unit.runs },
      viaIR: true,
      evmVersion: unit.evmVersion,
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
    },
  })

const artifact = (contract: CompiledContract): string => {
  const abi = contract.abi.map(entry => `    ${JSON.stringify(entry)},`).join('\n')
  return [
    '{',
    `  abi: [\n${abi}\n  ],`,
    `  bytecode: '0x${contract.evm.bytecode.object}',`,
    `  runtimeHash: '${keccak256(`0x${contract.evm.deployedBytecode.object}`)}',`,
    '}',
  ].join('\n')
}

const moduleText = (unit: Unit, contracts: ReadonlyMap<string, CompiledContract>): string => {
  const head = `// Generated from ${unit.header} by \`npm run contracts\`; a test compares it with a fresh compile. Do not edit.\n`
  const entries = [...contracts].sort(([a], [b]) => (a < b ? -1 : 1))
  const exported = entries.map(([name, contract]) => `export const ${name} = ${artifact(contract)} as const\n`)
  return `${head}\n${exported.join('\n')}`
}

const compileUnit = (unit: Unit, compile: (input: string) => string): string => {
  const output = JSON.parse(compile(compilerInput(unit))) as CompilerOutput
  const complaints = (output.errors ?? []).filter(
    error => error.severity !== 'info' && error.errorCode !== TRANSIENT_STORAGE_USED,
  )
  if (complaints.length > 0) throw new Error(complaints.map(error => error.formattedMessage).join('\n'))
  const found = new Map<string, CompiledContract>()
  for (const file of Object.values(output.contracts ?? {}))
    for (const [name, contract] of Object.entries(file)) {
      const isWanted = unit.only?.includes(name) ?? contract.evm.bytecode.object.length > 0
      if (isWanted) found.set(name, contract)
    }
  return moduleText(unit, found)
}

/** Every generated module by its path from the project's root. Warnings of the compiler are errors. Takes seconds. */
export const compileContracts = (pick: (output: string) => boolean = () => true): ReadonlyMap<string, string> => {
  // Loaded late: the compiler itself takes half a second to start.
  const solc = require('solc') as { compile(input: string): string }
  const units = manifest().filter(unit => unit.sources.length > 0 && pick(unit.output))
  return new Map(units.map(unit => [unit.output, compileUnit(unit, solc.compile)]))
}

if (require.main === module)
  for (const [path, text] of compileContracts(
    path => process.argv.length < 3 || process.argv.slice(2).some(part => path.includes(part)),
  )) {
    writeFileSync(resolve(root, path), text)
    console.log(`${path}: ${text.length} characters`)
  }
