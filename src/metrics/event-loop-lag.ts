import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Gauge, type Registry } from 'prom-client'

/**
 * Milliseconds between two looks at how late the event loop is. prom-client
 * looks every ten, which wakes a relay that nobody uses a hundred times a
 * second.
 */
const EVERY = 100
/** Milliseconds that never pass: as many as a timer can wait. */
const NEVER = 2 ** 31 - 1

/** Keeps prom-client's own looks from waking anybody; `replaceLag` then takes them out. */
export const WITHOUT_LAG = { eventLoopMonitoringPrecision: NEVER }

/** Puts figures of how late the event loop is in place of prom-client's, under the same names, in seconds. */
export function replaceLag(registry: Registry): void {
  const seen = monitorEventLoopDelay({ resolution: EVERY })
  seen.enable()
  // Node counts from one look to the next, and not from when the look was due.
  const late = (nanoseconds: number) => (seen.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - EVERY / 1e3))
  const figures = {
    min: ['Least lag since the last scrape.', () => late(seen.min)],
    max: ['Greatest lag since the last scrape.', () => late(seen.max)],
    mean: ['Mean lag since the last scrape.', () => late(seen.mean)],
    stddev: [
      'Standard deviation of the lag since the last scrape.',
      () => (seen.count === 0 ? 0 : seen.stddev / 1e9),
    ],
    p50: ['Median lag since the last scrape.', () => late(seen.percentile(50))],
    p90: ['Lag that 90 % are below since the last scrape.', () => late(seen.percentile(90))],
    p99: ['Lag that 99 % are below since the last scrape.', () => late(seen.percentile(99))],
  } as const
  const gauges: { gauge: Gauge; read: () => number }[] = []
  // A scrape asks for the first before the others, and so they are all of one moment.
  const collect = () => {
    for (const { gauge, read } of gauges) gauge.set(read())
    seen.reset()
  }
  for (const [figure, [help, read]] of Object.entries(figures)) {
    const name = `nodejs_eventloop_lag_${figure}_seconds`
    registry.removeSingleMetric(name)
    const first = gauges.length === 0
    gauges.push({ gauge: new Gauge({ name, help, registers: [registry], ...(first && { collect }) }), read })
  }
}
