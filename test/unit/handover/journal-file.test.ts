import { fstatSync, readSync, writeSync } from 'node:fs'
import t, { type Test } from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { AllocationId, SocketId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import { SNAPSHOT_VERSION } from '../../../src/core/snapshot/envelope.ts'
import type { AllocationRecord } from '../../../src/core/snapshot/parts.ts'
import { type Described, JournalFile } from '../../../src/handover/journal-file.ts'
import { noteTry, readSurvived } from '../../../src/handover/survived.ts'
import { CHAIN_OCTETS } from '../../../src/journal/chains.ts'
import { random } from '../../../src/relay/relay-config.ts'
import { loadAddon } from '../../../src/system/native-addon.ts'
import { needAddon } from '../native/probe.ts'

const { skip } = needAddon()
const loaded = loadAddon()

/** When the process began, in milliseconds of the machine's clock, and what it took the time for. */
const BEGAN = 5_000_000
const TIME = 1_800_000_000_000

const DESCRIBED: Described = {
  version: '1.2.3',
  clock: { time: TIME, machine: `${BEGAN * 1e6}` },
  shards: [{ listeners: [{ id: 3, local: '127.0.0.1:3478' }], doors: [] }],
  nonces: Buffer.alloc(32, 1).toString('base64'),
  tickets: Buffer.alloc(64, 2).toString('base64'),
  began: BEGAN,
  deaths: 0,
  suspects: [],
  tries: 0,
}

function addonOf() {
  if (!loaded.ok) throw new Error(loaded.error)
  return loaded.value
}

function fileOf(t: Test): JournalFile {
  const file = JournalFile.create(addonOf())
  if (!file.ok) throw new Error(file.error)
  t.teardown(() => addonOf().release(file.value.fd))
  return file.value
}

/** As the next process opens it. */
function reopened({ fd }: JournalFile): JournalFile {
  const file = JournalFile.open(addonOf(), fd)
  if (!file.ok) throw new Error(file.error)
  return file.value
}

/** What the next process makes of it, so many seconds after that one had begun. */
function survived(file: JournalFile, seconds = 60) {
  return readSurvived([reopened(file)], BigInt((BEGAN + seconds * 1000) * 1e6), random)
}

function allocation(id: number, over: Partial<AllocationRecord> = {}): AllocationRecord {
  const address = parseAddress(`192.0.2.1:${50_000 + id}`)!
  return {
    id: id as AllocationId,
    client: { socket: 3 as SocketId, address: parseAddress(`198.51.100.1:${id}`)!, via: 'udp' },
    mobility: undefined,
    identity: {
      owner: { tenant: 'example.org', user: '@a' },
      username: '@a',
      key: Buffer.alloc(16, 3),
      algorithm: 1,
      expires: undefined,
    },
    since: TIME as Time,
    state: 'open',
    firstLifetime: 600,
    request: { transaction: Buffer.alloc(12), fingerprint: false, signature: 'sha1', username: '@a' },
    answered: Buffer.from('an answer'),
    lacking: undefined,
    due: TIME as Time,
    legs: [
      {
        relay: { family: 4, socket: (10 + id) as SocketId, address },
        expires: (TIME + 600_000) as Time,
        linked: [],
      },
    ],
    permissions: [],
    peers: [],
    permitted: 0,
    dropped: 0,
    traffic: { toPeer: { packets: 1, bytes: 2 }, toClient: { packets: 3, bytes: 4 } },
    ...over,
  } as AllocationRecord
}

t.test('the file is for its owner alone, and nobody can change its length', { skip }, t => {
  const { fd } = fileOf(t)
  t.equal(fstatSync(fd).mode & 0o777, 0o600)
  t.throws(() => writeSync(fd, Buffer.from('?'), 0, 1, fstatSync(fd).size), { code: 'EPERM' })
  t.end()
})

t.test('wherever writing a description breaks off, the one before it counts', { skip }, t => {
  const file = fileOf(t)
  const tail = () => {
    const octets = Buffer.alloc(fstatSync(file.fd).size - CHAIN_OCTETS)
    readSync(file.fd, octets, 0, octets.length, CHAIN_OCTETS)
    return octets
  }
  // The first two stand in slots that were empty, the third replaces one, which it is shorter than.
  const versions = ['1', '2 that is longer', '3']
  let before: string | undefined
  for (const version of versions) {
    const was = tail()
    file.describe({ ...DESCRIBED, version })
    const is = tail()
    const changed = [...is.keys()].filter(at => is[at] !== was[at])
    writeSync(file.fd, was, 0, was.length, CHAIN_OCTETS)
    const next = reopened(file)
    for (const at of changed) {
      const read = next.read()?.version
      if (read !== before) t.fail(`broken off at ${at} of ${version}: ${read}`)
      writeSync(file.fd, is, at, 1, CHAIN_OCTETS + at)
    }
    t.equal(reopened(file).read()?.version, version)
    before = version
  }
  t.end()
})

t.test('what a process knew is what the next one goes on from', { skip }, t => {
  const file = fileOf(t)
  file.describe(DESCRIBED)
  const tcp = { client: { ...allocation(3).client, via: 'tcp' as const } }
  const mobility = { latest: 1, oldest: 1, arrival: undefined, answered: undefined }
  file.journal.whole(allocation(1))
  file.journal.whole(allocation(2))
  file.journal.ended(2 as AllocationId)
  file.journal.whole(allocation(3, tcp))
  file.journal.whole(allocation(4, { ...tcp, mobility }))
  file.journal.prolonged(1 as AllocationId, [(TIME + 900_000) as Time])

  const read = survived(file)
  t.match(read, { ok: true, value: { lost: 1, deaths: { deaths: 1 }, state: { version: '1.2.3' } } })
  if (!read.ok) return t.end()
  const { clock, relay } = read.value.state
  const [shard] = relay.shards
  t.equal(clock.time, TIME + 60_000, 'its clock goes on')
  t.same(
    shard!.udp.map(({ id, purpose, local, fd }) => [id, purpose, local.port, fd]),
    [
      [3, 'listener', 3478, -1],
      [11, 'relay', 50_001, -1],
      [14, 'relay', 50_004, -1],
    ],
    'its sockets are to be bound anew, but for those of a connection',
  )
  const late = survived(file, 700)
  t.match(late, { ok: true, value: { lost: 2 } }, 'and so late only those whose time is not over')
  if (late.ok)
    t.equal(late.value.state.relay.shards[0]!.udp.filter(({ purpose }) => purpose === 'relay').length, 1)
  t.end()
})

t.test('what cannot be gone on from is refused in words', { skip }, t => {
  const refusals: [why: RegExp, spoil: (file: JournalFile) => void][] = [
    [/cannot be read/, () => {}],
    [/cannot be read/, file => file.describe({ ...DESCRIBED, format: 1 as 2 })],
    [/another format/, file => file.describe({ ...DESCRIBED, snapshot: SNAPSHOT_VERSION + 1 })],
    [/4 processes have died over it/, file => file.describe({ ...DESCRIBED, tries: 4 })],
    [/8 processes have died one soon after/, file => file.describe({ ...DESCRIBED, deaths: 7 })],
  ]
  for (const [why, spoil] of refusals) {
    const file = fileOf(t)
    spoil(file)
    t.match(survived(file), { ok: false, error: why })
  }
  const fd = addonOf().memory(0)
  t.match(JournalFile.open(addonOf(), fd), { ok: false, error: /length/ })
  addonOf().release(fd)
  t.end()
})

t.test('a journal of nothing but noise takes nothing along but itself', { skip }, t => {
  const file = fileOf(t)
  file.describe(DESCRIBED)
  file.journal.whole(allocation(1))
  const noise = Buffer.alloc(1 << 20)
  for (let at = 0; at < noise.length; at++) noise[at] = Math.imul(at, 0x9e3779b1) >>> 24
  writeSync(file.fd, noise, 0, noise.length, 64)
  const read = survived(file)
  t.match(read, { ok: true })
  if (read.ok)
    t.same(
      read.value.state.relay.shards[0]!.udp.filter(({ purpose }) => purpose === 'relay'),
      [],
    )
  t.end()
})

t.test('a call that two processes were serving as they ended is not taken up again', { skip }, t => {
  const end = (deaths: number, suspects: number[], lived: number) => {
    const file = fileOf(t)
    file.describe({ ...DESCRIBED, deaths, suspects })
    file.journal.whole(allocation(1))
    file.journal.serving(1 as AllocationId)
    file.journal.beat = BEGAN + lived
    return survived(file)
  }
  t.match(end(0, [], 1000), { ok: true, value: { lost: 0, deaths: { deaths: 1, suspects: [1] } } })
  t.match(end(1, [1], 1000), { ok: true, value: { lost: 1, deaths: { deaths: 2, suspects: [1] } } })
  t.match(end(1, [1], 60_000), { ok: true, value: { lost: 0, deaths: { deaths: 1 } } }, 'long apart')
  t.match(end(1, [7], 1000), { ok: true, value: { lost: 0 } }, 'another call')
  t.end()
})

t.test('tries are counted, but for those that ended in good order', { skip }, t => {
  const file = fileOf(t)
  file.describe(DESCRIBED)
  file.journal.whole(allocation(1))
  const begin = () => {
    const mine = reopened(file)
    noteTry(mine, true)
    return mine
  }
  begin()
  begin()
  noteTry(begin(), false)
  begin()
  t.match(survived(file), { ok: true, value: { lost: 0 } }, 'three have died')
  begin()
  t.match(survived(file), { ok: false, error: /4 processes/ })
  t.end()
})

t.test('reading is a try as well, whether it ends the process or fails', { skip }, t => {
  const file = fileOf(t)
  file.describe(DESCRIBED)
  file.journal.whole(allocation(1))
  const next = reopened(file)
  let tries: number | undefined
  next.journal.adopt = () => {
    tries = reopened(file).read()?.tries
    throw new RangeError('what nobody has thought of')
  }
  t.match(readSurvived([next], BigInt(BEGAN * 1e6), random), { ok: false, error: /nobody has thought of/ })
  t.equal(tries, 1, 'a process that ended here would count')
  t.match(survived(file), { ok: true, value: { lost: 0 } })
  t.equal(reopened(file).read()?.tries, 0)
  t.end()
})

t.test('whatever number stands for the last sign of life, nothing throws', { skip }, t => {
  for (const beat of [Number.NaN, Number.POSITIVE_INFINITY, -1e300, 1e300, -0, 5e-324]) {
    const file = fileOf(t)
    file.describe(DESCRIBED)
    file.journal.whole(allocation(1))
    file.journal.beat = beat
    t.type(survived(file).ok, 'boolean', `${beat}`)
  }
  t.end()
})

t.test('a process that ends over a fault leaves its calls in the journal', { skip }, t => {
  const file = fileOf(t)
  file.describe(DESCRIBED)
  file.journal.whole(allocation(1))
  file.journal.close()
  file.journal.ended(1 as AllocationId)
  file.journal.whole(allocation(2))
  t.ok(file.journal.prolonged(1 as AllocationId, [0 as Time]))
  const read = survived(file)
  t.ok(read.ok && read.value.state.relay.shards[0]!.udp.map(({ id }) => id).join() === '3,11')
  t.end()
})

t.test('of several shards each has a journal, and all are gone on from or none', { skip }, t => {
  const [first, second] = [fileOf(t), fileOf(t)]
  const door = { shard: 0, socket: 3, via: 'udp' as const }
  const shards = [
    ...DESCRIBED.shards,
    { listeners: [{ id: 4, local: '127.0.0.1:3478' }], doors: [[7, door]] },
  ]
  first.describe({ ...DESCRIBED, shards: shards as Described['shards'], suspects: [2, 9] })
  first.journal.whole(allocation(1))
  second.journal.whole(allocation(2))
  second.journal.whole(allocation(3))
  first.journal.serving(1 as AllocationId)
  second.journal.serving(2 as AllocationId)
  first.journal.beat = BEGAN + 1000
  const next = (...[one, ...others]: [JournalFile, ...JournalFile[]]) =>
    readSurvived([reopened(one), ...others.map(reopened)], BigInt((BEGAN + 1000) * 1e6), random)

  t.match(next(first), { ok: false, error: 'of 2 journals there are 1' })
  const read = next(first, second)
  t.match(read, { ok: true, value: { lost: 1, deaths: { deaths: 1, suspects: [1, 2] } } })
  if (!read.ok) return t.end()
  const { relay } = read.value.state
  t.same(
    relay.shards.map(({ udp }) => udp.map(({ id }) => id)),
    [
      [3, 11],
      [4, 13],
    ],
  )
  t.same(
    relay.shards.map(({ doors }) => doors),
    [[], [[7, door]]],
  )
  t.same(relay.common?.keys.nonces, Buffer.alloc(32, 1))
  t.end()
})

t.test('closing a journal holds for the thread that writes it', { skip }, t => {
  const file = fileOf(t)
  const writer = reopened(file).journal
  writer.adopt(() => false)
  writer.whole(allocation(1))
  file.journal.close()
  writer.ended(1 as AllocationId)
  t.equal(reopened(file).journal.adopt(() => true).allocations.length, 1)
  t.end()
})
