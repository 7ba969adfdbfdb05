import { once } from 'node:events'
import { lstatSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseAddress, RECORD, readRecord, writeRecord } from '../../../src/base/address.ts'
import type { AllocationId, SocketId } from '../../../src/base/ids.ts'
import { SNAPSHOT_VERSION } from '../../../src/core/snapshot/envelope.ts'
import { descriptorsOf } from '../../../src/handover/given.ts'
import { type Giver, type HandedOver, HandOverDoor } from '../../../src/handover/giver.ts'
import { HandOverLink } from '../../../src/handover/link.ts'
import { AHEAD, COPIES, PROTOCOL } from '../../../src/handover/protocol.ts'
import { Predecessor } from '../../../src/handover/taker.ts'
import type { GivenRelay, RelayRest } from '../../../src/relay/hand-over/hand-over.ts'
import type { ShardCopy } from '../../../src/relay/hand-over/shard-copy.ts'
import { loadAddon } from '../../../src/system/native-addon.ts'
import { needAddon } from '../native/probe.ts'

const { skip } = needAddon()
const loaded = loadAddon()
const HELLO = {
  kind: 'hello',
  protocol: PROTOCOL,
  version: '2',
  snapshots: [SNAPSHOT_VERSION],
  pid: 77,
} as const

function addonOf() {
  if (!loaded.ok) throw new Error(loaded.error)
  return loaded.value
}

/** What is handed over: sockets on ports of their own, which end with the hand-over. */
function given(count: number): GivenRelay {
  const udp = sockets(count)
  const snapshot = Buffer.from('a snapshot')
  return { shards: [{ snapshot, udp, listeners: [], connections: [], reserved: [], doors: [] }] }
}

/** Relay sockets on ports of their own. */
function sockets(count: number) {
  return Array.from({ length: count }, (_, i) => {
    const record = new Uint8Array(RECORD)
    writeRecord(parseAddress('127.0.0.1:0')!, record, 0)
    const fd = addonOf().listen(record, 0, 0, 0)
    return { id: (i + 1) as SocketId, purpose: 'relay' as const, local: readRecord(record, 0), fd }
  })
}

/** A path of a socket has 107 octets at most, too few for the folders of tests. */
function shortFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-door-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

/** What comes in the end, with all that there can be. */
const REST: RelayRest = [
  {
    connections: [
      undefined,
      { id: 7 as SocketId, unread: Buffer.from('half'), unsent: Buffer.from('a'), dropped: 3 },
      { unread: Buffer.alloc(0), unsent: Buffer.alloc(0), dropped: 0 },
    ],
    carried: [
      {
        allocation: 9 as AllocationId,
        carried: {
          traffic: { toPeer: { packets: 1, bytes: 2 }, toClient: { packets: 3, bytes: 4 } },
          dropped: 5,
        },
      },
    ],
    waiting: [
      {
        kind: 'datagram',
        via: 'tcp',
        socket: 7 as SocketId,
        from: parseAddress('192.0.2.1:5000')!,
        bytes: Buffer.from('a request'),
      },
    ],
  },
]

/** The door of a relay that has nothing but sockets. */
function door(t: Test, copies: () => readonly ShardCopy[] = () => []) {
  const ended: HandedOver[] = []
  const lines: string[] = []
  let changed = () => {}
  const path = join(shortFolder(t), 'hand-over.sock')
  const relay = given(300)
  let held = true
  const close = () => {
    if (held) for (const fd of descriptorsOf(relay)) addonOf().release(fd)
    held = false
  }
  const giver: Giver = {
    version: '1',
    refusal: () => undefined,
    listening: () => [],
    pages: () => [],
    workers: 1,
    rehearse: async () => [Buffer.from('rehearsed')],
    copies: async () => copies(),
    forgetCopies: () => {
      lines.push('copies are forgotten')
      changed()
    },
    give: async () => relay,
    takeBack: async () => {},
    giveAhead: async () => {
      lines.push('data goes on')
      return relay
    },
    giveRest: async () => {
      lines.push('nothing is read')
      return REST
    },
    goOn: async () => {
      lines.push('it goes on')
      held = false
      changed()
    },
    leave: async () => {
      // The door closes them.
      held = false
      return 0
    },
    retire: async () => {},
    log: what => {
      lines.push(what)
      changed()
    },
  }
  const opened = new HandOverDoor(giver, addonOf(), how => {
    ended.push(how)
    changed()
  })
  opened.open(path)
  t.teardown(() => {
    opened.close()
    close()
  })
  return {
    path,
    ended,
    lines,
    until: async (is: () => boolean) => {
      while (!is()) await new Promise<void>(resolve => (changed = resolve))
    },
  }
}

function dial(t: Test, path: string): { readonly socket: Socket; readonly link: HandOverLink } {
  const socket = connect(path)
  t.teardown(() => socket.destroy())
  return { socket, link: new HandOverLink(socket) }
}

/** Takes over, and returns how many descriptors came. */
async function takeOver(from: Predecessor): Promise<number> {
  await from.rehearse()
  return finish(from)
}

async function finish(from: Predecessor): Promise<number> {
  const { relay } = await from.take()
  const fds = descriptorsOf(relay)
  await from.taken()
  await from.running(0, 0)
  for (const fd of fds) addonOf().release(fd)
  return fds.length
}

t.test('what is said first tells whose a connection is, however many come meanwhile', { skip }, async t => {
  const { path, ended } = door(t)
  const from = await Predecessor.find(path, '2')
  t.ok(from)
  if (!from) return
  // Others before and behind the connection for descriptors, as when two processes are started at once.
  const silent = dial(t, path)
  const second = dial(t, path)
  second.link.say(HELLO)
  t.match(await second.link.next(5000), { kind: 'refused', why: /another process is taking over/ })
  const foreign = dial(t, path)
  foreign.link.say({ kind: 'channel', of: 'somebody else' })
  await t.rejects(foreign.link.next(5000), /closed the connection/)
  t.equal(await takeOver(from), 300)
  t.match(ended, [{ ok: true, pid: process.pid }])
  silent.socket.destroy()
})

t.test('who says nothing keeps nobody from taking over', { skip }, async t => {
  const { path, ended } = door(t)
  dial(t, path)
  const from = await Predecessor.find(path, '2')
  t.equal(from && (await takeOver(from)), 300)
  t.match(ended, [{ ok: true }])
})

t.test('one that is not let in is not given the descriptors of another', { skip }, async t => {
  const { path, ended, until } = door(t)
  const first = dial(t, path)
  first.link.say(HELLO)
  t.match(await first.link.next(5000), { kind: 'welcome', channel: /^[0-9a-f-]{36}$/ })
  first.socket.destroy()
  await until(() => ended.length === 1)
  const from = await Predecessor.find(path, '2')
  t.equal(from && (await takeOver(from)), 300, 'the next one finds the door free')
})

t.test('frames are read once each, and nobody makes us keep more than was asked for', { skip }, async t => {
  const { path, ended, until } = door(t)
  const { socket, link } = dial(t, path)
  link.say(HELLO)
  await link.next(5000)
  const frame = Buffer.from('\0\0\0\x10\0{"kind":"hello"}')
  socket.write(Buffer.concat(Array(5000).fill(frame)))
  await until(() => ended.length === 1)
  t.match(ended, [{ ok: false, why: /out of turn|more than was asked for/ }])
})

t.test(
  'in the place of the socket may be a file or a link, which is replaced and not followed',
  { skip },
  t => {
    const folder = shortFolder(t)
    writeFileSync(join(folder, 'target'), 'kept')
    for (const spoil of [
      (path: string) => writeFileSync(path, ''),
      (path: string) => symlinkSync(join(folder, 'target'), path),
    ]) {
      const path = join(folder, 'hand-over.sock')
      spoil(path)
      const lines: string[] = []
      const opened = new HandOverDoor(
        { log: (what: string) => void lines.push(what) } as unknown as Giver,
        addonOf(),
        () => {},
      )
      opened.open(path)
      const found = lstatSync(path)
      t.ok(found.isSocket())
      t.equal(found.mode & 0o777, 0o600)
      t.same(lines, [])
      opened.close()
    }
    t.notOk(lstatSync(join(folder, 'target')).isSocket())
    t.end()
  },
)

t.test(
  'data goes on until the new process has everything, and then comes what has changed',
  { skip },
  async t => {
    const { path, ended, lines } = door(t)
    const from = await Predecessor.find(path, '2')
    t.ok(from?.ahead)
    if (!from) return
    await from.rehearse()
    const { relay } = await from.take(true)
    t.match(lines, ['a new process prepares to take over', 'data goes on'])
    t.equal(lines.length, 2, 'and nothing else has happened')
    const { rest, since } = await from.rest()
    t.equal(lines.at(-1), 'nothing is read')
    t.ok(since > 0n)
    const [shard] = rest
    const [wanted] = REST
    t.same(shard!.connections, wanted!.connections)
    t.same(shard!.carried, wanted!.carried)
    t.match(shard!.waiting, [{ kind: 'datagram', via: 'tcp', socket: 7, bytes: Buffer.from('a request') }])
    t.equal(shard!.waiting[0]!.from.key, wanted!.waiting[0]!.from.key)
    await from.running(0, 0)
    t.match(ended, [{ ok: true }])
    t.notMatch(lines, ['it goes on'])
    for (const fd of descriptorsOf(relay)) addonOf().release(fd)
  },
)

for (const [when, play] of [
  ['while data goes on', async () => {}],
  ['when it has everything', (from: Predecessor) => from.rest()],
] as const)
  t.test(`a new process that is gone ${when} leaves the old one as it was`, { skip }, async t => {
    const { path, ended, lines, until } = door(t)
    const from = await Predecessor.find(path, '2')
    await from!.rehearse()
    const { relay } = await from!.take(true)
    await play(from!)
    from!.fail('no memory')
    await until(() => ended.length === 1)
    t.match(ended, [{ ok: false, why: 'no memory' }])
    t.ok(lines.includes('it goes on'))
    for (const fd of descriptorsOf(relay)) addonOf().release(fd)
  })

t.test('copies go ahead as often as they are asked for, with their sockets', { skip }, async t => {
  const made: ShardCopy[] = [
    { isWhole: true, state: Buffer.from('all'), sockets: sockets(260), closed: [], changed: 260 },
    { isWhole: false, state: Buffer.from('a change'), sockets: [], closed: [3 as SocketId], changed: 1 },
  ]
  let rounds = 0
  const { path, ended, lines } = door(t, () => [made[rounds++]!])
  const from = await Predecessor.find(path, '2')
  t.ok(from?.copies)
  if (!from) return
  await from.rehearse()
  const before = readdirSync('/proc/self/fd').length

  const [first] = await from.copy()
  const { fd: _, ...socket } = made[0]!.sockets[259]!
  t.match(first, { isWhole: true, changed: 260, closed: [], sockets: { length: 260 } })
  t.match(first!.sockets[259], { id: socket.id, local: { key: socket.local.key } })
  t.equal(Buffer.from(first!.state).toString(), 'all')
  const theirs = first!.sockets.map(({ fd }) => fd)
  // Both ends of the connection that they came by are in this process.
  t.equal(readdirSync('/proc/self/fd').length, before + 2, 'those that were made for them are closed')
  const [second] = await from.copy()
  t.match(second, { isWhole: false, closed: [3], changed: 1, sockets: [] })

  t.equal(await finish(from), 300)
  t.match(ended, [{ ok: true }])
  t.notMatch(lines, ['copies are forgotten'])
  for (const fd of theirs) addonOf().release(fd)
})

t.test('who has taken copies and is gone changes nothing', { skip }, async t => {
  const copy = { isWhole: true, state: Buffer.from('all'), sockets: [], closed: [], changed: 0 }
  const { path, lines, until } = door(t, () => [copy])
  const from = await Predecessor.find(path, '2')
  await from!.rehearse()
  await from!.copy()
  from!.fail('no memory')
  await until(() => lines.includes('copies are forgotten'))
  const next = await Predecessor.find(path, '2')
  t.equal((await next!.rehearse()).length, 1)
  next!.fail('the test is over')
})

t.test('only copies that can be read are asked for, and from an older relay none', { skip }, async t => {
  for (const [copies, wanted] of [
    [undefined, false],
    [COPIES, true],
    [COPIES + 1, false],
  ] as const) {
    const path = join(shortFolder(t), 'hand-over.sock')
    const server = createServer(socket => {
      const link = new HandOverLink(socket)
      link.say({
        ...{ kind: 'welcome', channel: 'a name', version: '0', pid: 1, workers: 1, listening: [], pages: [] },
        clock: { time: 0, machine: '0' },
        ...(copies !== undefined && { copies, ahead: copies - COPIES + AHEAD }),
      })
    }).listen(path)
    await once(server, 'listening')
    const from = await Predecessor.find(path, '2')
    t.equal(from?.copies, wanted)
    t.equal(from?.ahead, wanted)
    from?.fail('the test is over')
    server.close()
  }
})
