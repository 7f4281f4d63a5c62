// Says of every account of an Aave pool in which blocks it could have been closed with profit, and in which of those nobody did, by trying it
// on the contracts alone. Shares no code with profitability, strategies or venues: it is the measure that they are held to.
//
// An account may be closed in several steps (half of the debt at a time, one collateral and one debt a call), so "in its first eligible block"
// is asked of every step: an account is eligible for block N+1 if some close on N's end state pays, whatever was closed of it before. It is
// closed in time if in every block for which it is eligible somebody liquidates it; a block for which it is eligible and in which nobody
// does is idle. Missed: eligible and never closed. Late: closed, with an idle block. After its first idle block nothing can change that, and
// it is not tried any more.
import { nextBaseFeeWei } from '../core/base-fee'
import { maxOf, WAD } from '../core/fixed-point'
import type { Address } from '../core/primitives'
import type { Prices } from './prices/rounds'
import { type AaveBestClose, bestAaveClose } from './referee/aave-best-close'
import { createAaveWatch } from './referee/aave-watch'
import type { TryAt } from './referee/best-close'
import { nativeFor, profitBar, type RefereeOptions } from './referee/profit-bar'
import { createTryMemory } from './referee/worth-trying'
import {
  type AaveBalances,
  type AaveHealth,
  aaveDeficitUsd,
  aaveUncoveredUsd,
  aaveUsd,
  readAaveBalances,
  readAaveLiquidations,
  readAavePrices,
  readEMode,
} from './world/aave/accounting'
import type { LabBlock } from './world/play'
import type { World, WorldAave } from './world/world'

export interface AaveVerdict {
  readonly aave: WorldAave
  readonly account: Address
  /** First block N whose end state left it unhealthy. */
  readonly unhealthySince: bigint
  /** N + 1 of the first N whose end state makes a close profitable; null while none does. */
  readonly firstEligibleBlock: bigint | null
  /** The first block for which it was eligible and in which nobody liquidated it; null: there is none. */
  readonly idleBlock: bigint | null
  /** The best seen before or at the first eligible block; null where no close was worth trying or possible. */
  readonly bestProfitWei: bigint | null
  /** USD (WAD) of debt that no close could have recovered at the first eligible block; 0n if not eligible. */
  readonly unpayableUsdWad: bigint
}

export interface AaveRefereeOptions extends RefereeOptions {
  /** True: `bestProfitWei` is the best of all tries, which takes longer; else of the first that pays. */
  readonly isThorough?: boolean
}

export interface AaveReferee {
  /** As Referee.judge: for every block, in order; also says which of those eligible for `block` were left alone in it. */
  judge(block: LabBlock, prices: Prices): Promise<void>
  /** Only the latter: for the last block of a run. */
  finish(block: LabBlock): Promise<void>
  verdicts(): readonly AaveVerdict[]
  verdict(account: Address): AaveVerdict | null
  /** As Referee.minimumBadDebtUsd. Never worth closing: what is open and what was written off. Others: what could not be recovered at first. */
  minimumBadDebtUsd(block: bigint, prices: Prices): Promise<bigint>
}

const BPS = 10_000n
/** Of USD with eight decimals. */
const BASE_TO_WAD = 10n ** 10n

/** Bonus of each reserve for an account in `eMode`, e.g. 10_500n. */
const bonusesOf = ({ spec, reserves }: WorldAave, eMode: number): readonly bigint[] => {
  const mode = spec.eModes[eMode - 1]
  return reserves.map(({ token, spec: reserve }) =>
    BigInt(mode?.members.includes(token.symbol) ? mode.bonusBps : reserve.bonusBps),
  )
}

export const createAaveReferee = (world: World, aave: WorldAave, options: AaveRefereeOptions = {}): AaveReferee => {
  const slotSec = options.slotSec ?? 12n
  const barWei = profitBar(options)
  const watch = createAaveWatch(world, aave)
  const memory = createTryMemory()
  const found = new Map<Address, AaveVerdict>()
  let pending: readonly Address[] = []

  const largestBonus = [...aave.spec.reserves, ...aave.spec.eModes].map(({ bonusBps }) => BigInt(bonusBps)).reduce(maxOf, BPS)

  const tryClose = async (balances: AaveBalances, at: TryAt, prices: Prices): Promise<AaveBestClose | null> => {
    const debtWei = nativeFor(world, aaveUsd(aave, balances.debt, prices), prices)
    const stakes = { debtWei, incentiveWei: (debtWei * (largestBonus - BPS)) / BPS }
    const bar = barWei(at.baseFeePerGasWei)
    if (!memory.isWorthTrying(balances.account, stakes, at, bar)) return null
    const enoughWei = options.isThorough === true ? null : bar(1_000_000n)
    const best = await bestAaveClose({ world, aave, balances, prices, at, enoughWei })
    memory.remember(balances.account, at, best)
    return best
  }

  const unpayableUsd = async ({ account, debtBase }: AaveHealth, balances: AaveBalances, at: TryAt): Promise<bigint> => {
    const reading = { block: at.stateBlock, timestampSec: at.timestampSec }
    const [prices, eMode] = await Promise.all([readAavePrices(world, aave, reading), readEMode(world, aave, account, reading)])
    const bonuses = bonusesOf(aave, eMode)
    const payable = aave.reserves.reduce((sum, { token }, index) => {
      const base = ((balances.collateral[index] ?? 0n) * (prices[index] ?? 0n)) / 10n ** BigInt(token.decimals)
      return sum + (base * BPS) / (bonuses[index] ?? BPS)
    }, 0n)
    return debtBase > payable ? (debtBase - payable) * BASE_TO_WAD : 0n
  }

  const consider = async (health: AaveHealth, balances: AaveBalances, at: TryAt, prices: Prices): Promise<boolean> => {
    const { account } = health
    const best = await tryClose(balances, at, prices)
    const isEligible = best !== null && best.profitWei > barWei(at.baseFeePerGasWei)(best.gasUsed)
    const before = found.get(account)
    const verdict: AaveVerdict = before ?? {
      aave,
      account,
      unhealthySince: at.stateBlock,
      firstEligibleBlock: null,
      idleBlock: null,
      bestProfitWei: null,
      unpayableUsdWad: 0n,
    }
    if (verdict.firstEligibleBlock !== null) return isEligible
    const profits = [verdict.bestProfitWei, best?.profitWei ?? null].filter(wei => wei !== null)
    found.set(account, {
      ...verdict,
      firstEligibleBlock: isEligible ? at.stateBlock + 1n : null,
      bestProfitWei: isEligible ? best.profitWei : profits.reduce<bigint | null>((a, b) => (a === null || b > a ? b : a), null),
      unpayableUsdWad: isEligible ? await unpayableUsd(health, balances, at) : 0n,
    })
    return isEligible
  }

  const finish = async ({ number }: LabBlock): Promise<void> => {
    if (pending.length === 0) return
    const closed = new Set((await readAaveLiquidations(world, aave, number, number)).map(({ account }) => account))
    for (const account of pending) {
      const verdict = found.get(account)
      if (verdict === undefined || closed.has(account)) continue
      found.set(account, { ...verdict, idleBlock: number })
      watch.retire(account)
    }
    pending = []
  }

  const judge = async (block: LabBlock, prices: Prices): Promise<void> => {
    await finish(block)
    const at = { stateBlock: block.number, timestampSec: block.timestampSec + slotSec, baseFeePerGasWei: nextBaseFeeWei(block) }
    const near = await watch.readNear(block, at.timestampSec)
    const unhealthy = near.filter(({ debtBase, healthFactorWad }) => debtBase > 0n && healthFactorWad < WAD)
    if (unhealthy.length === 0) return
    const reading = { block: block.number, timestampSec: at.timestampSec }
    const balances = await readAaveBalances(
      world,
      aave,
      unhealthy.map(({ account }) => account),
      reading,
    )
    const eligible: Address[] = []
    for (const [index, health] of unhealthy.entries())
      if (await consider(health, balances[index]!, at, prices)) eligible.push(health.account)
    pending = eligible
  }

  const minimumBadDebtUsd = async (block: bigint, prices: Prices): Promise<bigint> => {
    const never = aave.accounts.filter(account => (found.get(account)?.firstEligibleBlock ?? null) === null)
    const balances = await readAaveBalances(world, aave, never, { block })
    const open = balances.reduce((sum, each) => sum + aaveUncoveredUsd(aave, each, prices), 0n)
    const lost = [...found.values()].reduce((sum, { unpayableUsdWad }) => sum + unpayableUsdWad, 0n)
    return open + lost + (await aaveDeficitUsd(world, aave, block, prices, new Set(never)))
  }

  return {
    judge,
    finish,
    verdicts: () => [...found.values()],
    verdict: account => found.get(account) ?? null,
    minimumBadDebtUsd,
  }
}
