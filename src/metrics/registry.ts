import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import {
  AUTH_COUNTERS,
  counterEntries,
  DROP_COUNTERS,
  ERROR_COUNTERS,
  EVENT_COUNTERS,
  REQUEST_COUNTERS,
  UNSERVED_COUNTERS,
} from '../base/counters.ts'
import { VIA, type Via } from '../base/via.ts'
import type { CloseReason, RejectReason, ThrottleReason } from '../core/event.ts'
import { addCoturnMetrics } from './coturn-names.ts'
import { replaceLag, WITHOUT_LAG } from './event-loop-lag.ts'
import { type Figures, only, Page, type Sample } from './page.ts'
import type { Tally } from './tally.ts'

export interface MetricsOptions {
  /** Serves coturn's names beside our own, so that its dashboards keep working. */
  readonly coturnNames: boolean
  /** Figures of the process itself: CPU, memory, event loop, descriptors. */
  readonly process: boolean
}

/**
 * Builds the metrics page. Labels come from small fixed sets: transports,
 * directions, codes, reasons, and the homeservers of the configuration.
 */
export function createMetrics(figures: Figures, options: MetricsOptions): Registry {
  const registry = new Registry()
  const page = new Page(registry)
  if (options.process) {
    collectDefaultMetrics({ register: registry, ...WITHOUT_LAG })
    replaceLag(registry)
    for (const name of WALKS) registry.removeSingleMetric(name)
    addDescriptors(registry, page, figures)
  }
  addState(page, figures)
  addProtocol(page, figures)
  addTraffic(page, figures)
  addWeb(page, figures)
  addKernel(page, figures)
  addHomeservers(page, figures)
  addBudgets(page, figures)
  addDurations(registry, figures.tally)
  if (options.coturnNames) addCoturnMetrics(page, figures)
  return registry
}

/**
 * In the place of prom-client's figure, which lists all descriptors at each
 * scrape: with thousands that takes milliseconds.
 */
function addDescriptors(registry: Registry, page: Page, figures: Figures): void {
  registry.removeSingleMetric('process_open_fds')
  page.gauge('process_open_fds', 'Number of open file descriptors.', [], () => {
    const open = figures.openDescriptors()
    return open === undefined ? [] : only(open)
  })
}

function addState(page: Page, figures: Figures): void {
  page.gauge('taciturn_build_info', 'Version of the relay and of Node.', ['version', 'node'], () => [
    [{ version: figures.version, node: process.versions.node }, 1],
  ])
  page.gauge('taciturn_ready', '1 while the relay takes new calls.', [], () => only(Number(figures.ready())))
  page.gauge('taciturn_draining', '1 while the relay only serves the calls it has.', [], () =>
    only(Number(figures.draining())),
  )
  page.gauge('taciturn_allocations', 'Allocations that are open now.', ['transport'], () =>
    VIA.filter(via => via !== 'relay').map(via => [{ transport: via }, figures.tally.live[via]]),
  )
  page.gauge('taciturn_allocations_limit', 'Allocations that may be open at once.', [], () =>
    only(figures.allocationsLimit()),
  )
  page.gauge('taciturn_users', 'Users who hold an allocation now.', [], () => only(figures.users()))
  page.gauge(
    'taciturn_sockets',
    'Sockets of clients, listeners and relayed addresses that are open now.',
    [],
    () => only(figures.gauges().sockets),
  )
  page.gauge('taciturn_connections', 'TCP and TLS connections that are open now.', [], () =>
    only(figures.gauges().connections),
  )
  page.gauge('taciturn_connections_limit', 'TCP and TLS connections that may be open at once.', [], () =>
    only(figures.connectionsLimit()),
  )
  page.gauge('taciturn_web_connections', 'Connections that are passed on to the web server now.', [], () =>
    only(figures.gauges().visitors),
  )
  page.gauge('taciturn_workers', 'Threads that relay, by state.', ['state'], () => {
    const { running, missing } = figures.workers()
    return [
      [{ state: 'running' }, running],
      [{ state: 'missing' }, missing],
    ]
  })
  page.gauge('taciturn_relay_ports', 'Relay ports, by state.', ['state'], () => {
    const { used, total } = figures.ports()
    return [
      [{ state: 'used' }, used],
      [{ state: 'free' }, Math.max(0, total - used)],
    ]
  })
  page.gauge(
    'taciturn_certificate_expiry_timestamp_seconds',
    'When the TLS certificate expires, in seconds since the epoch.',
    [],
    () => {
      const expires = figures.certificateExpires()
      return expires === undefined ? [] : only(expires)
    },
  )
  page.gauge(
    'taciturn_config_last_reload_successful',
    '1 if the last reload of the configuration went well.',
    [],
    () => only(Number(figures.reload().ok)),
  )
  page.gauge(
    'taciturn_config_last_reload_success_timestamp_seconds',
    'When the configuration was last read without a fault, in seconds since the epoch.',
    [],
    () => only(figures.reload().at),
  )
}

function addProtocol(page: Page, figures: Figures): void {
  const { counters, tally } = figures
  page.counter('taciturn_requests_total', 'Requests received, by method.', ['method'], () =>
    counterEntries(REQUEST_COUNTERS).map(([name, method]) => [{ method }, counters.read(name)]),
  )
  page.counter('taciturn_allocations_opened_total', 'Allocations opened.', [], () =>
    only(counters.read('allocationOpened')),
  )
  page.counter('taciturn_allocations_closed_total', 'Allocations closed, by reason.', ['reason'], () =>
    Object.entries({ ...CLOSED, ...tally.closed }).map(([reason, count]) => [{ reason }, count]),
  )
  page.counter(
    'taciturn_auth_failures_total',
    'Requests that were not let in. first-401 is how every session begins and no fault.',
    ['reason'],
    () => counterEntries(AUTH_COUNTERS).map(([name, reason]) => [{ reason }, counters.read(name)]),
  )
  page.counter('taciturn_rejected_total', 'Requests answered with an error, by reason.', ['reason'], () =>
    Object.entries({ ...REJECTED, ...tally.rejected }).map(([reason, count]) => [{ reason }, count]),
  )
  page.counter('taciturn_errors_total', 'Error answers sent, by STUN error code.', ['code'], () =>
    Object.entries(ERROR_COUNTERS).map(([code, name]) => [{ code }, counters.read(name)]),
  )
  page.counter('taciturn_drops_total', 'Packets dropped without an answer, by reason.', ['reason'], () =>
    counterEntries(DROP_COUNTERS).map(([name, reason]) => [
      { reason: reason.replaceAll('-', '_') },
      counters.read(name),
    ]),
  )
  page.counter(
    'taciturn_connections_unserved_total',
    'Connections that ended before STUN began, by what came or why TLS failed.',
    ['reason'],
    () => counterEntries(UNSERVED_COUNTERS).map(([name, reason]) => [{ reason }, counters.read(name)]),
  )
  page.counter(
    'taciturn_throttled_total',
    'Held back without an answer, by reason; counted every ten seconds. scan counts users, once in a minute.',
    ['reason'],
    () => Object.entries({ ...THROTTLED, ...tally.throttled }).map(([reason, count]) => [{ reason }, count]),
  )
  page.counter('taciturn_faults_total', 'Faults of the program that were caught.', [], () =>
    only(figures.gauges().faults),
  )
  page.counter(
    'taciturn_events_total',
    'Other things that happened, by kind; passed: datagrams that the fast path left to the protocol core.',
    ['event'],
    () => counterEntries(EVENT_COUNTERS).map(([name, event]) => [{ event }, counters.read(name)]),
  )
}

function addTraffic(page: Page, figures: Figures): void {
  const each = (unit: 'packets' | 'bytes') => (): Sample[] =>
    CLIENT_VIA.flatMap((via): Sample[] => {
      const { toPeer, toClient } = figures.counters.traffic(via)
      return [
        [{ transport: via, direction: 'to_peer' }, toPeer[unit]],
        [{ transport: via, direction: 'to_client' }, toClient[unit]],
      ]
    })
  const labels = ['transport', 'direction']
  page.counter(
    'taciturn_relayed_packets_total',
    "Payloads relayed, by the client's transport.",
    labels,
    each('packets'),
  )
  page.counter(
    'taciturn_relayed_bytes_total',
    "Octets relayed, by the client's transport; headers excluded.",
    labels,
    each('bytes'),
  )
}

/** What is passed on to the web server that a port is shared with. */
function addWeb(page: Page, { counters }: Figures): void {
  page.counter(
    'taciturn_web_bytes_total',
    'Octets passed on to the web server and back, as TLS has them.',
    ['direction'],
    () => [
      [{ direction: 'to_server' }, counters.read('webToServer')],
      [{ direction: 'to_client' }, counters.read('webToClient')],
    ],
  )
}

/** What the kernel relays by itself; samples only where it is asked to. */
function addKernel(page: Page, figures: Figures): void {
  const { counters } = figures
  const wherever = (samples: () => Sample[]) => () => (figures.kernelPassed() ? samples() : [])
  page.gauge(
    'taciturn_kernel_routes',
    'Ways between a client and a peer that the kernel relays along now.',
    [],
    wherever(() => only(figures.gauges().kernelRoutes)),
  )
  page.counter(
    'taciturn_kernel_packets_total',
    'Payloads that the kernel relayed by itself; they are in taciturn_relayed_packets_total as well.',
    ['direction'],
    wherever(() => [
      [{ direction: 'to_peer' }, counters.read('kernelToPeer')],
      [{ direction: 'to_client' }, counters.read('kernelToClient')],
    ]),
  )
  page.counter(
    'taciturn_kernel_passed_total',
    'Datagrams of such ways that the kernel left to the relay, by reason.',
    ['reason'],
    () =>
      Object.entries(figures.kernelPassed() ?? {}).map(([reason, count]) => [
        { reason: reason.replaceAll('-', '_') },
        count,
      ]),
  )
}

function addHomeservers(page: Page, figures: Figures): void {
  const { homeservers } = figures.tally
  const each = (value: 'allocations' | 'opened' | 'issued') => () =>
    [...homeservers].map(([homeserver, tally]): Sample => [{ homeserver }, tally[value]])
  page.gauge(
    'taciturn_homeserver_allocations',
    'Allocations that users of a homeserver hold now.',
    ['homeserver'],
    each('allocations'),
  )
  page.counter(
    'taciturn_homeserver_allocations_opened_total',
    'Allocations that users of a homeserver opened.',
    ['homeserver'],
    each('opened'),
  )
  page.counter(
    'taciturn_homeserver_credentials_issued_total',
    'Credentials handed out over HTTP to users of a homeserver.',
    ['homeserver'],
    each('issued'),
  )
  page.counter(
    'taciturn_credential_requests_total',
    'Requests for credentials over HTTP, by way and outcome.',
    ['way', 'outcome'],
    () => [...figures.tally.requests.values()].map(({ way, outcome, count }) => [{ way, outcome }, count]),
  )
  page.gauge(
    'taciturn_homeserver_allocations_limit',
    'Allocations that users of a homeserver may hold together, where that is limited.',
    ['homeserver'],
    () => [...figures.homeserverLimits()].map(([homeserver, limit]): Sample => [{ homeserver }, limit]),
  )
  page.counter(
    'taciturn_homeserver_relayed_bytes_total',
    'Octets relayed for users of a homeserver; headers excluded.',
    ['homeserver', 'direction'],
    async () => {
      const live = await figures.carried()
      return [...homeservers].flatMap(([homeserver, tally]): Sample[] => {
        const now = live.get(homeserver)
        return [
          [{ homeserver, direction: 'to_peer' }, tally.bytesToPeer + (now?.toPeer.bytes ?? 0)],
          [{ homeserver, direction: 'to_client' }, tally.bytesToClient + (now?.toClient.bytes ?? 0)],
        ]
      })
    },
  )
}

/** Sums only: single users are a number here. */
function addBudgets(page: Page, figures: Figures): void {
  const each = (value: 'used' | 'limit') => () =>
    Array.from(
      figures.budgets().budgets,
      ({ kind, name, span, ...octets }): Sample => [{ budget: kind, name, span }, octets[value]],
    )
  const labels = ['budget', 'name', 'span']
  page.gauge(
    'taciturn_budget_used_bytes',
    'Octets that were used of a budget on this day or in this month, both directions together.',
    labels,
    each('used'),
  )
  page.gauge(
    'taciturn_budget_limit_bytes',
    'Octets that a budget has for a day or a month.',
    labels,
    each('limit'),
  )
  page.gauge('taciturn_budget_users_spent', 'Users who have used up a budget of their own.', [], () =>
    only(figures.budgets().usersSpent),
  )
  page.gauge('taciturn_budget_own_limits', 'Limits that users have set for themselves.', [], () =>
    only(figures.budgets().ownLimits),
  )
}

function addDurations(registry: Registry, tally: Tally): void {
  const durations = new Histogram({
    name: 'taciturn_allocation_duration_seconds',
    help: 'How long ended allocations lived.',
    labelNames: ['transport'],
    buckets: [10, 60, 300, 900, 1800, 3600, 7200, 21600, 43200],
    registers: [registry],
  })
  for (const via of CLIENT_VIA) durations.zero({ transport: via })
  tally.onClosed((via, seconds) => durations.observe({ transport: via }, seconds))
}

/**
 * What prom-client counts by walking all connections at each scrape, which takes milliseconds with thousands;
 * `taciturn_connections` and `taciturn_sockets` say how many there are.
 */
const WALKS = ['handles', 'requests', 'resources'].flatMap(what => [
  `nodejs_active_${what}`,
  `nodejs_active_${what}_total`,
])

/** Reasons are on the page before they happen: a rate needs a zero to begin from. */
const CLOSED: Readonly<Record<CloseReason, 0>> = {
  expired: 0,
  released: 0,
  hangup: 0,
  revoked: 0,
  stopped: 0,
  lost: 0,
  moved: 0,
}
const REJECTED: Readonly<Record<RejectReason, 0>> = {
  'first-401': 0,
  expired: 0,
  'wrong-secret': 0,
  'unknown-user': 0,
  'wrong-realm': 0,
  'stale-nonce': 0,
  guessing: 0,
  paused: 0,
  blocked: 0,
  'bad-request': 0,
  'unknown-attribute': 0,
  mismatch: 0,
  'wrong-user': 0,
  unsupported: 0,
  'denied-peer': 0,
  'allocation-rate': 0,
  scan: 0,
  quota: 0,
  capacity: 0,
  draining: 0,
  internal: 0,
}
const THROTTLED: Readonly<Record<ThrottleReason, 0>> = { unverified: 0, guessing: 0, scan: 0, requests: 0 }

const CLIENT_VIA: readonly Via[] = VIA.filter(via => via !== 'relay')
