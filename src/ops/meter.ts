// prom-client behind the Meter port. A metric is made when it is first used; a wrong label or value never throws into the loop.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Meter } from '../ports'

export interface MetricsBook {
  readonly meter: Meter
  /** The Prometheus text of everything so far. */
  text(): Promise<string>
  readonly contentType: string
}

type Labels = Readonly<Record<string, string>>

const PREFIX = 'bulwark_'
const BUCKETS = [1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1_280, 5_000, 20_000]

const metricName = (name: string): string => `${PREFIX}${name.replace(/[^a-zA-Z0-9_]/g, '_')}`

/** Prometheus wants the same label names each time: those of the first use count, missing ones are empty, new ones are dropped. */
const fitted = (names: readonly string[], labels: Labels): Record<string, string> =>
  Object.fromEntries(names.map(name => [name, labels[name] ?? '']))

interface Entry<M> {
  readonly metric: M
  readonly labelNames: readonly string[]
}

const createFamily = <M>(make: (name: string, help: string, labelNames: string[]) => M) => {
  const entries = new Map<string, Entry<M>>()
  return (name: string, labels: Labels): Entry<M> => {
    const known = entries.get(name)
    if (known !== undefined) return known
    const labelNames = Object.keys(labels)
    const entry = { metric: make(metricName(name), name.replace(/_/g, ' '), labelNames), labelNames }
    entries.set(name, entry)
    return entry
  }
}

/** Counters, gauges and histograms named `bulwark_<name>`. One name must not serve two kinds. */
export const createMetricsBook = (options: { readonly hasProcessMetrics: boolean }): MetricsBook => {
  const registry = new Registry()
  if (options.hasProcessMetrics) collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const counters = createFamily((name, help, labelNames) => new Counter({ name: `${name}_total`, help, labelNames, registers }))
  const gauges = createFamily((name, help, labelNames) => new Gauge({ name, help, labelNames, registers }))
  const histograms = createFamily(
    (name, help, labelNames) => new Histogram({ name, help, labelNames, registers, buckets: BUCKETS }),
  )
  const meter: Meter = {
    count: (name, by = 1, labels = {}) => {
      const { metric, labelNames } = counters(name, labels)
      if (by > 0) metric.inc(fitted(labelNames, labels), by)
    },
    gauge: (name, value, labels = {}) => {
      const { metric, labelNames } = gauges(name, labels)
      metric.set(fitted(labelNames, labels), value)
    },
    observe: (name, value, labels = {}) => {
      const { metric, labelNames } = histograms(name, labels)
      if (Number.isFinite(value)) metric.observe(fitted(labelNames, labels), value)
    },
  }
  return { meter, text: () => registry.metrics(), contentType: registry.contentType }
}

/** The same meter with fixed labels (a chain's id, say) added to each call. */
export const withLabels = (meter: Meter, fixed: Labels): Meter => ({
  count: (name, by, labels) => meter.count(name, by, { ...labels, ...fixed }),
  gauge: (name, value, labels) => meter.gauge(name, value, { ...labels, ...fixed }),
  observe: (name, value, labels) => meter.observe(name, value, { ...labels, ...fixed }),
})
