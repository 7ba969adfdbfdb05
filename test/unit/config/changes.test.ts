import { chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  type Change,
  changesFile,
  parseLimit,
  readChanges,
  withChanges,
  writtenChanges,
  writtenLimits,
} from '../../../src/config/changes.ts'
import { loaded } from '../../support/settings.ts'

const own = { id: '00000001', at: '2026-11-30T12:00:00.000Z', who: 'alice' }
const { settings } = loaded({ limits: { bitratePerUser: '2 Mbit/s' } })

t.test('changes are laid over the settings of the file', async t => {
  const changes: Change[] = [
    { ...own, kind: 'pause', homeserver: 'example.org', paused: true },
    { ...own, kind: 'limit', key: 'bitratePerUser', value: '4 Mbit/s' },
    { ...own, kind: 'limit', key: 'allocations', homeserver: 'example.org', value: 7 },
    { ...own, kind: 'block', user: '@mallory:example.org', until: '2026-12-01T12:00:00.000Z' },
  ]
  const changed = withChanges(settings, changes)
  t.match(changed.homeservers, [{ name: 'example.org', paused: true, limits: { allocations: 7 } }])
  t.equal(changed.limits.bitratePerUser, 500_000)
  t.same(changed.blocked, [{ user: '@mallory:example.org', until: Date.UTC(2026, 11, 1, 12) }])
  t.equal(settings.homeservers[0]?.paused, false, 'the settings of the file stay as they are')
  t.same(withChanges(settings, []), settings)
})

t.test('what is about a homeserver or a limit that is gone does nothing', async t => {
  const changes: Change[] = [
    { ...own, kind: 'pause', homeserver: 'gone.example', paused: true },
    { ...own, kind: 'limit', key: 'allocations', homeserver: 'gone.example', value: 7 },
    { ...own, kind: 'limit', key: 'oldLimit', value: 7 },
    { ...own, kind: 'limit', key: '__proto__', value: 7 },
  ]
  t.same(withChanges(settings, changes), settings)
})

t.test('a limit is read as the file would have it, and a mistake is explained as validate does', async t => {
  const parse = (key: string, value: string | number, homeserver?: string) =>
    parseLimit({ key, value, ...(homeserver && { homeserver }) })
  t.same(parse('allocationsPerUser', '12'), { ok: true, value: 12 }, 'as a command line gives it')
  t.same(parse('peersPerUserPerMinute', 'unlimited'), { ok: true, value: Number.POSITIVE_INFINITY })
  t.same(parse('bitrate', '8 Mbit/s', 'example.org'), { ok: true, value: 1_000_000 })
  t.match(parse('bitratePerUser', '500'), { ok: false, error: { what: /unit/, fix: /bit\/s/ } })
  t.match(parse('allocationsPerUser', 0), { ok: false, error: { what: /0/, fix: /1/ } })
  t.match(parse('allocationPerUser', 5), { ok: false, error: { fix: /allocationsPerUser/ } })
  t.match(parse('lifetime', '1m'), { ok: false, error: { fix: /10m|600|10 min/ } })
  const german = parseLimit({ key: 'bitratePerUser', value: '500' }, 'de')
  t.match(german, { ok: false, error: { what: /Einheit/ } }, 'U-21: in German as well')
  for (const key of ['__proto__', 'constructor', 'toString', ''])
    t.match(parse(key, 5), { ok: false }, `"${key}"`)
})

t.test('every limit is written as the file would have it', async t => {
  const limits = writtenLimits(
    withChanges(settings, [
      { ...own, kind: 'limit', key: 'bitrate', homeserver: 'example.org', value: '1 MB/s' },
    ]),
  )
  t.match(
    limits.find(({ key }) => key === 'bitratePerUser'),
    { value: '2 Mbit/s' },
  )
  t.match(limits.at(-1), { key: 'bitrate', homeserver: 'example.org', value: '8 Mbit/s' })
})

t.test('the file is read as it was written, and a broken one is an error, not an empty list', async t => {
  const state = t.testdir()
  t.same(readChanges(state), { ok: true, value: [] })
  const changes: Change[] = [{ ...own, kind: 'block', user: '@mallory:example.org' }]
  const file = join(state, 'changes.json')
  writeFileSync(file, writtenChanges(changes))
  t.same(readChanges(state), { ok: true, value: changes })
  for (const text of [
    '',
    '[]',
    '{"changes":[{"kind":"block"}]}',
    '{"changes":[]} x',
    '{"changes":[],"more":1}',
  ]) {
    writeFileSync(file, text)
    t.equal(readChanges(state).ok, false, text)
  }
})

t.test(
  'S-26: changes that somebody else put into the state folder are not laid over anything',
  { skip: process.getuid?.() !== 0 && 'only root can give a file away' },
  async t => {
    const state = t.testdir({})
    const file = changesFile(state)
    writeFileSync(file, writtenChanges([{ ...own, kind: 'limit', key: 'bitratePerUser', value: '4 Mbit/s' }]))
    t.ok(readChanges(state).ok)
    chownSync(file, 1234, 1234)
    t.match(readChanges(state), { ok: false, error: /another user \(1234\)/ })
  },
)
