import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import { formatRange } from '../../../src/base/range.ts'
import type { Settings } from '../../../src/config/settings.ts'
import type { Event } from '../../../src/core/event.ts'
import { Bans, MOST_BANS } from '../../../src/operate/bans.ts'
import { ClientGate } from '../../../src/operate/client-gate.ts'
import type { BanChange } from '../../../src/policy/client-policy.ts'
import { KeptBans } from '../../../src/process/kept-bans.ts'
import { range } from '../../support/ranges.ts'

type Opened = Extract<Event, { kind: 'opened' }>

const session = (allocation: number, client: string) =>
  ({ kind: 'opened', allocation, client: parseAddress(client) }) as unknown as Opened

function rig(clients: Partial<Settings['clients']> = {}, open: Opened[] = []) {
  const kinds: number[] = []
  const banned: BanChange[][] = []
  const revoked: number[] = []
  const kept: string[][] = []
  const waiting: (() => void)[] = []
  const state = { now: 1_000_000 }
  const gate = new ClientGate(
    { allow: [], deny: [], ...clients },
    {
      bans: new Bans(),
      sessions: { opened: () => open },
      keepOut: ({ allow, deny }) => kinds.push(allow.length + deny.length),
      ban: changes => banned.push([...changes]),
      revoke: ({ allocation }) => revoked.push(Number(allocation)),
      keep: bans => kept.push(bans.map(one => formatRange(one.range))),
      now: () => state.now,
      later: run => waiting.push(run),
    },
  )
  const ban = (text: string, seconds = 60) =>
    gate.ban({ range: range(text), since: state.now, until: state.now + seconds * 1000, by: 'socket' })
  const settle = () => {
    for (const run of waiting.splice(0)) run()
  }
  return { gate, kinds, banned, revoked, kept, state, ban, settle, waiting }
}

t.test('OW-08: a ban ends the sessions of its network at once, and the shards hear of it', async t => {
  const open = [session(1, '203.0.113.7:4000'), session(2, '203.0.113.8:4000'), session(3, '[2001:db8::1]:4')]
  const { ban, revoked, banned, settle, kept } = rig({}, open)
  t.equal(await ban('203.0.113.7'), 1)
  t.same(revoked, [1])
  settle()
  t.same(kept, [['203.0.113.7']])
  t.same(banned, [[{ range: range('203.0.113.7'), isBanned: true }]])
})

t.test('A-04: a session that moves to an address just as that is banned ends', async t => {
  const { gate, ban, revoked } = rig({}, [session(1, '203.0.113.7:4000')])
  t.equal(await ban('192.0.2.8'), 0)
  gate.hear({ ...session(1, '192.0.2.8:4000'), kind: 'roamed' } as unknown as Event)
  gate.hear({ ...session(2, '192.0.2.9:4000'), kind: 'roamed' } as unknown as Event)
  t.same(revoked, [1])
})

t.test('A-04: a session that opens while bans are gathered ends when they hold', async t => {
  const open: Opened[] = []
  const { ban, revoked, settle } = rig({}, open)
  await ban('203.0.113.1')
  await ban('203.0.113.2')
  open.push(session(1, '203.0.113.2:4000'), session(2, '203.0.113.3:4000'))
  settle()
  await new Promise(resolve => setImmediate(resolve))
  t.same(revoked, [1])
})

t.test('OW-08: many bans in a moment are few changes for the shards', async t => {
  const { ban, banned, settle, waiting } = rig()
  for (let i = 0; i < 50; i++) await ban(`203.0.113.${i}`)
  t.same(
    banned.map(({ length }) => length),
    [1],
    'the first holds at once',
  )
  t.equal(waiting.length, 1)
  settle()
  t.same(
    banned.map(({ length }) => length),
    [1, 49],
  )
})

t.test('S-14: of thousands of bans the shards are told only what has changed', async t => {
  const { gate, ban, banned, settle, state } = rig()
  for (let i = 0; i < 2000; i++) await ban(`10.0.${i >> 8}.${i & 255}`)
  settle()
  const change = async (make: () => unknown) => {
    banned.length = 0
    state.now += 1000
    await make()
    settle()
    return banned.flat().map(one => `${one.isBanned ? '+' : '-'}${formatRange(one.range)}`)
  }
  t.same(await change(() => ban('192.0.2.1', 3600)), ['+192.0.2.1'])
  t.same(await change(() => ban('192.0.2.1', 7200)), [], 'a ban that lasts longer is none for the shards')
  t.same(await change(() => gate.unban(range('192.0.2.1'))), ['-192.0.2.1'])
  t.same(
    await change(async () => {
      await ban('192.0.2.2')
      gate.unban(range('192.0.2.2'))
    }),
    ['+192.0.2.2', '-192.0.2.2'],
    'in order',
  )
})

t.test('OW-08: a session that was on its way while its client was banned is ended when it opens', async t => {
  const { gate, ban, revoked, settle } = rig()
  await ban('203.0.113.7')
  settle()
  gate.hear(session(5, '203.0.113.7:9'))
  gate.hear(session(6, '203.0.113.8:9'))
  t.same(revoked, [5])
})

t.test('OW-08: a ban ends by itself, and can be lifted before', async t => {
  const { gate, ban, banned, settle, state, kept } = rig()
  await ban('203.0.113.7', 60)
  await ban('198.51.100.0/24', 600)
  settle()
  state.now += 60_000
  await gate.tick()
  settle()
  t.same(kept.at(-1), ['198.51.100.0/24'])
  t.notOk(gate.unban(range('198.51.100.7')), 'only the network that was banned')
  t.ok(gate.unban(range('198.51.100.0/24')))
  settle()
  t.same(
    banned.map(changes => changes.map(one => `${one.isBanned ? '+' : '-'}${formatRange(one.range)}`)),
    [['+203.0.113.7'], ['+198.51.100.0/24'], ['-203.0.113.7'], ['-198.51.100.0/24']],
  )
  t.notOk(gate.unban(range('198.51.100.0/24')))
})

t.test('OW-08: bans are bounded, and one more of a known network is a change', async t => {
  const bans = new Bans()
  const ban = (text: string, until: number) => bans.add({ range: range(text), since: 0, until, by: 'a' })
  for (let i = 0; i < MOST_BANS; i++) ban(`10.${i >> 8}.${i & 255}.1`, 1)
  t.equal(ban('192.0.2.1', 1), 'too-many')
  t.equal(ban('10.0.0.1', 2), 'known')
  t.equal(bans.all.length, MOST_BANS)
  t.same((await bans.touching(range('10.0.0.0/30'))).map(formatRange), ['10.0.0.1'])
})

t.test(
  'OW-11: new rules of the configuration end the sessions of those who are no longer served',
  async t => {
    const open = [session(1, '203.0.113.7:4000'), session(2, '192.0.2.8:4000')]
    const { gate, revoked, kinds } = rig({}, open)
    gate.configure({ clients: { allow: [range('203.0.113.0/24')], deny: [] } } as unknown as Settings)
    await new Promise(resolve => setImmediate(resolve))
    t.same(revoked, [2])
    t.same(kinds, [1])
  },
)

t.test(
  'OW-08: bans outlive the process in a file that nobody else can read; a damaged one is told of',
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'bans-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'bans.json')
    const warned: string[] = []
    const kept = new KeptBans(file, { warn: text => warned.push(String(text)) })
    t.same(kept.read(), [], 'there is none yet')
    const ban = { range: range('2001:db8::/48'), since: 1, until: 2, by: 'alice', reason: 'scans' }
    kept.keep([])
    kept.keep([ban])
    await kept.idle()
    t.same(kept.read(), [ban], 'the last, of several')
    t.equal(statSync(file).mode & 0o777, 0o600)
    t.match(readFileSync(file, 'utf8'), /2001:db8::\/48/)
    t.same(warned, [])
    for (const text of ['{', '[{"network": 7}]', '']) {
      writeFileSync(file, text)
      t.same(kept.read(), [])
    }
    t.equal(warned.length, 3)
    const lost = new KeptBans(join(file, 'bans.json'), { warn: text => warned.push(String(text)) })
    lost.keep([ban])
    await lost.idle()
    t.match(warned.at(-1), /cannot be kept/)
  },
)
