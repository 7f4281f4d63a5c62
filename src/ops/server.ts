// /metrics and /health over HTTP, on loopback unless told otherwise. Reads only; nothing here can steer the keeper.
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { KeeperError } from '../core/errors'
import type { Health } from './health'
import type { MetricsBook } from './meter'

export interface OpsServer {
  readonly port: number
  close(): Promise<void>
}

export interface OpsServerDeps {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly metrics: Pick<MetricsBook, 'text' | 'contentType'>
  readonly health: () => Promise<Health>
}

/** Starts listening. /health answers 200 while the keeper would act (ok, degraded), 503 where it would not (down). Rejects with bad-config. */
export const startOpsServer = async ({ host, port, metrics, health }: OpsServerDeps): Promise<OpsServer> => {
  const app = fastify({ forceCloseConnections: true })
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))
  app.get('/health', async (_request, reply) => {
    const state = await health()
    return reply.code(state.status === 'down' ? 503 : 200).send(state)
  })
  try {
    await app.listen({ host, port })
  } catch (cause) {
    await app.close()
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new KeeperError('bad-config', `metrics: cannot listen on ${host}:${port}: ${why}`, { retryable: false, cause })
  }
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
}
