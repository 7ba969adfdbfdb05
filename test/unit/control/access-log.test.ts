import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AccessLog, type AccessLogOptions } from '../../../src/control/access-log.ts'

const ENTRY = { who: 'alice', from: 'http', what: 'drain', outcome: 'done' } as const

t.test('entries are lines of a file that is for its owner alone', async t => {
  const { log, file } = open(t, { now: () => 0 })
  t.ok(log.write({ ...ENTRY, on: 'session 1' }))
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.same(JSON.parse(readFileSync(file, 'utf8')), {
    at: '1970-01-01T00:00:00.000Z',
    ...ENTRY,
    on: 'session 1',
  })
  t.match(await log.read(10), [{ ...ENTRY, on: 'session 1' }])
})

t.test('what somebody else has written stays, and a torn line spoils no other', async t => {
  const { log, file } = open(t)
  log.write({ ...ENTRY, what: 'one' })
  log.close()
  appendFileSync(file, '{"at":"torn')
  log.write({ ...ENTRY, what: 'two' })
  t.match(
    (await log.read(10)).map(({ what }) => what),
    ['one', 'two'],
  )
  t.match(readFileSync(file, 'utf8'), /torn\n/)
})

t.test('a file that has become long makes room, and the one before it can still be read', async t => {
  const { log, file } = open(t, { longest: 200 })
  for (let i = 0; i < 5; i++) log.write({ ...ENTRY, what: String(i) })
  t.ok(statSync(`${file}.1`).size >= 200)
  t.same(
    (await log.read(3)).map(({ what }) => what),
    ['2', '3', '4'],
  )
})

t.test('a file that cannot be written is complained of once, until it can', async t => {
  const complaints: Error[] = []
  const { log, file } = open(t, { broken: error => complaints.push(error) })
  symlinkSync('/dev/full', file)
  t.notOk(log.write(ENTRY), 'nor is a link followed')
  t.notOk(log.write(ENTRY))
  t.equal(complaints.length, 1)
  rmSync(file)
  t.ok(log.write(ENTRY))
  log.close()
  rmSync(file)
  symlinkSync('/nowhere/at/all', file)
  t.notOk(log.write(ENTRY))
  t.equal(complaints.length, 2)
})

t.test('a full disk is complained of', async t => {
  let complaint = ''
  const log = new AccessLog({ file: '/dev/full', broken: error => (complaint = error.message) })
  t.notOk(log.write(ENTRY))
  t.match(complaint, /ENOSPC/)
})

t.test('every entry is told to the ordinary log as well, written or not', async t => {
  const told: unknown[] = []
  const { log } = open(t, { file: '/nowhere/\0', written: entry => told.push(entry) })
  t.notOk(log.write(ENTRY))
  t.same(told, [ENTRY])
  t.same(await log.read(5), [])
})

t.test('lines that no relay has written are left out', async t => {
  const { log, file } = open(t)
  writeFileSync(file, 'hello\n{"at":1}\n{"at":"x","who":"y"}\n')
  t.equal((await log.read(5)).length, 1)
})

function open(t: Test, options: Partial<AccessLogOptions> = {}): { log: AccessLog; file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'access-log-test-'))
  const file = join(folder, 'access.log')
  const log = new AccessLog({ file, broken: () => undefined, ...options })
  t.teardown(() => {
    log.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { log, file }
}

t.test('S-14: the last lines of a long file are read without reading the rest', async t => {
  const { log, file } = open(t)
  const line = (what: string) => `${JSON.stringify({ at: '1970-01-01T00:00:00.000Z', ...ENTRY, what })}\n`
  // What is not read cannot disturb: not a line, and more of it than is read at once.
  writeFileSync(file, `${'\u0000'.repeat(3 << 20)}\n`)
  appendFileSync(file, Array.from({ length: 2000 }, (_, i) => line(String(i))).join(''))
  t.same(
    (await log.read(1000)).map(({ what }) => Number(what)),
    Array.from({ length: 1000 }, (_, i) => 1000 + i),
  )
})
