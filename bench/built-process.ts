// The process of a compiled benchmark: NAME SEED; its line on stdout. See built.ts.
import { basketBench } from './basket'
import { foldBench } from './fold'
import { growthBench } from './growth'
import { pairIndexBench } from './pair-index'

const main = async ([name, seed]: readonly string[]): Promise<void> => {
  const bench = [pairIndexBench, basketBench, foldBench, growthBench].find(each => each.name === name)
  if (bench === undefined) throw new Error(`no compiled benchmark ${name}`)
  const progress = (message: string): void => void process.stderr.write(`${message}\n`)
  process.stdout.write(JSON.stringify(await bench.run({ seed: Number(seed), progress, profileDir: null })))
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = 70
})
