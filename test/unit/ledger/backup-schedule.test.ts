import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { backupsIn, storeOf } from '../../../src/ledger/backups/backup.ts'
import { type BackupJob, type BackupOutcome, backupIfDue } from '../../../src/ledger/backups/due.ts'
import { BackupSchedule } from '../../../src/ledger/backups/schedule.ts'
import { clerkRig, NOON, usageRow } from '../../support/ledger-suite.ts'

const MINUTE = 60_000
const DAY = 86_400_000
const PLAN = { database: 'ledger.sqlite', where: { folder: '/backups' }, keep: 3 }

function rig() {
  const lines: string[] = []
  const asked: BackupJob[] = []
  const state = { now: NOON * 1000, fails: false, delivered: 0 }
  const schedule = new BackupSchedule({
    log: {
      info: (message, fields) => void lines.push(`info ${message} ${JSON.stringify(fields)}`),
      warn: (message, fields) => void lines.push(`warn ${message} ${JSON.stringify(fields)}`),
    },
    wall: () => state.now,
    deliver: async () => void state.delivered++,
    run: async (job): Promise<BackupOutcome> => {
      asked.push(job)
      if (state.fails) throw new Error('no space left')
      return { made: { name: 'one', rows: 5, octets: 50, removed: [] }, due: job.now + job.every }
    },
  })
  const pass = async (milliseconds: number) => {
    state.now += milliseconds
    schedule.tick()
    await schedule.idle()
  }
  return { schedule, lines, asked, state, pass }
}

t.test('a backup is made a minute after the start and then each day, of all that has been used', async t => {
  const { schedule, lines, asked, state, pass } = rig()
  schedule.configure({ plan: PLAN, every: DAY })
  await pass(MINUTE - 1)
  t.equal(asked.length, 0)
  await pass(1)
  t.equal(asked.length, 1)
  t.equal(state.delivered, 1)
  t.match(lines, [/^info the ledger was backed up .*"where":"\/backups".*"rows":5,"bytes":50/])
  await pass(DAY - 1)
  t.equal(asked.length, 1)
  schedule.configure({ plan: PLAN, every: DAY })
  await pass(1)
  t.equal(asked.length, 2, 'a reload that changes nothing changes nothing')
  schedule.configure(undefined)
  await pass(10 * DAY)
  t.equal(asked.length, 2)
})

t.test('one that went wrong is tried again, later each time, and a reload tries at once', async t => {
  const { schedule, lines, asked, state, pass } = rig()
  schedule.configure({ plan: PLAN, every: DAY })
  state.fails = true
  const times: number[] = []
  for (let minute = 0; minute < 2000; minute++) {
    await pass(MINUTE)
    if (asked.length > times.length) times.push(minute)
  }
  t.same(times, [0, 5, 15, 35, 75, 155, 315, 635, 995, 1355, 1715])
  t.match(
    lines[0],
    /^warn the ledger could not be backed up; this is tried again .*"why":"no space left","minutes":5/,
  )
  state.fails = false
  schedule.configure({ plan: { ...PLAN, keep: 4 }, every: DAY })
  await pass(MINUTE)
  t.match(lines.at(-1), /^info/)
})

t.test(
  'what another relay, or the last run of this one, has backed up of late is not backed up again',
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'taciturn-due-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const database = join(folder, 'ledger.sqlite')
    const { write, clerk } = await clerkRig(t as Test, database)
    await write([usageRow('alice', 1)])
    await clerk.do({ kind: 'deliver' })
    const plan = { database, where: { folder: join(folder, 'backups') }, keep: 3 }
    const now = NOON * 1000
    t.match(await backupIfDue({ plan, every: DAY, now }), { made: { rows: 3 }, due: now + DAY })
    t.strictSame(await backupIfDue({ plan, every: DAY, now: now + MINUTE }), { due: now + DAY })
    t.match(await backupIfDue({ plan, every: DAY, now: now + DAY }), {
      made: { rows: 3 },
      due: now + 2 * DAY,
    })
    // A clock that was years ahead for a moment must not keep backups from being made for years.
    t.match(await backupIfDue({ plan, every: DAY, now: now - DAY }), { made: {} })
    t.equal((await backupsIn(storeOf(plan.where))).length, 3)
  },
)

t.test('the thread makes a backup, and says why when it cannot', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-thread-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const database = join(folder, 'ledger.sqlite')
  const { write, clerk } = await clerkRig(t as Test, database)
  await write([usageRow('alice', 1)])
  await clerk.do({ kind: 'deliver' })
  const lines: string[] = []
  let now = Date.now()
  const schedule = new BackupSchedule({
    log: {
      info: (message, fields) => void lines.push(`info ${message} ${fields?.rows}`),
      warn: (message, fields) => void lines.push(`warn ${message} ${fields?.why}`),
    },
    wall: () => now,
    deliver: async () => {},
  })
  for (const plan of [
    { database, where: { folder: join(folder, 'backups') }, keep: 3 },
    { database, where: { folder: join(database, 'no folder') }, keep: 3 },
  ]) {
    schedule.configure({ plan, every: DAY })
    now += MINUTE
    schedule.tick()
    await schedule.idle()
  }
  t.match(lines, [/^info the ledger was backed up 3$/, /^warn .* ENOTDIR/])
})
