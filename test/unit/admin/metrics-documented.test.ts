import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Counters, EVENT_COUNTERS } from '../../../src/base/counters.ts'
import { createMetrics } from '../../../src/metrics/registry.ts'
import { Tally } from '../../../src/metrics/tally.ts'
import { alertRules, dashboardQueries, metricNames } from '../../support/dashboard.ts'

const root = join(import.meta.dirname, '../../..')
const documentation = readFileSync(join(root, 'docs/metrics.md'), 'utf8')

/** The rows of the tables: name, type and labels of each family. */
const documented = [...documentation.matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*) \|/gm)].map(
  ([, name, type, labels]) => ({
    name: name!,
    type: type!,
    labels: [...labels!.matchAll(/`(\w+)`(?=:| `|$| \|)/g)].map(([, label]) => label!),
  }),
)

/** The whole page, of a relay with everything that it may have. */
async function wholePage(): Promise<string> {
  const tally = new Tally()
  tally.configure(['example.org'])
  tally.countRequest('stand-in', 'issued', 'example.org')
  const registry = createMetrics(
    {
      version: '0.0.0',
      realm: 'turn.example.org',
      counters: new Counters(),
      tally,
      users: () => 0,
      allocationsLimit: () => 1,
      connectionsLimit: () => 1,
      homeserverLimits: () => new Map([['example.org', 1]]),
      budgets: () => ({
        budgets: [{ kind: 'group', name: 'family', span: 'day', used: 1, limit: 2 }],
        usersSpent: 0,
        ownLimits: 0,
      }),
      carried: async () => new Map(),
      gauges: () => ({ sockets: 0, connections: 0, visitors: 0, faults: 0, kernelRoutes: 0 }),
      kernelPassed: () => ({ expired: 0 }),
      openDescriptors: () => 21,
      ports: () => ({ used: 0, total: 1 }),
      certificateExpires: () => 1_900_000_000,
      reload: () => ({ ok: true, at: 0 }),
      ready: () => true,
      draining: () => false,
      workers: () => ({ running: 1, missing: 0 }),
    },
    { coturnNames: true, process: true },
  )
  return registry.metrics()
}

t.test('docs/metrics.md has every family of the page with its type, and no other', async t => {
  const page = await wholePage()
  const families = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`)

  t.same(documented.map(({ name, type }) => `${name} ${type}`).sort(), families.sort())
})

t.test('docs/metrics.md names the labels of our own metrics', async t => {
  const page = await wholePage()
  for (const { name, labels } of documented.filter(({ name }) => name.startsWith('taciturn_'))) {
    const sample = new RegExp(`^${name}(?:_bucket)?\\{([^}]*)\\}`, 'm').exec(page)?.[1] ?? ''
    const found = [...sample.matchAll(/(\w+)="/g)].map(([, label]) => label!).filter(label => label !== 'le')
    for (const label of found) t.ok(labels.includes(label), `${name}: ${label}`)
    t.equal(labels.length === 0, found.length === 0, name)
  }
})

t.test(
  'U-54: docs/metrics.md explains every kind of event, and the page the one that explains itself least',
  async t => {
    const row = /^\| `taciturn_events_total` .*$/m.exec(documentation)?.[0] ?? ''
    for (const event of Object.values(EVENT_COUNTERS)) t.match(row, `\`${event}\``)
    t.match(await wholePage(), /^# HELP taciturn_events_total .*passed: datagrams/m)
  },
)

t.test('docs/metrics.md explains every alert, where the alert says', async t => {
  for (const { alert } of alertRules()) t.match(documentation, `\n### ${alert}\n`, alert)
  const explained = [...documentation.matchAll(/^### (Taciturn\w+)$/gm)].map(([, name]) => name!)
  t.same(
    explained.sort(),
    alertRules()
      .map(({ alert }) => alert)
      .sort(),
  )
  const rules = readFileSync(join(root, 'deploy/prometheus/taciturn.rules.yml'), 'utf8')
  for (const { alert } of alertRules())
    t.match(rules, `runbook_url: 'docs/metrics.md#${alert.toLowerCase()}'`, alert)
})

t.test('dashboard and alerts ask for nothing that is not on the page', async t => {
  const names = new Set(documented.map(({ name }) => name))
  const expressions = [...dashboardQueries(), ...alertRules().map(({ expr }) => ({ expression: expr }))]
  for (const { expression } of expressions) {
    for (const name of metricNames(expression)) t.ok(names.has(name.replace(/_bucket$/, '')), name)
  }
})

t.test('every metric of our own is on the dashboard, in an alert, or left out for a reason', async t => {
  const asked = new Set(
    [...dashboardQueries().map(({ expression }) => expression), ...alertRules().map(({ expr }) => expr)]
      .flatMap(metricNames)
      .map(name => name.replace(/_bucket$/, '')),
  )
  const left = documented
    .map(({ name }) => name)
    .filter(name => name.startsWith('taciturn_') && !asked.has(name))
  t.same(
    left.sort(),
    [
      // The reasons beside it say more.
      'taciturn_errors_total',
      // For whoever looks into one client's trouble; scanners move it all day.
      'taciturn_connections_unserved_total',
      // Calls and traffic of a homeserver say more.
      'taciturn_homeserver_allocations_opened_total',
      // Only where a port is shared with a web server, which has figures of its own.
      ...['taciturn_web_bytes_total', 'taciturn_web_connections'],
      // Only where the kernel is asked to relay.
      ...['taciturn_kernel_packets_total', 'taciturn_kernel_passed_total', 'taciturn_kernel_routes'],
      // Only where there are budgets, and notifications tell of them.
      ...['taciturn_budget_used_bytes', 'taciturn_budget_limit_bytes', 'taciturn_budget_users_spent'],
      'taciturn_budget_own_limits',
      // Only where credentials are issued over HTTP.
      ...['taciturn_homeserver_credentials_issued_total', 'taciturn_credential_requests_total'],
    ].sort(),
  )
})
