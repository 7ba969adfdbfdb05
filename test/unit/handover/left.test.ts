import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAddress, RECORD, readRecord, writeRecord } from '../../../src/base/address.ts'
import type { SocketId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import { descriptorsOf } from '../../../src/handover/given.ts'
import { forget, leaveBehind, mark, readLeft } from '../../../src/handover/left.ts'
import { PROTOCOL } from '../../../src/handover/protocol.ts'
import type { GivenShard } from '../../../src/relay/hand-over/given-shard.ts'
import { loadAddon } from '../../../src/system/native-addon.ts'
import { needAddon, openNativeTransport } from '../native/probe.ts'

const { skip } = needAddon()
const loaded = loadAddon()

/** A shard with so many relay sockets, which are closed with the test unless they are before. */
function shardOf(count: number): GivenShard {
  const udp = Array.from({ length: count }, (_, i) => {
    const record = new Uint8Array(RECORD)
    writeRecord(parseAddress('127.0.0.1:0')!, record, 0)
    const fd = addonOf().listen(record, 0, 0, 0)
    return { id: (i + 1) as SocketId, purpose: 'relay' as const, local: readRecord(record, 0), fd }
  })
  return {
    snapshot: Buffer.from('a snapshot'),
    udp,
    listeners: [],
    connections: [],
    reserved: [
      { socket: 7 as SocketId, owner: { tenant: 'example.org', user: '@a' }, client: udp[0]!.local },
    ],
    doors: [],
  }
}

function addonOf() {
  if (!loaded.ok) throw new Error(loaded.error)
  return loaded.value
}

const textOf = ({ snapshot }: GivenShard) => Buffer.from(snapshot).toString()

const openFiles = () => readdirSync('/proc/self/fd').length

t.test('what a process leaves behind is what the next one reads', { skip }, async t => {
  const addon = addonOf()
  const { udp } = openNativeTransport(t)
  const before = openFiles()
  const shard = shardOf(600)
  const left = leaveBehind(addon, '1.2.3', { shards: [shard] }, 17n)
  t.ok(left.ok)
  if (!left.ok) return
  // As when the process ends: from here on the sockets are nowhere but on their way.
  for (const { fd } of shard.udp) addon.release(fd)

  for (const attempt of ['first', 'second, as the first did not start']) {
    const read = readLeft(addon, left.value)
    t.ok(read.ok, attempt)
    if (!read.ok) return
    const { version, since, clock, relay } = read.value
    const again = relay.shards[0]!
    t.same([version, since, textOf(again)], ['1.2.3', 17n, 'a snapshot'])
    t.ok(Math.abs(clock.time - Date.now()) < 3_600_000)
    t.same(again.reserved, shard.reserved)
    t.same(
      again.udp.map(({ id, local }) => [id, local.port]),
      shard.udp.map(({ id, local }) => [id, local.port]),
    )
    const { fd, local } = again.udp.at(-1)!
    const bound = await udp.bind({ address: local, purpose: 'relay', fd })
    t.ok(bound.ok && bound.value.local.port === local.port, 'each with its descriptor')
    if (bound.ok) udp.close(bound.value.socket)
    for (const socket of again.udp.slice(0, -1)) addon.release(socket.fd)
  }
  forget(addon, left.value)
  t.equal(openFiles(), before, 'and nothing stays open')
})

t.test('what cannot be read is refused, and nothing of it stays open', { skip }, async t => {
  const addon = addonOf()
  const leave = () => {
    const shard = shardOf(1)
    const left = leaveBehind(addon, '1.2.3', { shards: [shard] }, 0n)
    for (const { fd } of shard.udp) addon.release(fd)
    if (!left.ok) throw new Error(left.error)
    return left.value
  }
  const before = openFiles()
  const refusals: [why: RegExp, spoil: (left: ReturnType<typeof leave>) => void][] = [
    [
      /3 processes have died over it/,
      left => {
        for (const isTakenUp of [true, true, true, false, true]) mark(left, isTakenUp)
      },
    ],
    [/died while it took/, left => writeSync(left.state, Buffer.from([255]), 0, 1, 0)],
    [/not whole/, left => writeSync(left.state, Buffer.from([0xff]), 0, 1, 1)],
    [/cannot be read/, left => writeSync(left.state, Buffer.from('?'), 0, 1, 5)],
    [
      /another format/,
      left => {
        const at = '{"protocol":'.length + 5
        writeSync(left.state, Buffer.from(`${PROTOCOL + 1}`), 0, 1, at)
      },
    ],
    [/descriptors cannot be taken/, left => addon.takeDescriptors(left.in, new Int32Array(2))],
    [/not whole/, left => ftruncateSync(left.state, fstatSync(left.state).size - 1)],
    [/not whole/, left => ftruncateSync(left.state, fstatSync(left.state).size + 1)],
    [/not whole/, left => ftruncateSync(left.state, 3)],
    [/cannot be read: 1099511627776 octets/, left => ftruncateSync(left.state, 2 ** 40)],
  ]
  for (const [why, spoil] of refusals) {
    const left = leave()
    spoil(left)
    const read = readLeft(addon, left)
    t.match(read, { ok: false, error: why })
    forget(addon, left)
  }
  t.equal(openFiles(), before)
})

t.test(
  'what has been left by our names and is something else keeps no process from starting',
  { skip },
  t => {
    const addon = addonOf()
    const folder = t.testdir({ file: '' })
    const file = join(folder, 'file')
    const shard = shardOf(1)
    const left = leaveBehind(addon, '1.2.3', { shards: [shard] }, 0n)
    for (const { fd } of shard.udp) addon.release(fd)
    if (!left.ok) throw new Error(left.error)
    const whole = Buffer.alloc(fstatSync(left.value.state).size)
    readSync(left.value.state, whole, 0, whole.length, 0)
    writeFileSync(file, whole)
    const before = openFiles()
    for (const [what, path, flags] of [
      ['a folder', folder, 'r'],
      ['a file that may not be written', file, 'r'],
      ['a device', '/dev/zero', 'r+'],
    ] as const) {
      const state = openSync(path, flags)
      t.match(
        readLeft(addon, { ...left.value, state }),
        { ok: false, error: /cannot be read|not whole/ },
        what,
      )
      closeSync(state)
    }
    const into = openSync(file, 'r')
    t.match(readLeft(addon, { ...left.value, in: into }), { ok: false, error: /descriptors cannot be taken/ })
    closeSync(into)
    t.equal(openFiles(), before)
    forget(addon, left.value)
    t.end()
  },
)

t.test('several workers leave what each has, and what they have in common', { skip }, async t => {
  const addon = addonOf()
  const before = openFiles()
  const [first, second] = [shardOf(300), { ...shardOf(2), snapshot: Buffer.from('another') }]
  const parked = shardOf(1).udp[0]!
  const door = { shard: 1, socket: 9 as SocketId, via: 'tcp' as const }
  const relay = {
    shards: [{ ...first, doors: [[12 as SocketId, door] as const] }, second],
    common: {
      keys: { nonces: Buffer.alloc(32, 1), tickets: Buffer.alloc(64, 2) },
      reserved: [
        {
          parked: { token: Buffer.from('a token!'), fd: parked.fd, local: parked.local },
          owner: { tenant: 'example.org', user: '@b' },
          client: first.udp[0]!.local,
          expires: 12_345 as Time,
        },
      ],
    },
  }
  const left = leaveBehind(addon, '1.2.3', relay, 0n)
  if (!left.ok) throw new Error(left.error)
  for (const fd of descriptorsOf(relay)) addon.release(fd)

  const read = readLeft(addon, left.value)
  if (!read.ok) throw new Error(read.error)
  const { shards, common } = read.value.relay
  t.same(shards.map(textOf), ['a snapshot', 'another'])
  t.same(
    shards.map(({ udp }) => udp.map(({ local }) => local.port)),
    [first, second].map(({ udp }) => udp.map(({ local }) => local.port)),
  )
  t.same(shards[0]!.doors, [[12, door]])
  const { parked: again, ...port } = common!.reserved[0]!
  const { parked: _, ...saved } = relay.common.reserved[0]!
  t.same(port, saved)
  t.same(common!.keys, relay.common.keys)
  t.same([Buffer.from(again.token).toString(), again.local.port], ['a token!', parked.local.port])
  t.equal(readlinkSync(`/proc/self/fd/${again.fd}`).slice(0, 6), 'socket', 'with its descriptor')
  for (const fd of descriptorsOf(read.value.relay)) addon.release(fd)
  forget(addon, left.value)
  t.equal(openFiles(), before, 'and nothing stays open')
})
