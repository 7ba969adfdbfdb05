import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Address } from '../../src/base/address.ts'
import { type CallClient, callClient } from '../support/call-client.ts'
import { alertRules, dashboardQueries, metricNames } from '../support/dashboard.ts'
import { need } from '../support/need.ts'
import { startPrometheus } from '../support/prometheus.ts'
import { type RunningRelay, startRelay } from '../support/relay.ts'

const DEPLOY = join(import.meta.dirname, '../../deploy/prometheus')

t.setTimeout(300_000)

const SECRET = 'a secret that only this test knows'

t.test(
  'promtool finds nothing wrong with the rules, and their unit tests pass',
  need('promtool'),
  async t => {
    const promtool = (...args: string[]) =>
      spawnSync('promtool', args, { encoding: 'utf8', cwd: DEPLOY, timeout: 60_000 })
    for (const args of [
      ['check', 'rules', 'taciturn.rules.yml'],
      ['check', 'config', 'prometheus.yml'],
      ['test', 'rules', 'taciturn.test.yml'],
    ]) {
      const { status, stdout, stderr } = promtool(...args)
      t.equal(status, 0, `${args.join(' ')}\n${stdout}${stderr}`)
    }
    const tested = readFileSync(join(DEPLOY, 'taciturn.test.yml'), 'utf8')
    for (const { alert } of alertRules()) t.match(tested, `- name: ${alert}\n`, `${alert} has a test`)
  },
)

t.test(
  'a real Prometheus finds what dashboard and rules ask for, and an alert comes and goes',
  need('prometheus', 'promtool'),
  async t => {
    const relay = await startRelay({
      against: 'taciturn',
      settings: {
        homeservers: [{ name: 'example.org', secrets: [SECRET], limits: { allocations: 100 } }],
      },
    })
    t.teardown(() => relay.stop())
    const metrics = new URL(relay.metrics!)
    const prometheus = await startPrometheus(metrics.host)
    t.teardown(() => prometheus.stop())
    await load(t, relay)

    await prometheus.until('traffic of a running call arrives', async () => {
      const [rate] = await prometheus.query('sum(rate(taciturn_homeserver_relayed_bytes_total[10s]))')
      return Number(rate?.value[1] ?? 0) > 0
    })

    await t.test('promtool finds nothing wrong with the page', async t => {
      const page = execFileSync('curl', ['-s', relay.metrics!], { encoding: 'utf8' })
      const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: page,
        encoding: 'utf8',
      })
      t.equal(status, 0, stderr)
    })

    await t.test('every query of the dashboard has an answer', async t => {
      const queries = dashboardQueries()
      t.ok(queries.length > 30)
      for (const { panel, expression } of queries) {
        const found = await prometheus.query(expression)
        t.ok(found.length > 0, `${panel}: ${expression}`)
      }
    })

    await t.test('every metric that an alert looks at is there', async t => {
      const names = new Set(alertRules().flatMap(({ expr }) => metricNames(expr)))
      t.ok(names.size > 15)
      for (const name of names) t.ok((await prometheus.query(name)).length > 0, name)
      const selectors = alertRules().flatMap(
        ({ expr }) => expr.match(/taciturn_\w+\{reason="[\w-]+"\}/g) ?? [],
      )
      for (const selector of new Set(selectors)) t.ok((await prometheus.query(selector)).length > 0, selector)
    })

    await t.test('the figures are those of the calls', async t => {
      const value = async (expression: string) => Number((await prometheus.query(expression))[0]?.value[1])
      t.equal(await value('sum(taciturn_allocations)'), 3)
      t.equal(await value('taciturn_homeserver_allocations{homeserver="example.org"}'), 3)
      t.equal(await value('taciturn_auth_failures_total{reason="wrong-secret"}'), 1)
      t.equal(await value('taciturn_relay_ports{state="used"}'), 3)
    })

    await t.test('a reload that fails is an alert until one goes well', async t => {
      const file = relay.config!
      const good = readFileSync(file, 'utf8')
      const firing = async () =>
        (await prometheus.alerts())
          .filter(({ state }) => state === 'firing')
          .map(({ labels }) => labels.alertname)
      // The certificate of the test ends in two days, and the rules are right to complain.
      t.same(await firing(), ['TaciturnCertificateEnds'], 'nothing else is wrong before')

      writeFileSync(file, good.replace('"realm"', '"relam"'))
      relay.child.signal('SIGHUP')
      await prometheus.until('TaciturnReloadFailed fires', async () =>
        (await firing()).includes('TaciturnReloadFailed'),
      )

      writeFileSync(file, good)
      relay.child.signal('SIGHUP')
      await prometheus.until('the alert goes', async () => !(await firing()).includes('TaciturnReloadFailed'))
    })
  },
)

/** Two calls that go on until the end of the test, over UDP and TCP, and one stranger. */
async function load(t: Test, relay: RunningRelay): Promise<void> {
  const client = async (user: string, secret: string, via: 'udp' | 'tcp'): Promise<CallClient> => {
    const one = await callClient(relay.port, secret, user, via)
    t.teardown(() => one.close())
    return one
  }
  const relayed = async (one: CallClient): Promise<Address> => {
    const event = await one.allocate()
    if (event.kind !== 'allocated') throw new Error(`not allocated: ${JSON.stringify(event)}`)
    return event.relayed[0]!
  }
  const alice = await client('@alice:example.org', SECRET, 'udp')
  const bob = await client('@bob:example.org', SECRET, 'udp')
  const carol = await client('@carol:example.org', SECRET, 'tcp')
  const [atAlice, atBob, atCarol] = [await relayed(alice), await relayed(bob), await relayed(carol)]
  await alice.permit(atBob)
  await alice.bind(0x4001, atCarol)
  await bob.permit(atAlice)
  await carol.bind(0x4001, atAlice)
  const brief = await client('@dora:example.org', SECRET, 'udp')
  await relayed(brief)
  await brief.refresh(0)
  const stranger = await client('@mallory:example.org', 'another secret, which is not the right one', 'udp')
  await stranger.allocate()
  const talking = setInterval(() => {
    for (let i = 0; i < 5; i++) {
      alice.send(atBob, 'to bob')
      bob.send(atAlice, 'to alice')
      alice.send(0x4001, 'to carol')
      carol.send(0x4001, 'to alice')
    }
  }, 20)
  t.teardown(() => clearInterval(talking))
}
