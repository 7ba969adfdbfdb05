import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import { COUNTERS_LENGTH } from '../../../src/base/counters.ts'
import type { AllocationId, SocketId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import { NOBODY_SLOWED } from '../../../src/core/buckets.ts'
import type { Event } from '../../../src/core/event.ts'
import { Proofs } from '../../../src/core/trust/proofs.ts'
import { SharedJournal } from '../../../src/journal/journal.ts'
import { GcraTable } from '../../../src/limits/gcra-table.ts'
import { Meters } from '../../../src/limits/meters.ts'
import { Log } from '../../../src/log/log.ts'
import { Admission } from '../../../src/relay/admission.ts'
import { GAUGES_OCTETS, readGauges, writeGauges } from '../../../src/relay/gauges.ts'
import { quotas, random } from '../../../src/relay/relay-config.ts'
import type { FromWorker, SharedMemory, Start, ToWorker } from '../../../src/workers/protocol.ts'
import { ShardBook } from '../../../src/workers/shard-book.ts'
import type { WorkerEvents } from '../../../src/workers/spawn.ts'
import { WorkerSlot } from '../../../src/workers/worker-slot.ts'
import { loaded } from '../../support/settings.ts'

const NOW = 1_800_000_000_000 as Time
const alice = { tenant: 'example.org', user: '@alice:example.org' }
const client = parseAddress('192.0.2.10:50000')!

t.test('claims are answered in the order in which they came, with one message', async t => {
  const { place, workers } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' })
  await opening

  workers[0]!.says(claim(1), claim(2), claim(3))

  t.match(workers[0]!.told, [
    [
      { kind: 'admitted', allocation: 1 },
      { kind: 'admitted', allocation: 2 },
      { kind: 'refused', allocation: 3, code: 486 },
    ],
  ])
})

t.test('P-08: a token that is not known yet is looked for once more behind the waiting messages', async t => {
  const { place, workers, book } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' })
  await opening
  const token = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  const parked = { token, fd: 99, local: parseAddress('203.0.113.7:50001')! }
  const pair = { ...claim(1).ask, port: 'pair' as const }
  book.claim(0, pair)

  workers[0]!.says({ kind: 'claim', ask: { ...claim(2).ask, token } })
  workers[0]!.says({ kind: 'confirmed', allocation: 1 as AllocationId, parked })
  t.same(workers[0]!.told, [])
  await new Promise(setImmediate)
  t.match(workers[0]!.told, [[{ kind: 'admitted', allocation: 2, parked: { fd: 99 } }]])

  workers[0]!.says({ kind: 'claim', ask: { ...claim(3).ask, token } })
  workers[0]!.breaks()
  await new Promise(setImmediate)
  t.same(workers[1]!.told, [], 'a successor has not asked')
})

t.test('a worker that breaks is replaced at once by one that takes its calls over', async t => {
  const { place, workers, admission, heard, memory, lines, gone, broke, replacedBy } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' }, claim(1), claim(2))
  await opening
  const door = { shard: 1, socket: 5 as SocketId, via: 'udp' as const }
  workers[0]!.says(
    { kind: 'confirmed', allocation: 1 as AllocationId },
    { kind: 'told', event: opened(1) },
    { kind: 'listening', fd: 21, socket: 1 as SocketId },
    { kind: 'door', socket: 9 as SocketId, door },
    { kind: 'door', socket: 8 as SocketId, door },
    { kind: 'door', socket: 8 as SocketId, door: undefined },
  )
  writeGauges(memory.gauges, {
    sockets: 7,
    connections: 2,
    visitors: 4,
    ports: 1,
    faults: 3,
    shortOfMemory: 1,
    kernelRoutes: 2,
  })

  workers[0]!.breaks('out of luck')

  t.equal(admission.total, 2, 'nothing is given back yet')
  t.match(heard, [{ kind: 'opened' }])
  t.same(readGauges(memory.gauges), {
    sockets: 0,
    connections: 0,
    visitors: 0,
    ports: 0,
    faults: 3,
    shortOfMemory: 0,
    kernelRoutes: 0,
  })
  t.same([broke(), gone()], [1, 0])
  t.match(lines, [{ level: 'error', worker: 0, error: /out of luck/, calls: 2, seconds: 0 }])
  t.equal(workers.length, 2)
  t.same(workers[1]!.start.takeOver, {
    listeners: new Map([[21, 1]]),
    doors: [[9, door]],
    without: new Set(),
    holdings: [
      { allocation: 1, owner: alice, ids: [] },
      { allocation: 2, owner: alice, ids: [] },
    ],
  })
  t.notOk(place.ready, 'until it says so')
  workers[1]!.says({ kind: 'taken-over', allocations: [opened(1)] }, { kind: 'ready' })
  t.ok(place.ready)
  t.equal(admission.total, 1, 'what it has not taken over is given back')
  t.match(heard, [{ kind: 'opened' }], 'it was told already, and the other one had not opened')
  t.same(replacedBy, [1])
  t.match(lines[1], { level: 'warn', worker: 0, callsKept: 1, callsLost: 0, seconds: 0 })
})

t.test(
  'what opened just before a worker broke is told, and what is not taken over is told as lost',
  async t => {
    const { place, workers, admission, heard } = start()
    const opening = place.open()
    workers[0]!.says({ kind: 'ready' }, claim(1), claim(2), { kind: 'told', event: opened(2) })
    await opening
    heard.length = 0
    workers[0]!.breaks()
    workers[1]!.says({ kind: 'taken-over', allocations: [opened(1)] }, { kind: 'ready' })

    t.match(heard, [
      { kind: 'opened', allocation: 1 },
      { kind: 'closed', allocation: 2, reason: 'lost' },
    ])
    t.equal(admission.total, 1)
  },
)

t.test('a client that two workers were serving when they broke is not taken over once more', async t => {
  const { place, workers, journal, pass } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' })
  await opening
  const serving = new SharedJournal(journal)
  serving.serving(7 as AllocationId)
  workers[0]!.breaks()
  t.same(workers[1]!.start.takeOver?.without, new Set())
  serving.serving(8 as AllocationId)
  workers[1]!.breaks()
  pass()
  t.same(workers[2]!.start.takeOver?.without, new Set(), 'another than before')
  serving.serving(8 as AllocationId)
  workers[2]!.breaks()
  pass()
  t.same(workers[3]!.start.takeOver?.without, new Set([8]))
})

t.test('after four in a row the next begins afresh, and what there was is given back', async t => {
  const { place, workers, admission, heard, lines, gone, pass } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' }, claim(1), { kind: 'told', event: opened(1) })
  await opening
  for (let i = 0; i < 4; i++) {
    t.equal(admission.total, 1)
    workers.at(-1)!.breaks('again')
    pass()
  }
  t.equal(workers.length, 5)
  t.equal(workers[4]!.start.takeOver, undefined)
  t.equal(admission.total, 0)
  t.match(heard.at(-1), { kind: 'closed', reason: 'lost' })
  t.match(lines.at(-1), { level: 'error', callsLost: 1 })
  t.equal(gone(), 1)
})

t.test('where a relay stops while a worker is missing, its calls are told as lost', async t => {
  const { place, workers, heard, gone } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' }, claim(1), { kind: 'told', event: opened(1) })
  await opening
  workers[0]!.breaks()
  workers[1]!.breaks()
  place.close()
  t.match(heard.at(-1), { kind: 'closed', reason: 'lost' })
  t.equal(gone(), 1)
})

t.test('a worker that breaks again and again is given more and more time', async t => {
  const { place, workers, waits, pass } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' })
  await opening

  for (let i = 0; i < 8; i++) {
    workers.at(-1)!.breaks('again')
    pass()
  }
  t.same(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  t.equal(workers.length, 9)

  pass(60_000)
  workers.at(-1)!.breaks('after a quiet minute')
  t.equal(workers.length, 10, 'at once')
})

t.test('a first worker that cannot start is an error, and no second is tried', async t => {
  const { place, workers } = start()
  const opening = place.open()

  workers[0]!.breaks('no addon')

  await t.rejects(opening, { name: 'StartError', message: /no addon/ })
  t.equal(workers.length, 1)
})

t.test('where no thread is to be had, it is tried again later', async t => {
  const { place, workers, waits, pass, refuse } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' })
  await opening

  refuse(2)
  workers[0]!.breaks('once')
  t.equal(workers.length, 1)
  t.same(waits, [1000])
  pass()
  pass()

  t.same(waits, [1000, 2000])
  t.equal(workers.length, 2)
})

t.test('a worker that hangs is ended, replaced, and its units come back [NODE-10]', async t => {
  const { place, workers, admission, heard, lines } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' }, claim(1), { kind: 'told', event: opened(1) })
  await opening

  for (let second = 1; second < 10; second++) place.tick()
  t.same(lines, [], 'nine seconds are forgiven')
  place.tick()

  t.equal(workers.length, 2)
  t.match(lines, [{ level: 'error', worker: 0, error: /hung/, calls: 1 }])
  workers[1]!.says({ kind: 'taken-over', allocations: [] }, { kind: 'ready' })
  t.equal(admission.total, 0)
  t.match(heard.at(-1), { kind: 'closed', reason: 'lost' })
  t.ok(place.ready)
})

t.test('a worker whose heart beats is left alone, however long it says nothing', async t => {
  const { place, workers, memory } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' })
  await opening

  for (let second = 0; second < 100; second++) {
    if (second % 9 === 0) Atomics.add(new Int32Array(memory.heart), 0, 1)
    place.tick()
  }

  t.equal(workers.length, 1)
})

t.test('a worker that does not get ready is given a minute', async t => {
  const { place, workers } = start()
  const opening = place.open()
  for (let second = 1; second < 60; second++) place.tick()
  t.ok(place.alive)

  place.tick()

  await t.rejects(opening, { name: 'StartError', message: /did not start: it hung/ })
  t.equal(workers.length, 1)
})

t.test('a worker that was asked to stop is not replaced', async t => {
  const { place, workers, lines, pass } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' })
  await opening

  place.close()
  t.match(workers[0]!.told, [[{ kind: 'stop' }]])
  workers[0]!.breaks()
  pass(100_000)

  t.notOk(place.alive)
  t.equal(workers.length, 1)
  t.same(lines, [])
})

t.test("what is posted while nobody is there is in the successor's start-up data", async t => {
  const { place, workers, pass } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' })
  await opening
  workers[0]!.breaks('once')
  workers[1]!.breaks('twice')

  place.post({ kind: 'drain', on: true })
  pass()

  t.equal(workers.length, 3)
  t.equal(workers[2]!.start.draining, true)
})

t.test('faults and floods of rejections are passed on', async t => {
  const { place, workers, lines, rejected } = start()
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' })
  await opening

  workers[0]!.says(
    { kind: 'rejected', why: 'first-401', count: 1234 },
    { kind: 'log', limit: 'fault', level: 'error', message: 'a fault', fields: { worker: 0 } },
  )

  t.same(rejected, { 'first-401': 1234 })
  t.match(lines, [{ level: 'error', msg: 'a fault', worker: 0 }])
})

interface FakeWorker {
  readonly start: Start
  /** Lists of messages that it was posted. */
  readonly told: (readonly ToWorker[])[]
  says(...messages: FromWorker[]): void
  breaks(why?: string): void
}

/** A place with workers that do only what a test makes them do, in simulated time. */
t.test('a step of a hand-over comes to what the worker answers, whatever the order', async t => {
  const { place, workers } = start()
  await t.rejects(place.step('hold'), /not running/, 'nobody is there yet')
  const opening = place.open()
  workers[0]!.says({ kind: 'ready' })
  await opening

  const [settled, going] = [place.step('settle'), place.step('go')]
  t.match(workers[0]!.told, [
    [{ kind: 'step', number: 1, step: 'settle', of: [] }],
    [{ kind: 'step', number: 2, step: 'go' }],
  ])
  workers[0]!.says({ kind: 'stepped', number: 2, error: 'no memory' })
  workers[0]!.says({ kind: 'stepped', number: 1, value: true })
  t.equal(await settled, true)
  await t.rejects(going, /no memory/)
})

t.test('a worker that breaks answers no step any more, and its doors are known', async t => {
  const { place, workers } = start()
  const opening = place.open()
  const door = { shard: 1, socket: 9 as SocketId, via: 'udp' as const }
  workers[0]!.says({ kind: 'ready' }, { kind: 'door', socket: 5 as SocketId, door })
  await opening
  t.same(place.doors, [[5, door]])

  const giving = place.step('give')
  workers[0]!.breaks()
  await t.rejects(giving, /not running/)
})

function start() {
  const { settings } = loaded({ limits: { allocationsPerUser: 2 } })
  const admission = new Admission(quotas(settings))
  const buckets = new SharedArrayBuffer(Meters.bytes(8))
  const meters = new Meters(buckets)
  const book = new ShardBook(settings, {
    shards: 1,
    admission,
    meters,
    clock: { now: () => NOW },
    adopted: () => {},
    freed: () => {},
  })
  const journal = SharedJournal.memory(0)
  const memory: SharedMemory = {
    counters: new SharedArrayBuffer(COUNTERS_LENGTH * 8),
    gauges: new SharedArrayBuffer(GAUGES_OCTETS),
    heart: new SharedArrayBuffer(4),
    sockets: new SharedArrayBuffer(4096),
    journal,
    meters: buckets,
    ports: new SharedArrayBuffer(0),
    crowd: new SharedArrayBuffer(0),
    webCrowd: new SharedArrayBuffer(0),
    crowdSeed: new Uint8Array(0),
    debts: GcraTable.memory(random),
    proofs: Proofs.memory(),
    scans: new SharedArrayBuffer(0),
    guests: new SharedArrayBuffer(0),
  }
  const lines: Record<string, unknown>[] = []
  const sink = { write: (text: string) => void lines.push(JSON.parse(text)) }
  const workers: FakeWorker[] = []
  const heard: Event[] = []
  const rejected: Record<string, number> = {}
  const waits: number[] = []
  const due: (() => void)[] = []
  let now = 0
  let left = 0
  let broken = 0
  const replacedBy: number[] = []
  let refusals = 0
  const place: WorkerSlot = new WorkerSlot(0, {
    log: new Log({ level: 'info', format: 'json', sink }),
    memory,
    book,
    spawn: (start: Start, hears: WorkerEvents) => {
      if (refusals > 0) {
        refusals--
        throw new Error('no thread')
      }
      const told: (readonly ToWorker[])[] = []
      workers.push({
        start,
        told,
        says: (...messages) => hears.messages(messages),
        breaks: why => hears.gone(why === undefined ? undefined : new Error(why)),
      })
      return { post: messages => void told.push(messages), terminate: () => hears.gone(undefined) }
    },
    start: () => ({
      index: 0,
      settings,
      own: [],
      relays: [],
      listening: [],
      certificate: undefined,
      challenges: [],
      slowed: NOBODY_SLOWED,
      draining: workers.length > 0,
      held: false,
      clients: undefined,
      bans: [],
      kernel: undefined,
      workers: 1,
      record: undefined,
      clock: { time: NOW, machine: 0n },
      keys: { nonces: new Uint8Array(32), tickets: new Uint8Array(32) },
      memory,
    }),
    pass: () => {},
    heard: event => heard.push(event),
    rejected: (why, count) => {
      rejected[why] = (rejected[why] ?? 0) + count
    },
    served: () => SharedJournal.served(journal),
    broke: () => void broken++,
    replaced: () => void replacedBy.push(workers.length - 1),
    gone: () => void left++,
    now: () => now,
    later: (run, milliseconds) => {
      waits.push(milliseconds)
      due.push(run)
    },
  })
  return {
    book,
    place,
    workers,
    admission,
    heard,
    rejected,
    memory,
    journal,
    lines,
    waits,
    gone: () => left,
    broke: () => broken,
    replacedBy,
    refuse: (times: number) => {
      refusals = times
    },
    pass: (milliseconds = 0) => {
      now += milliseconds
      for (const run of due.splice(0)) run()
    },
  }
}

function claim(allocation: number): FromWorker & { kind: 'claim' } {
  return { kind: 'claim', ask: { allocation: allocation as AllocationId, owner: alice, client, port: 'any' } }
}

function opened(allocation: number): Event & { kind: 'opened' } {
  const relayed = [parseAddress('203.0.113.7:50000')!]
  return {
    kind: 'opened',
    at: NOW,
    allocation: allocation as AllocationId,
    owner: alice,
    client,
    via: 'udp',
    relayed,
  }
}
