import type { Server } from 'node:http'
import { formatAddress } from '../base/address.ts'
import type { Settings } from '../config/settings.ts'
import { listenOn } from '../http/server.ts'
import type { Budgets } from '../ledger/budgets/budgets.ts'
import { metricsHttp } from '../metrics/metrics-http.ts'
import { pageText } from '../metrics/page.ts'
import { createMetrics } from '../metrics/registry.ts'
import type { Tally } from '../metrics/tally.ts'
import type { HealthWatch } from '../operate/health-watch.ts'
import type { LiveSettings } from '../operate/live-settings.ts'
import type { RelayControl } from '../operate/relay-control.ts'
import type { Shutdown } from '../operate/shutdown.ts'
import type { KernelLink } from '../relay/kernel/kernel-link.ts'
import { cannotServe } from '../relay/start-error.ts'
import { openDescriptors } from '../system/descriptor-count.ts'
import { pausing } from '../system/slices.ts'
import type { Engine } from '../workers/engine.ts'
import { budgetFigures } from './usage/budgeting.ts'

export interface MetricsParts {
  readonly version: string
  readonly engine: Engine
  readonly tally: Tally
  readonly settings: LiveSettings
  readonly health: HealthWatch
  readonly shutdown: Shutdown
  readonly operator: RelayControl
  readonly kernel: KernelLink | undefined
  readonly budgets: Budgets | undefined
}

/** Makes the HTTP server of metrics and readiness. It is not bound yet. */
export function metricsServer(parts: MetricsParts): Server {
  const { version, engine, tally, settings, health, shutdown, operator, kernel, budgets } = parts
  const { shards, admission } = engine
  const { realm, metrics } = settings.current
  const registry = createMetrics(
    {
      version,
      realm,
      counters: shards.counters,
      tally,
      users: () => admission.users,
      allocationsLimit: () => admission.limit,
      connectionsLimit: () => settings.current.limits.connections,
      homeserverLimits: () => limitsOf(settings.current),
      budgets: () => budgetFigures(budgets),
      carried: () => operator.carried(),
      gauges: () => shards.gauges,
      kernelPassed: () => kernel?.passed(),
      openDescriptors,
      ports: () => engine.ports,
      certificateExpires: () => {
        const expires = engine.certificateExpires
        return expires === undefined ? undefined : expires / 1000
      },
      reload: () => ({ ok: settings.lastReload.ok, at: settings.lastReload.at / 1000 }),
      ready: () => health.notReady().length === 0,
      draining: () => shutdown.state !== 'none',
      workers: () => ({ running: engine.workers - shards.missing, missing: shards.missing }),
    },
    { coturnNames: metrics ? metrics.coturnNames : false, process: true },
  )
  return metricsHttp({
    metrics: async () => ({ type: registry.contentType, text: await pageText(registry, pausing()) }),
    notReady: () => health.notReady(),
  })
}

/** Binds the server, or throws a `StartError`. */
export async function listen(
  http: Server,
  at: NonNullable<Settings['metrics'] & object>['listen'],
): Promise<void> {
  try {
    await listenOn(http, at)
  } catch (error) {
    throw cannotServe(formatAddress(at), at.port, error as NodeJS.ErrnoException)
  }
}

function limitsOf({ homeservers }: Settings): Map<string, number> {
  return new Map(
    homeservers.flatMap(({ name, limits }) =>
      limits?.allocations === undefined ? [] : [[name, limits.allocations] as const],
    ),
  )
}
