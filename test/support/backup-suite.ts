import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freshKeys, readIdentities, readRecipient } from '../../src/ledger/backups/age-keys.ts'
import { type BackupPlan, backupsIn, makeBackup, storeOf } from '../../src/ledger/backups/backup.ts'
import { restoreBackup } from '../../src/ledger/backups/restore.ts'
import { openLedger } from '../../src/ledger/clerk.ts'
import { clerkRig, type FreshDatabase, NOON, usageRow } from './ledger-suite.ts'

const AT = NOON * 1000
const DAY = 86_400_000

/** Everything in a ledger. */
export async function contents(database: string): Promise<unknown> {
  const ledger = await openLedger(database)
  try {
    const usage = await ledger.all(
      'SELECT * FROM ledger_usage ORDER BY start, level, homeserver, identity, transport, family',
    )
    const writers = await ledger.all('SELECT * FROM ledger_writer ORDER BY id')
    const rolled = await ledger.all('SELECT * FROM ledger_rolled')
    // SQLite's rows have no prototype.
    return JSON.parse(JSON.stringify({ usage, writers, rolled }))
  } finally {
    await ledger.close()
  }
}

export function keyPair() {
  const { recipient, identity } = freshKeys()
  const [read, identities] = [readRecipient(recipient), readIdentities(identity)]
  if (!read.ok || !identities.ok) throw new Error('keys of our own cannot be read')
  return { recipient: read.value, identities: identities.value }
}

/** Why something was refused. */
async function whyOf(refused: Promise<unknown>): Promise<unknown> {
  return refused.then(
    () => 'nothing was refused',
    error => error.why ?? error.code ?? error,
  )
}

function scratch(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-backup-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A ledger of many rows, some thousands, with letters of all kinds. */
async function filled(t: Test, database: string, rows = 4500) {
  const rig = await clerkRig(t, database)
  const users = ['alice', '@jörg:example.org', "o'hara\n", '🦊', '']
  await rig.write(
    Array.from({ length: rows }, (_, i) =>
      usageRow(users[i % users.length]!, i * 1e9, { hour: NOON + 3600 * Math.floor(i / users.length) }),
    ),
  )
  await rig.clerk.do({ kind: 'deliver' })
  return rig
}

/** What a backup does, whichever database it is of. `elsewhere` makes databases that it can be restored to as well. */
export function backupSuite(t: Test, fresh: FreshDatabase, elsewhere: readonly FreshDatabase[] = []): void {
  for (const isEncrypted of [false, true]) {
    t.test(
      `a backup ${isEncrypted ? 'that is encrypted ' : ''}has everything that was in the ledger, wherever it is restored`,
      async t => {
        const database = await fresh(t)
        const rig = await filled(t, database)
        const { recipient, identities } = keyPair()
        const folder = scratch(t)
        const plan: BackupPlan = { database, where: { folder }, keep: 5, ...(isEncrypted && { recipient }) }
        const made = await makeBackup(plan, AT)
        t.match(made, { name: `ledger-20260615T120000Z.jsonl.gz${isEncrypted ? '.age' : ''}`, removed: [] })
        t.equal(statSync(join(folder, made.name)).mode & 0o777, 0o600)
        t.equal(statSync(join(folder, made.name)).size, made.octets)
        const before = await contents(database)
        for (const make of [fresh, ...elsewhere]) {
          const target = await make(t)
          const octets = storeOf(plan.where).get(made.name)
          t.match(await restoreBackup({ database: target, octets, identities, replace: false }), {
            rows: made.rows,
          })
          t.strictSame(await contents(target), before)
          // What was counted is counted no second time, and what comes next is added.
          const again = await clerkRig(t, target)
          await again.write([usageRow('alice', 7)], { sequence: 1 })
          await again.write([usageRow('alice', 8)], { sequence: 2 })
          t.match(await again.clerk.do({ kind: 'deliver' }), { batches: 1 })
        }
        t.match(await rig.clerk.do({ kind: 'deliver' }), { left: 0 }, 'and the relay goes on')
      },
    )
  }

  t.test(
    'a ledger that has something in it is replaced only if that is asked for, and one that is in use never',
    async t => {
      const [source, target] = [await fresh(t), await fresh(t)]
      await filled(t, source, 10)
      const rig = await filled(t, target, 3)
      const where = { folder: scratch(t) }
      const { name } = await makeBackup({ database: source, where, keep: 5 }, AT)
      const restore = (replace: boolean) =>
        restoreBackup({ database: target, octets: storeOf(where).get(name), replace })
      const before = await contents(target)
      await rig.clerk.close()
      t.equal(await whyOf(restore(false)), 'not-empty')
      const other = await openLedger(target)
      await other.run('BEGIN')
      await other.run("UPDATE ledger_writer SET id = 'x' WHERE false")
      await other.run("INSERT INTO ledger_writer VALUES ('busy', 1, 1)")
      t.equal(await whyOf(restore(true)), 'in-use')
      await other.run('ROLLBACK')
      await other.close()
      t.strictSame(await contents(target), before)
      await restore(true)
      t.strictSame(await contents(target), await contents(source))
    },
  )

  t.test(
    'of a backup that is cut off, damaged, of something else or for another key nothing is taken',
    async t => {
      const [source, target] = [await fresh(t), await fresh(t)]
      await filled(t, source)
      await (await filled(t, target, 3)).clerk.close()
      const folder = scratch(t)
      const { recipient } = keyPair()
      const plain = await makeBackup({ database: source, where: { folder }, keep: 5 }, AT)
      const secret = await makeBackup({ database: source, where: { folder }, recipient, keep: 5 }, AT)
      const before = await contents(target)
      const octets = readFileSync(join(folder, plain.name))
      const changed = Buffer.from(octets)
      changed[changed.length >> 1]! ^= 1
      const restore = (name: string, what?: Buffer) => {
        if (what) writeFileSync(join(folder, name), what)
        const { identities } = keyPair()
        return restoreBackup({
          database: target,
          octets: storeOf({ folder }).get(name),
          identities,
          replace: true,
        })
      }
      for (const length of [0, 5, 500, octets.length - 9])
        t.match(await whyOf(restore('cut', octets.subarray(0, length))), /cut-off|not-a-backup/)
      await t.rejects(restore('changed', changed))
      t.equal(await whyOf(restore('other', Buffer.from('a picture'))), 'not-a-backup')
      t.equal(await whyOf(restore(secret.name)), 'other-key')
      t.equal(
        await whyOf(
          restoreBackup({ database: target, octets: storeOf({ folder }).get(secret.name), replace: true }),
        ),
        'no-key',
      )
      t.equal(await whyOf(restore('ledger-none.gz')), 'ENOENT')
      t.strictSame(await contents(target), before)
    },
  )
}

/** What a store does, whichever it is. */
export function storeSuite(t: Test, where: (t: Test) => Promise<BackupPlan['where']>): void {
  t.test('files of every length come back as they were, and those that are removed are gone', async t => {
    const store = storeOf(await where(t))
    t.same(await store.list(), [])
    for (const length of [0, 1, 70_000, 5 << 20, (11 << 20) + 3]) {
      const octets = Buffer.alloc(length, `${length} `)
      const told: number[] = []
      await store.put(`file ${length}.gz`, pieces(octets), count => told.push(count))
      if (length > 0) t.equal(told.at(-1), length)
      const found: Buffer[] = []
      for await (const piece of store.get(`file ${length}.gz`)) found.push(piece)
      t.ok(Buffer.concat(found).equals(octets), `${length} octets`)
      t.match(await store.list(), [{ name: `file ${length}.gz`, size: length }])
      await store.remove(`file ${length}.gz`)
      t.same(await store.list(), [])
    }
  })

  t.test('of a file that could not be read to its end nothing is kept', async t => {
    const store = storeOf(await where(t))
    for (const length of [1000, 12 << 20]) {
      async function* broken() {
        yield* pieces(Buffer.alloc(length))
        throw new Error('the disk is broken')
      }
      await t.rejects(store.put('half', broken()), /the disk is broken/)
      t.same(await store.list(), [])
    }
  })

  t.test('as many backups are kept as were asked for, and no other file is touched', async t => {
    const place = await where(t)
    const store = storeOf(place)
    const database = join(scratch(t), 'ledger.sqlite')
    await filled(t, database, 10)
    for (const name of ['notes.txt', 'ledger-2026.jsonl.gz'])
      await store.put(name, pieces(Buffer.from('mine')))
    for (let day = 0; day < 5; day++) {
      const { removed } = await makeBackup({ database, where: place, keep: 3 }, AT + day * DAY)
      t.equal(removed.length, day < 3 ? 0 : 1)
    }
    t.same(
      (await backupsIn(store)).map(({ name }) => name.slice(7, 15)),
      ['20260619', '20260618', '20260617'],
    )
    t.equal((await store.list()).length, 5)
    t.same(readdirSync(join(database, '..')), ['ledger.sqlite'], 'no copy is left')
  })
}

async function* pieces(octets: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < octets.length; at += 60_000) yield octets.subarray(at, at + 60_000)
}
