import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { Traffic } from '../../../src/base/route.ts'
import type { Time } from '../../../src/base/time.ts'
import { Clerk } from '../../../src/ledger/clerk.ts'
import { type LedgerParts, type LedgerPlan, ledgerFiles, UsageLedger } from '../../../src/ledger/ledger.ts'
import { Spool } from '../../../src/ledger/spool.ts'
import type { UsageRow } from '../../../src/ledger/usage.ts'
import { usageRow } from '../../support/ledger-suite.ts'
import { closed, opened, traffic } from './support.ts'

const START = Date.UTC(2026, 5, 15, 12)
const ALL = { by: 'all', from: 0, to: 1e11, per: ['user'], most: 100 } as const
const FOREVER = { hours: Infinity, days: Infinity, months: Infinity }

function rig(t: Test, plan: Partial<LedgerPlan> = {}, parts: Partial<LedgerParts> = {}) {
  const state = plan.state ?? t.testdir()
  const files = ledgerFiles(state)
  const lines: string[] = []
  const carried = new Map<number, Traffic>()
  let now = START
  let isAway = false
  const clerk = new Clerk({ spool: files.spool, database: files.database, keep: FOREVER }, () => now / 1000)
  const ledger = new UsageLedger(
    { state, database: 'sqlite', identities: 'pseudonym', keep: FOREVER, ...plan },
    {
      log: {
        info: message => void lines.push(message),
        limited: (_, level, message, fields) => void lines.push(`${level} ${message}: ${fields?.().why}`),
      },
      read: async () => allocation => carried.get(allocation),
      clock: { now: () => now as Time },
      wall: () => now,
      desk: {
        do: async job => {
          if (isAway) throw new Error('connection refused')
          return clerk.do<typeof job.kind>(job)
        },
        close: () => clerk.close(),
      },
      ...parts,
    },
  )
  t.teardown(() => ledger.close())
  return {
    ledger,
    state,
    files,
    lines,
    carried,
    setAway: (away: boolean) => (isAway = away),
    /** Lets a minute pass. */
    minute: async () => {
      now += 60_000
      ledger.tick()
      await ledger.idle()
    },
    spooled: () => {
      try {
        return readdirSync(files.spool)
      } catch {
        return []
      }
    },
  }
}

t.test('each minute the use of live calls is on disk, and every five minutes in the database', async t => {
  const { ledger, carried, minute, spooled, files, state } = rig(t)
  await minute()
  t.strictSame(readdirSync(state), [], 'nothing is made while there is nothing to keep')
  ledger.hear(opened(1, 'alice', { at: START }))
  carried.set(1, traffic(10, 1, 5, 1))
  await minute()
  t.equal(spooled().length, 1)
  t.throws(() => statSync(files.database), 'nobody has opened the database yet')
  for (let i = 0; i < 3; i++) await minute()
  t.strictSame(spooled(), [])
  t.equal(statSync(files.database).mode & 0o077, 0, 'and nobody else may read it')
  carried.set(1, traffic(30, 2, 5, 1))
  const rows = [...(await ledger.usage(ALL)).rows]
  t.match(rows, [{ bytesToPeer: 30, bytesToClient: 5, allocations: 1 }], 'a question is answered up to now')
})

t.test('nothing that a ledger has written names anybody, and the key is in another folder', async t => {
  const { ledger, files, minute } = rig(t)
  ledger.hear(opened(1, '@alice:example.org', { at: START }))
  await minute()
  const [name] = readdirSync(files.spool)
  t.notMatch(readFileSync(join(files.spool, name!), 'utf8'), /alice/)
  await ledger.usage(ALL)
  t.notMatch(readFileSync(files.database).toString('latin1'), /alice/)
  t.not(dirname(files.keys), dirname(files.database))
  t.equal(statSync(files.keys).mode & 0o777, 0o600)
})

t.test('a person is found by name under old keys and new ones, until only the new one is kept', async t => {
  const { ledger, minute } = rig(t)
  ledger.hear(opened(1, 'alice', { at: START }))
  await minute()
  t.strictSame(ledger.rotate(false), { ok: true, value: 2 })
  ledger.hear(opened(2, 'alice', { at: START }))
  t.equal(
    [...(await ledger.usage(ALL)).rows].length,
    2,
    'the two pseudonyms are two people to those who only look',
  )
  t.equal([...(await ledger.export('alice'))].length, 2)
  t.strictSame(ledger.rotate(true), { ok: true, value: 1 })
  t.equal([...(await ledger.export('alice'))].length, 0)
})

t.test('whoever is named like the pseudonym of somebody else is told nothing of them', async t => {
  const { ledger } = rig(t)
  ledger.hear(opened(1, 'alice', { at: START }))
  const [{ user: pseudonym } = { user: '' }] = [...(await ledger.usage(ALL)).rows]
  t.match(pseudonym, /^[0-9a-f]{16}$/)
  t.equal([...(await ledger.export(pseudonym!))].length, 0)
  t.equal(await ledger.forget(pseudonym!), 0)
  t.equal([...(await ledger.export('alice'))].length, 1)
})

t.test('names are written down in full, or not at all, where that is asked for', async t => {
  for (const [identities, user] of [
    ['full', 'alice'],
    ['none', ''],
  ] as const) {
    const { ledger, files } = rig(t, { identities, state: join(t.testdir(), identities) })
    ledger.hear(opened(1, 'alice', { at: START }))
    t.match([...(await ledger.usage(ALL)).rows], [{ user, allocations: 1 }])
    t.throws(() => statSync(files.keys), 'no key is made')
  }
})

t.test('a damaged key is not replaced; nobody is named then, and the sums go on', async t => {
  const state = t.testdir({ 'ledger-keys.json': '{"keys":[{"key":"short"}]}' })
  const { ledger, lines } = rig(t, { state })
  ledger.hear(opened(1, 'alice', { at: START }))
  t.match([...(await ledger.usage(ALL)).rows], [{ user: '', allocations: 1 }])
  t.match(lines, [/warn the ledger names nobody.*damaged/])
  t.match(readFileSync(join(state, 'ledger-keys.json'), 'utf8'), /short/)
})

t.test(
  'what is used while the database is away arrives later, with one warning and one line when it is back',
  async t => {
    const { ledger, carried, minute, spooled, lines, setAway } = rig(t)
    ledger.hear(opened(1, 'alice', { at: START }))
    setAway(true)
    for (let i = 1; i <= 20; i++) {
      carried.set(1, traffic(100 * i, i, 0, 0))
      await minute()
    }
    t.equal(spooled().length, 20)
    t.equal(lines.length, 1)
    t.match(lines[0], /^warn the database of the ledger cannot be used.*connection refused/)
    await t.rejects(ledger.usage(ALL), /connection refused/)
    setAway(false)
    for (let i = 0; i < 5; i++) await minute()
    t.strictSame(spooled(), [])
    t.equal(lines[1], 'the ledger is up to date again')
    t.match([...(await ledger.usage(ALL)).rows], [{ bytesToPeer: 2000, packetsToPeer: 20 }])
  },
)

t.test('a stop in the middle of a delivery is no fault of the database, and is not told as one', async t => {
  let end = (_: Error) => {}
  const desk = {
    do: () => new Promise<never>((_, reject) => (end = reject)),
    close: async () => end(new Error('the thread of the ledger has ended')),
  }
  const { ledger, lines } = rig(t, {}, { desk })
  const delivery = ledger.deliver()
  await ledger.close()
  await delivery
  t.same(lines, [])
})

t.test('where the disk is full or the spool at its bound, use waits in memory and is not lost', async t => {
  const { ledger, carried, minute, lines, files, state } = rig(t)
  // A file where the folder should be: no write can succeed.
  mkdirSync(join(state, 'ledger'))
  writeFileSync(files.spool, '')
  ledger.hear(opened(1, 'alice', { at: START }))
  for (let i = 1; i <= 3; i++) {
    carried.set(1, traffic(100 * i, i, 0, 0))
    await minute()
  }
  t.match(lines, [/^warn the ledger waits in memory/], 'which is said once')
  rmSync(files.spool)
  t.match([...(await ledger.usage(ALL)).rows], [{ bytesToPeer: 300, allocations: 1 }])
  t.match(lines, [/^warn/, /^the ledger is kept on disk again/])
  t.equal(lines.length, 2)

  const bounded = rig(t, { state: join(state, 'other') }, { mostSpooled: 1 })
  bounded.setAway(true)
  bounded.ledger.hear(opened(1, 'alice', { at: START }))
  for (let i = 1; i <= 10; i++) {
    bounded.carried.set(1, traffic(100 * i, i, 0, 0))
    await bounded.minute()
  }
  t.equal(bounded.spooled().length, 1)
  bounded.setAway(false)
  for (let i = 0; i < 10; i++) await bounded.minute()
  t.match([...(await bounded.ledger.usage(ALL)).rows], [{ bytesToPeer: 1000, allocations: 1 }])
})

t.test('a batch that cannot be written leaves nothing behind, however often it is tried', async t => {
  const folder = t.testdir()
  const spool = new Spool(folder)
  const rows = function* (): Generator<UsageRow> {
    for (let i = 0; i < 1000; i++) yield usageRow(`user${i}`, 1)
    throw Object.assign(new Error('write'), { code: 'ENOSPC' })
  }
  for (let sequence = 1; sequence <= 3; sequence++)
    await t.rejects(spool.write({ writer: '00000000000000aa', sequence, rows: rows() }), { code: 'ENOSPC' })
  t.same(readdirSync(folder), [])
})

t.test('many users are written in batches, and of those the disk takes none is counted twice', async t => {
  const { ledger, minute, spooled, lines } = rig(t)
  for (let i = 0; i < 25_000; i++) {
    ledger.hear(opened(i, `user${i}`, { at: START }))
    ledger.hear(closed(i, `user${i}`, traffic(1, 1, 0, 0), { since: START, at: START + 5 }))
  }
  const { write } = Spool.prototype
  let written = 0
  t.teardown(() => {
    Spool.prototype.write = write
  })
  Spool.prototype.write = function (batch) {
    if (++written === 2) return Promise.reject(new Error('ENOSPC'))
    return write.call(this, batch)
  }
  await minute()
  t.equal(spooled().length, 1)
  t.match(lines, [/^warn the ledger waits in memory.*ENOSPC/])
  await minute()
  t.equal(spooled().length, 3)
  t.match([...(await ledger.usage({ ...ALL, per: [] })).rows], [{ bytesToPeer: 25_000, allocations: 25_000 }])
})

t.test('a name with a NUL in it keeps nothing from the database, and is found again', async t => {
  const { ledger } = rig(t, { identities: 'full' })
  ledger.hear(opened(1, 'eve\0', { at: START }))
  ledger.hear(closed(1, 'eve\0', traffic(70, 1, 0, 0), { since: START, at: START + 5 }))
  t.match([...(await ledger.usage(ALL)).rows], [{ user: 'eve\ufffd', bytesToPeer: 70 }])
  t.match([...(await ledger.export('eve\0'))], [{ user: 'eve\ufffd', bytesToPeer: 70 }])
})

t.test('the next process brings to the database what the last one has left', async t => {
  const first = rig(t)
  first.ledger.hear(opened(1, 'alice', { at: START }))
  first.ledger.hear(closed(1, 'alice', traffic(70, 1, 0, 0), { since: START, at: START + 5 }))
  await first.ledger.close()
  t.equal(first.spooled().length, 1)
  const second = rig(t, { state: first.state })
  await second.ledger.start()
  t.strictSame(second.spooled(), [])
  t.match([...(await second.ledger.usage(ALL)).rows], [{ bytesToPeer: 70, milliseconds: 5 }])
})

t.test('the thread of the database answers, and says why when it cannot', async t => {
  const state = t.testdir()
  const parts = {
    log: { info: () => {}, limited: () => {} },
    read: async () => () => undefined,
    clock: { now: () => START as Time },
    wall: () => START,
  }
  const plan = { state, database: 'sqlite', identities: 'pseudonym', keep: FOREVER } as const
  const ledger = new UsageLedger(plan, parts)
  t.teardown(() => ledger.close())
  ledger.hear(opened(1, 'alice', { at: START }))
  t.match([...(await ledger.usage(ALL)).rows], [{ allocations: 1 }])
  const away = new UsageLedger({ ...plan, database: 'postgresql://127.0.0.1:9/none' }, parts)
  t.teardown(() => away.close())
  await t.rejects(away.usage(ALL), /ECONNREFUSED/)
})

t.test(
  'what the ledger had at one moment and what was counted since are the whole, and nothing twice',
  async t => {
    let since = 0
    const grew = (_: unknown, octets: number) => void (since += octets)
    const { ledger, carried, minute } = rig(t, {}, { grew })
    ledger.hear(opened(1, 'alice', { at: START }))
    carried.set(1, traffic(70, 1, 30, 1))
    await minute()
    t.equal(since, 100, 'growth is told as it is counted')
    carried.set(1, traffic(170, 2, 30, 1))
    const asked = ledger.sumsNow([ALL, { ...ALL, per: [] }], () => {
      since = 0
      carried.set(1, traffic(1170, 3, 30, 1))
    })
    // Another batch is due meanwhile; it waits, or the answer would have it as well.
    const flushed = ledger.flush()
    const [byUser, all] = await asked
    await flushed
    t.match([byUser?.rows, all?.rows], [[{ bytesToPeer: 170, bytesToClient: 30 }], [{ bytesToPeer: 170 }]])
    t.equal(since, 1000)
  },
)

t.test('a stop waits for no answer of the database, and loses nothing', async t => {
  let end: ((error: Error) => void) | undefined
  const desk = {
    do: () => new Promise<never>((_, reject) => (end = reject)),
    close: async () => end?.(new Error('the thread of the ledger has ended')),
  }
  const { ledger, carried, spooled } = rig(t, {}, { desk })
  ledger.hear(opened(1, 'alice', { at: START }))
  carried.set(1, traffic(70, 1, 0, 0))
  const asked = t.rejects(
    ledger.sumsNow([ALL], () => {}),
    /has ended/,
  )
  while (!end) await new Promise(setImmediate)
  ledger.hear(closed(1, 'alice', traffic(80, 2, 0, 0), { since: START, at: START + 5 }))
  await ledger.close()
  await asked
  t.equal(spooled().length, 2)
})
