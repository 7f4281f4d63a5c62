// The machine's own part of the latency: the same blocks, the same simulation and the same bytes posted, by a process that does nothing else.
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { parseTransaction, recoverTransactionAddress, type TransactionSerialized } from 'viem'
import type { Address, Hex } from '../../src/core/primitives'
import type { FloorOrder } from './floor-process'
import { bundleOf } from './stopwatch-relay'

export interface Floor {
  /** Readies it for the next head. */
  arm(order: FloorOrder): Promise<void>
  stop(): void
}

/** Bytes of `run()`'s calldata that say until when it is valid: last block and deadline. */
const VALIDITY = { from: 2 + 2 * 44, to: 2 + 2 * 56 }

const endless = (data: Hex): Hex =>
  `0x${data.slice(2, VALIDITY.from)}${'f'.repeat(VALIDITY.to - VALIDITY.from)}${data.slice(VALIDITY.to)}`

/** What a bundle of the keeper's asked of node and relay, valid in any block. */
export const orderOf = async (body: string): Promise<FloorOrder> => {
  const calls = await Promise.all(
    bundleOf(body).transactions.map(async raw => {
      const { to, data, gas } = parseTransaction(raw)
      const from = (
        await recoverTransactionAddress({ serializedTransaction: raw as TransactionSerialized })
      ).toLowerCase() as Address
      return { from, to, data: endless(data ?? '0x'), gas: `0x${(gas ?? 0n).toString(16)}` }
    }),
  )
  return { payload: { blockStateCalls: [{ calls }], validation: false }, body }
}

export const startFloor = async (nodeUrl: string, relayUrl: string): Promise<Floor> => {
  const child = fork(join(__dirname, 'floor-process.ts'), [nodeUrl, relayUrl], { execArgv: ['--import', 'tsx'] })
  let waiting: { readonly what: string; readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null
  const heard = (what: string): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting = { what, resolve, reject }
    })
  child.on('message', message => {
    if (message === waiting?.what) waiting?.resolve()
    else waiting?.reject(new Error(`floor: ${String(message)}`))
  })
  child.once('exit', code => waiting?.reject(new Error(`the floor's process ended with ${code}`)))
  await heard('ready')
  return {
    arm: async order => {
      const armed = heard('armed')
      child.send(order)
      await armed
    },
    stop: () => child.disconnect(),
  }
}
