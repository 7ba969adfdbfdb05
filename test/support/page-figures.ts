import { Counters } from '../../src/base/counters.ts'
import type { Figures } from '../../src/metrics/page.ts'
import type { Tally } from '../../src/metrics/tally.ts'

/** What a metrics page has of a relay where nothing happens. */
export function pageFigures(tally: Tally): Figures {
  return {
    version: '0.0.0',
    realm: 'turn.example.org',
    counters: new Counters(),
    tally,
    users: () => 0,
    allocationsLimit: () => 1,
    connectionsLimit: () => 1,
    homeserverLimits: () => new Map(),
    budgets: () => ({ budgets: [], usersSpent: 0, ownLimits: 0 }),
    carried: async () => new Map(),
    gauges: () => ({ sockets: 0, connections: 0, visitors: 0, faults: 0, kernelRoutes: 0 }),
    kernelPassed: () => undefined,
    openDescriptors: () => undefined,
    ports: () => ({ used: 0, total: 1 }),
    certificateExpires: () => undefined,
    reload: () => ({ ok: true, at: 0 }),
    ready: () => true,
    draining: () => false,
    workers: () => ({ running: 1, missing: 0 }),
  }
}
