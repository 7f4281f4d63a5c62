// Runs a benchmark as the product runs: compiled by tsc, in a process of its own. What runs TypeScript as it is wraps every function that
// is made and every constant that is imported, which costs tight loops half their speed and more.
import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Bench, BenchLine } from './bench'

const ROOT = join(__dirname, '..')
const COMPILED_FILES = join(ROOT, 'node_modules', '.cache', 'bench', 'bench')
const COMPILED = join(COMPILED_FILES, 'built-process.js')

/** Where the compiled form of a file in this folder is found, once `compile` is done. */
export const compiledFile = (...path: readonly string[]): string => join(COMPILED_FILES, ...path)

/** Compiles all that tsconfig.bench.json names. */
export const compile = (): Promise<unknown> =>
  promisify(execFile)(process.execPath, [
    require.resolve('typescript/bin/tsc'),
    '-p',
    join(ROOT, 'tsconfig.bench.json'),
    '--noCheck',
  ])

/** Resolves with the line that the process prints; its progress goes to our stderr. */
const runCompiled = (args: readonly string[]): Promise<BenchLine> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--expose-gc', COMPILED, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', code => {
      if (code === 0) resolve(JSON.parse(text) as BenchLine)
      else reject(new Error(`the compiled benchmark ended with ${code}`))
    })
  })

/** The same benchmark, compiled. It must be one of those that built-process knows. */
export const built = (bench: Bench): Bench => ({
  ...bench,
  run: async ({ seed, progress }) => {
    progress('compiling')
    await compile()
    return runCompiled([bench.name, seed.toString()])
  },
})
