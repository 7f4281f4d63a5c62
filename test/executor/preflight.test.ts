// Positions held against the chain right before they are closed: asked in front of their transactions, cut where they differ.
import { describe, expect, it } from '@jest/globals'
import type { PositionRef } from '../../src/core/opportunity'
import type { Hex } from '../../src/core/primitives'
import type { Drift } from '../../src/core/strategy'
import type { Take } from '../../src/core/verdict'
import { MAX_AUDITED, type PositionAudit } from '../../src/executor/preflight'
import type { SimulatedCall, SimulatedResult } from '../../src/ports'
import { accountOf, blockAt, createWorld, planOf, takeOf } from './harness'

const PROTOCOL = `0x${'aa'.repeat(20)}` as const
const PARENT = blockAt(100n)

/** A protocol of which positions `wrong` differ; each question is a call of its own and one that all of a market share. */
const createProtocol = (wrong: readonly number[]) => {
  const asked: (readonly PositionRef[])[] = []
  const reports: { readonly answered: number; readonly drifts: readonly Drift[] }[] = []
  const accounts = new Set(wrong.map(accountOf))
  const audit: PositionAudit = {
    questions: positions => {
      asked.push(positions)
      return positions.map(position => ({
        position,
        calls: [
          { to: PROTOCOL, data: position.market },
          { to: PROTOCOL, data: position.account },
        ],
        compare: ([ofMarket, own]) => {
          if (ofMarket?.kind !== 'ok' || own?.kind !== 'ok' || own.data === '0x') return null
          return own.data === '0x01' ? [] : [{ position, field: 'debt', book: '5', chain: '7' }]
        },
      }))
    },
    report: (answered, drifts) => reports.push({ answered, drifts }),
  }
  const answerView = ({ data }: SimulatedCall): SimulatedResult => ({
    status: 'success',
    gasUsed: 25_000n,
    returnData: accounts.has(data) ? '0x00' : '0x01',
    logs: [],
  })
  return { audit, answerView, asked, reports }
}

const inMarket = (n: number, market: Hex): Take => {
  const take = takeOf(n)
  return { ...take, position: { ...take.position, market } }
}
const accountsOf = (positions: readonly PositionRef[]): readonly string[] => positions.map(({ account }) => account)
const views = (calls: readonly SimulatedCall[]): readonly SimulatedCall[] => calls.filter(call => call.isView === true)

describe('preflight', () => {
  it('default: asked in the same request, in front of the transactions, each call once', async () => {
    const { audit, answerView, asked, reports } = createProtocol([])
    const { executor, simulated } = createWorld({ audit, answerView })
    const report = await executor.execute([planOf([takeOf(1), takeOf(2)], PARENT)], PARENT)
    expect(report.sent).toHaveLength(1)
    expect(asked.map(accountsOf)).toEqual([[accountOf(1), accountOf(2)]])
    expect(simulated).toHaveLength(1)
    // The market's once, each account's own, and the transaction last.
    expect(simulated[0]?.map(call => call.isView ?? false)).toEqual([true, true, true, false])
    expect(views(simulated[0] ?? []).map(({ data }) => data)).toEqual(['0x01', accountOf(1), accountOf(2)])
    // They pay nothing: no balance is touched that the transactions need.
    expect(views(simulated[0] ?? []).every(call => call.maxFeePerGasWei === 0n)).toBe(true)
    expect(reports).toEqual([{ answered: 2, drifts: [] }])
  })

  it('behavior: one that differs is cut with both values, the others go on, and it is told', async () => {
    const { audit, answerView, reports } = createProtocol([2])
    const { executor, simulated } = createWorld({ audit, answerView, keys: 2 })
    const report = await executor.execute([planOf([takeOf(1), takeOf(2), takeOf(3)], PARENT)], PARENT)
    expect(report.skips).toEqual([
      { kind: 'skip', position: takeOf(2).position, reason: 'drifted', message: 'debt: here 5, on chain 7' },
    ])
    expect(report.sent.map(({ positions }) => accountsOf(positions))).toEqual([[accountOf(1), accountOf(3)]])
    expect(reports).toEqual([{ answered: 3, drifts: [expect.objectContaining({ position: takeOf(2).position })] }])
    // Simulated once more as it is sent, without asking again.
    expect(simulated.map(calls => views(calls).length)).toEqual([4, 0])
    // It is not held against the position: as soon as the book is right it may be tried.
    const next = blockAt(101n)
    expect((await executor.execute([planOf([takeOf(2)], next)], next)).skips).toEqual([
      expect.objectContaining({ reason: 'drifted' }),
    ])
  })

  it('behavior: where the caller plans anew, it is given back unfit', async () => {
    const { audit, answerView } = createProtocol([1])
    const { executor, simulated } = createWorld({ audit, answerView })
    const report = await executor.execute([planOf([takeOf(1), takeOf(2)], PARENT)], PARENT, { mayReplan: true })
    expect(report).toMatchObject({ sent: [], skips: [], isSimulated: true })
    expect(report.unfit).toEqual([expect.objectContaining({ position: takeOf(1).position, reason: 'drifted' })])
    expect(simulated).toHaveLength(1)
  })

  it('behavior: nothing is left where all differ', async () => {
    const { audit, answerView } = createProtocol([1, 2])
    const { executor, simulated } = createWorld({ audit, answerView })
    const report = await executor.execute([planOf([takeOf(1), takeOf(2)], PARENT)], PARENT)
    expect(report.sent).toEqual([])
    expect(report.skips.map(({ reason }) => reason)).toEqual(['drifted', 'drifted'])
    expect(simulated).toHaveLength(1)
  })

  it('error: a node that gives no answer to it stops nothing', async () => {
    const { audit, reports } = createProtocol([1])
    const { executor } = createWorld({
      audit,
      answerView: () => ({ status: 'reverted', gasUsed: 25_000n, returnData: '0x', logs: [] }),
    })
    expect((await executor.execute([planOf([takeOf(1)], PARENT)], PARENT)).sent).toHaveLength(1)
    expect(reports).toEqual([{ answered: 0, drifts: [] }])
  })

  it('behavior: those beyond the bound go on unchecked, unless their market proves wrong', async () => {
    const many = Array.from({ length: MAX_AUDITED + 6 }, (_, n) => inMarket(n + 1, n % 2 === 0 ? '0x0a' : '0x0b'))
    const plansOf = (parent: typeof PARENT) =>
      Array.from({ length: 7 }, (_, n) => planOf(many.slice(10 * n, 10 * n + 10), parent))
    const { audit, answerView, asked } = createProtocol([1])
    const { executor } = createWorld({ audit, answerView, keys: 7, policy: { gasMarginBps: 10_000n } })
    const parent = { ...PARENT, gasLimit: 300_000_000n }
    const report = await executor.execute(plansOf(parent), parent)
    expect(asked.map(positions => positions.length)).toEqual([MAX_AUDITED])
    const cut = report.skips.filter(({ reason }) => reason === 'drifted').map(({ position }) => position.account)
    // The wrong one, and those of its market after the bound.
    expect(cut).toEqual([1, MAX_AUDITED + 1, MAX_AUDITED + 3, MAX_AUDITED + 5].map(accountOf))
    expect(report.sent.flatMap(({ positions }) => positions)).toHaveLength(many.length - 4)
  })
})
