import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MEASURES, type Measures } from '../../src/base/measures.ts'
import type { Time } from '../../src/base/time.ts'
import type { UsageList } from '../../src/control/view.ts'
import type { Event } from '../../src/core/event.ts'
import { Clerk } from '../../src/ledger/clerk.ts'
import { ledgerFiles, UsageLedger } from '../../src/ledger/ledger.ts'
import { Journal } from '../../src/log/journal.ts'
import { Log } from '../../src/log/log.ts'
import { Privacy } from '../../src/log/privacy.ts'
import { Pseudonyms } from '../../src/log/pseudonyms.ts'
import { createMetrics } from '../../src/metrics/registry.ts'
import { Tally } from '../../src/metrics/tally.ts'
import { OpenSessions } from '../../src/operate/open-sessions.ts'
import { SessionReader } from '../../src/operate/session-reader.ts'
import { ShardAllocations } from '../../src/relay/shard-allocations.ts'
import type { ReportFigures } from '../../src/report/figures.ts'
import { run } from '../support/captured.ts'
import { everybody, MONDAY, SimulatedWeek } from '../support/ledger-week.ts'
import { startServe } from '../support/lifecycle.ts'
import { pageFigures } from '../support/page-figures.ts'
import { Postgresql } from '../support/postgresql.ts'

t.setTimeout(280_000)

const FOREVER = { hours: Infinity, days: Infinity, months: Infinity }
const SEED = 17

/** What the end of a session says in the log. */
interface Closed {
  readonly homeserver: string
  readonly user: string
  readonly transport: string
  readonly packetsToPeer: number
  readonly bytesToPeer: number
  readonly packetsToClient: number
  readonly bytesToClient: number
}

/** Adds up what several rows say of the same. */
function sums(rows: Iterable<Partial<Measures>>, of: (row: never) => string): Map<string, Measures> {
  const found = new Map<string, Record<(typeof MEASURES)[number], number>>()
  for (const row of rows) {
    const key = of(row as never)
    const sum = found.get(key) ?? {
      ...{ bytesToPeer: 0, packetsToPeer: 0, bytesToClient: 0, packetsToClient: 0 },
      ...{ allocations: 0, milliseconds: 0, refusals: 0 },
    }
    found.set(key, sum)
    for (const measure of MEASURES) sum[measure] += row[measure] ?? 0
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

const all = () => 'all'
const carriedBy = (measures: Measures | undefined) => [
  measures?.bytesToPeer,
  measures?.packetsToPeer,
  measures?.bytesToClient,
  measures?.packetsToClient,
]

/** A ledger of the week, in a state folder of its own. */
function ledgerAt(
  t: Test,
  week: SimulatedWeek,
  database: string,
  read: () => ReturnType<SessionReader['traffic']>,
) {
  const state = mkdtempSync(join(tmpdir(), 'taciturn-week-'))
  t.teardown(() => rmSync(state, { recursive: true, force: true }))
  const files = ledgerFiles(state)
  const where = database === 'sqlite' ? files.database : database
  const clerk = new Clerk({ spool: files.spool, database: where, keep: FOREVER }, () =>
    Math.floor(week.wall() / 1000),
  )
  const ledger = new UsageLedger(
    { state, database, identities: 'pseudonym', keep: FOREVER },
    {
      log: { info: () => {}, limited: (_, __, message) => t.fail(message) },
      read,
      clock: { now: () => week.sim.now as Time },
      wall: week.wall,
      desk: { do: job => clerk.do<typeof job.kind>(job), close: () => clerk.close() },
    },
  )
  return { state, database, keys: files.keys, ledger }
}

/** Everything that is counted of what a relay tells, as it is put together for a real one. */
function books(t: Test, week: SimulatedWeek, databases: readonly string[]) {
  const { sim } = week
  const pseudonyms = new Pseudonyms()
  const closed: Closed[] = []
  const write = (line: string) => {
    const record = JSON.parse(line)
    if (record.msg === 'closed') closed.push(record)
  }
  const log = new Log({ level: 'info', format: 'json', sink: { write }, isJournal: false })
  const journal = new Journal(log, new Privacy('full', pseudonyms))
  const tally = new Tally()
  tally.configure(['example.org', 'family.example', 'company.example', 'club.example'])
  const sessions = new OpenSessions(pseudonyms, week.wall)
  const shard = new ShardAllocations({ shard: sim.shard, inbox: undefined as never, droppedAt: () => 0 })
  const reader = new SessionReader({
    sessions,
    read: async () => [await shard.read()],
    now: () => sim.now,
    wait: async () => {},
    date: time => time,
  })
  const ledgers = databases.map(database => ledgerAt(t, week, database, () => reader.traffic()))
  const held = { milliseconds: 0, refusals: 0 }
  sim.world.tell = (event: Event) => {
    journal.write(event)
    tally.count(event)
    sessions.hear(event)
    for (const { ledger } of ledgers) ledger.hear(event)
    if (event.kind === 'closed') held.milliseconds += event.at - event.since
    if (event.kind === 'rejected' && event.why !== 'first-401') held.refusals++
  }
  const figures = { ...pageFigures(tally), counters: sim.counters, carried: () => reader.carried() }
  return { ledgers, closed, held, metrics: createMetrics(figures, { coturnNames: false, process: false }) }
}

/** The samples of one family of the metrics page, by their labels. */
function family(page: string, name: string): [string, number][] {
  const samples = [...page.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'))]
  return samples.map(([, labels = '', value]) => [labels, Number(value)])
}

t.test(
  'after a week of 500 people, ledger, metrics, ends of sessions and report agree to the byte',
  async t => {
    const postgresql = await Postgresql.start(t as Test)
    const week = new SimulatedWeek(SEED)
    const { ledgers, closed, held, metrics } = books(t as Test, week, ['sqlite', postgresql.database()])
    const [sqlite, shared] = ledgers as [(typeof ledgers)[0], (typeof ledgers)[0]]
    // Relays that share a ledger have the same pseudonyms.
    sqlite.ledger.identityOf('anybody')
    copyFileSync(sqlite.keys, shared.keys)
    await week.pass(async () => {
      for (const { ledger } of ledgers) {
        ledger.tick()
        await ledger.idle()
      }
    })

    const people = [...week.received.values()].filter(({ calls }) => calls > 0)
    const truth = everybody(people)
    t.comment(
      `${people.length} people, ${closed.length} calls, ${truth.toPeer.packets + truth.toClient.packets} datagrams`,
    )
    t.ok(people.length > 450)
    t.equal(
      closed.length,
      people.reduce((sum, { calls }) => sum + calls, 0),
    )
    const whole = [truth.toPeer.bytes, truth.toPeer.packets, truth.toClient.bytes, truth.toClient.packets]

    t.strictSame(carriedBy(sums(closed, all).get('all')), whole, 'ends of sessions')
    const page = await metrics.metrics()
    const relayed = family(page, 'taciturn_relayed_bytes_total')
    t.equal(
      relayed.reduce((sum, [, octets]) => sum + octets, 0),
      truth.toPeer.bytes + truth.toClient.bytes,
      'metrics',
    )
    const opened = family(page, 'taciturn_homeserver_allocations_opened_total')
    t.equal(
      opened.reduce((sum, [, count]) => sum + count, 0),
      closed.length,
    )
    t.equal(
      family(page, 'taciturn_rejected_total').reduce(
        (sum, [labels, n]) => sum + (labels.includes('first-401') ? 0 : n),
        0,
      ),
      held.refusals,
    )
    t.ok(held.refusals > 50)

    const asked = { by: 'all', from: 0, to: 1e11, most: 10_000 } as const
    const [first, second] = await Promise.all(
      ledgers.map(async ({ ledger }) => [
        ...(
          await ledger.usage({
            ...asked,
            by: 'hour',
            from: MONDAY / 1000,
            to: MONDAY / 1000 + 8 * 86_400,
            per: ['user', 'homeserver', 'transport', 'family'],
            most: 1e6,
          })
        ).rows,
      ]),
    )
    t.strictSame(second, first, 'SQLite and PostgreSQL have the same rows')
    t.ok(first!.length > 5000)
    t.match(sums(first!, all).get('all'), { ...held, allocations: closed.length })

    const byUser = (rows: Iterable<Partial<Measures>>, name: (user: string) => string) =>
      sums(rows, ({ homeserver, user }: Closed) => `${homeserver} ${name(user)}`)
    const ends = byUser(closed, user => sqlite.ledger.identityOf(user))
    const rows = byUser(first!, user => user)
    for (const { homeserver, user, traffic, calls } of people) {
      const name = `${homeserver} ${sqlite.ledger.identityOf(user)}`
      const { toPeer, toClient } = traffic
      const theirs = [toPeer.bytes, toPeer.packets, toClient.bytes, toClient.packets]
      if (`${carriedBy(rows.get(name))}` !== `${theirs}` || `${carriedBy(ends.get(name))}` !== `${theirs}`)
        t.strictSame([carriedBy(rows.get(name)), carriedBy(ends.get(name))], [theirs, theirs], user)
      if (rows.get(name)?.allocations !== calls) t.equal(rows.get(name)?.allocations, calls, user)
    }
    for (const { ledger } of ledgers) await ledger.close()

    // What people are shown, by a relay of today that finds the folder. Old hours have become days by then.
    for (const { state, database } of ledgers) {
      const keep = { days: 'unlimited' }
      const settings = { state, ledger: database === 'sqlite' ? { keep } : { keep, postgresql: database } }
      const relay = await startServe(t as Test, { settings })
      const say = async (...words: string[]) => {
        const { code, stdout, stderr } = await run(relay.folder, [
          ...words,
          '--socket',
          join(state, 'control.sock'),
        ])
        t.equal(code, 0, stderr)
        return stdout
      }
      const list = async (...words: string[]): Promise<UsageList> =>
        JSON.parse(await say('usage', '--json', ...words))
      const june = ['--from', '2026-06', '--to', '2026-06']
      const everything = await list('--by', 'all', ...june)
      t.match(everything.rows, [{ ...sums(first!, all).get('all') }])
      const days = await list('--by', 'day', '--per', 'user,homeserver', ...june)
      t.strictSame(
        byUser(days.rows, user => user),
        byUser(first!, user => user),
        `usage by day, ${database}`,
      )
      const csv = (await say('usage', '--by', 'all', '--per', 'transport,family', '--csv', ...june))
        .trim()
        .split(/\r?\n/)
      const column = csv[0]!.split(',').indexOf('bytesToPeer')
      t.equal(
        csv.slice(1).reduce((sum, line) => sum + Number(line.split(',')[column]), 0),
        truth.toPeer.bytes,
      )

      const report: ReportFigures = JSON.parse(await say('report', '--month', '2026-06', '--json'))
      const octets = truth.toPeer.bytes + truth.toClient.bytes
      t.match(report.total, { octets, people: people.length, calls: closed.length })
      t.equal(
        report.days.reduce((sum, day) => sum + day.octets, 0),
        octets,
      )
      const perHomeserver = sums(closed, ({ homeserver }: Closed) => homeserver)
      for (const { name, octets } of report.homeservers) {
        const of = perHomeserver.get(name)!
        t.equal(octets, of.bytesToPeer + of.bytesToClient, name)
        const told = family(page, 'taciturn_homeserver_relayed_bytes_total').filter(([labels]) =>
          labels.includes(`"${name}"`),
        )
        t.equal(
          told.reduce((sum, [, n]) => sum + n, 0),
          octets,
          `metrics of ${name}`,
        )
      }
      t.equal(report.homeservers.length, perHomeserver.size)
      t.match(
        await say('report', '--quarter', '2026-Q2', '--csv'),
        new RegExp(`^total,,bytes,${octets}\r?$`, 'm'),
      )
      await relay.stop()
    }
  },
)
