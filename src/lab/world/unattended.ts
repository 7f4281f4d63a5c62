// The same world without a keeper: what its bad debt would have been. Starts its own chain and stops it.
import { startAnvil } from '../anvil'
import type { Round } from '../prices/rounds'
import { badDebtUsd } from './accounting'
import { createWorld, worldAnvilArgs } from './create-world'
import { mineRound, readHead, worldRounds } from './play'
import type { WorldSpec } from './spec'
import type { World } from './world'

export interface BadDebtPoint {
  readonly offsetSec: number
  readonly block: bigint
  readonly usdWad: bigint
}

export interface UnattendedResult {
  /** USD in WAD at the end. */
  readonly badDebtUsdWad: bigint
  /** One point every `sampleEvery` rounds, and the last. */
  readonly history: readonly BadDebtPoint[]
  readonly rounds: number
}

export interface UnattendedOptions {
  readonly toBar?: number
  readonly sampleEvery?: number
  readonly onRound?: (round: Round) => void
}

const play = async (world: World, options: UnattendedOptions): Promise<UnattendedResult> => {
  const sampleEvery = options.sampleEvery ?? 25
  const history: BadDebtPoint[] = []
  let head = await readHead(world)
  let last: Round | null = null
  const sample = async (round: Round): Promise<void> => {
    const { totalUsdWad } = await badDebtUsd(world, head.number, round.prices)
    history.push({ offsetSec: round.offsetSec, block: head.number, usdWad: totalUsdWad })
  }
  for (const round of worldRounds(world, options.toBar)) {
    head = await mineRound(world, round, head)
    if (round.index % sampleEvery === 0) await sample(round)
    last = round
    options.onRound?.(round)
  }
  if (last !== null && last.index % sampleEvery !== 0) await sample(last)
  return { badDebtUsdWad: history.at(-1)?.usdWad ?? 0n, history, rounds: (last?.index ?? -1) + 1 }
}

/** Plays the whole world with nobody liquidating; takes some seconds. */
export const playUnattended = async (
  spec: WorldSpec,
  seed: number,
  options: UnattendedOptions = {},
): Promise<UnattendedResult> => {
  const anvil = await startAnvil({ args: worldAnvilArgs(spec) })
  try {
    const world = await createWorld(anvil, spec, seed)
    const result = await play(world, options)
    world.rpc.close()
    return result
  } finally {
    await anvil.stop()
  }
}
