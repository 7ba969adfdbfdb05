import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { parseAddress } from '../../src/base/address.ts'
import { openSqlite } from '../../src/ledger/store/sqlite.ts'
import { type Calls, CHANNEL, lost } from '../support/calls.ts'
import { eventually, openCalls, page, startServe } from '../support/lifecycle.ts'
import { needNamespaces } from '../support/namespaces.ts'
import { Postgresql } from '../support/postgresql.ts'
import { MAIN, type RunningRelay } from '../support/relay.ts'

/**
 * Seconds that each trouble takes. By itself, a relay brings its ledger to the database every five minutes; in a short
 * trouble it is made to by people who ask for figures, which takes the same way. With 600, nobody asks.
 */
const SECONDS = Number(process.env.TEST_LEDGER_AWAY_SECONDS ?? 20)
const IS_LONG = SECONDS > 300
/** What else a test does: starting, catching up, and questions that wait for a database that does not answer. */
const BESIDE = 200
/** Of each transport. */
const CALLS = 3
/** The troubles to test, where not all are. */
const ONLY = new RegExp(process.env.TEST_LEDGER_AWAY ?? '')
/** With a budget, relays ask the database for leases all the time. */
const BUDGETS = { groups: [{ name: 'callers', users: ['@caller0:example.org'], month: '1 TB' }] }
/** More than a disk of `onTmpfs` has. */
const ALL = 2 << 20

t.setTimeout((SECONDS + BESIDE) * 6 * 1000)

interface Rig {
  readonly relay: RunningRelay
  /** The folder of the ledger, as the relay sees it. */
  readonly inside: string
  readonly database: string
  readonly postgresql: Postgresql
}

/** Begins a trouble, and resolves with what ends it. */
type Trouble = (rig: Rig) => Promise<() => unknown>

trouble('the database answers nothing, though its connections stay open', 'postgresql', async rig => {
  rig.postgresql.pause()
  return () => rig.postgresql.resume()
})

trouble('the database is stopped', 'postgresql', async rig => {
  await rig.postgresql.stop()
  return () => rig.postgresql.run()
})

trouble('another session has locked the tables', 'postgresql', async rig =>
  rig.postgresql.lock(rig.database, 'ledger_usage, ledger_writer, ledger_budget, ledger_relay'),
)

trouble('the database is stopped and the disk of the state folder full', 'postgresql', async rig => {
  const empty = fill(rig)
  await rig.postgresql.stop()
  return async () => {
    await rig.postgresql.run()
    empty()
  }
})

trouble('another program has the file of SQLite to itself', 'sqlite', async ({ inside }) => {
  const file = `${inside}/ledger.sqlite`
  const other = await openSqlite(file)
  await other.run('BEGIN EXCLUSIVE')
  // The WebAssembly build takes a lock that is a minute old for that of a process which was killed.
  const lock = `${file}.lock`
  const renewed = setInterval(() => existsSync(lock) && utimesSync(lock, new Date(), new Date()), 10_000)
  return async () => {
    clearInterval(renewed)
    await other.run('ROLLBACK')
    await other.close()
  }
})

trouble('the disk with spool and SQLite is full', 'sqlite', async rig => fill(rig))

/** Calls talk before, during and after a trouble, lose nothing by it, and are in the ledger to the byte when it is over. */
function trouble(name: string, kind: 'postgresql' | 'sqlite', begin: Trouble): void {
  if (!ONLY.test(name)) return
  t.test(
    `while ${name}, no call loses a packet, and all figures arrive later`,
    { ...needNamespaces('mount'), timeout: (SECONDS + BESIDE) * 1000 },
    async t => {
      const postgresql = kind === 'postgresql' ? await Postgresql.start(t as Test) : undefined
      const database = postgresql?.database()
      // Not in the folder of the test: the name of a socket is short.
      const state = mkdtempSync(join(tmpdir(), 'away-'))
      mkdirSync(join(state, 'ledger'))
      t.teardown(() => rmSync(state, { recursive: true, force: true }))
      const relay = await startServe(t as Test, {
        before: `exec unshare --mount sh '${onTmpfs(t as Test, `${state}/ledger`)}'`,
        settings: { state, budgets: BUDGETS, ...(database && { ledger: database }) },
      })
      const inside = `/proc/${relay.child.pid}/root${state}/ledger`
      const calls = [
        (await openCalls(t as Test, relay, CALLS)).talk(),
        (await openCalls(t as Test, relay, CALLS, 'tcp')).talk(),
      ]
      const kept = setInterval(() => void keep(calls), (SECONDS * 1000) / 3)
      t.teardown(() => clearInterval(kept))
      const whole = (during?: () => unknown) => losesNothing(t as Test, calls, during)
      await whole(() => usage(relay))

      const asked: Promise<unknown>[] = []
      const end = await begin({ relay, inside, database: database!, postgresql: postgresql! })
      await whole(async () => {
        if (!IS_LONG) for (let i = 0; i < 3; i++) asked.push(usage(relay).catch(() => {}))
        await pause(SECONDS * 1000)
      })
      await whole(end)
      await Promise.all(asked)
      for (const one of calls) one.quiet()
      let [counted, relayed]: [unknown, unknown] = [undefined, undefined]
      const agrees = async () => {
        counted = await usage(relay).catch((error: Error) => error.message)
        relayed = await relayedOctets(relay)
        return JSON.stringify(counted) === JSON.stringify(relayed)
      }
      t.ok(await eventually(agrees, 100_000), 'the ledger has what was relayed, to the byte')
      t.strictSame(counted, relayed)
      t.comment(JSON.stringify(relayed))
      t.equal(relay.child.exit, undefined)
      const warnings = relay.child.stderr.split('\n').filter(line => line.includes('"level":"warn"'))
      t.comment(warnings.join('\n'))
      const told = new Set(warnings.map(line => JSON.parse(line).msg))
      t.equal(warnings.length, told.size, 'nothing is told twice')
    },
  )
}

/** Refreshes allocations and channels, as every client does: both end after ten minutes otherwise. */
async function keep(all: readonly Calls[]): Promise<void> {
  for (const { clients, peers } of all)
    for (const [i, client] of clients.entries()) {
      await client.refresh(600)
      await client.bind(CHANNEL, parseAddress(`127.0.0.1:${peers[i]!.address().port}`)!)
    }
}

async function losesNothing(t: Test, all: readonly Calls[], during: () => unknown = () => {}) {
  const done = Promise.resolve(during())
  for (const loss of await Promise.all(all.map(calls => calls.lossOf(() => done)))) {
    t.comment(JSON.stringify(loss))
    t.ok(loss.sent > 0)
    t.equal(lost(loss), 0, 'no packet is lost')
    t.equal(loss.twice, 0)
  }
}

/** Fills the disk of the ledger, and returns what makes it empty again. */
function fill({ inside }: Rig): () => void {
  try {
    writeFileSync(`${inside}/filling`, Buffer.alloc(ALL))
  } catch {
    return () => rmSync(`${inside}/filling`)
  }
  throw new Error('the disk is not full')
}

/** A script that runs a command with a folder on a disk of one megabyte, which nobody else sees. */
function onTmpfs(t: Test, folder: string): string {
  const script = `${folder}.sh`
  t.teardown(() => rmSync(script, { force: true }))
  writeFileSync(script, `mount -t tmpfs -o size=1m,mode=700 none '${folder}'\nexec "$@"\n`)
  return script
}

interface Octets {
  readonly toPeer: number
  readonly toClient: number
}

/** What the ledger says, after what waits was brought to the database. */
async function usage(relay: RunningRelay): Promise<Octets> {
  const words = [MAIN, 'usage', '--json', '--by', 'all', '--config', relay.config!]
  const { stdout } = await promisify(execFile)(process.execPath, words)
  const { rows } = JSON.parse(stdout) as { rows: { bytesToPeer: number; bytesToClient: number }[] }
  const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((all, row) => all + of(row), 0)
  return { toPeer: sum(row => row.bytesToPeer), toClient: sum(row => row.bytesToClient) }
}

/** What the relay has relayed, by its metrics. */
async function relayedOctets(relay: RunningRelay): Promise<Octets> {
  const { text = '' } = (await page(relay, '/metrics')) ?? {}
  const sum = (direction: string) =>
    [...text.matchAll(/^taciturn_relayed_bytes_total\{(.*)\} (\d+)$/gm)]
      .filter(([, labels]) => labels!.includes(`direction="${direction}"`))
      .reduce((all, [, , octets]) => all + Number(octets), 0)
  return { toPeer: sum('to_peer'), toClient: sum('to_client') }
}
