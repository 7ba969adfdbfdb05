import assert from 'node:assert'
import { parentPort, workerData } from 'node:worker_threads'
import { Counter, Counters } from '../base/counters.ts'
import { sharedScans } from '../core/peers/scans.ts'
import { Proofs } from '../core/trust/proofs.ts'
import { CHAIN_OCTETS } from '../journal/chains.ts'
import { SharedJournal } from '../journal/journal.ts'
import { GcraTable } from '../limits/gcra-table.ts'
import { Meters } from '../limits/meters.ts'
import { FloodGate } from '../log/flood-gate.ts'
import { PortDirectory } from '../net/ports/port-directory.ts'
import { SharedCrowd } from '../net/stream/shared-crowd.ts'
import { KeptSockets } from '../net/udp/kept-sockets.ts'
import { duplicate } from '../net/udp/native-group.ts'
import { writeGauges } from '../relay/gauges.ts'
import type { FaultLog } from '../relay/guarded-inbox.ts'
import { LocalShard } from '../relay/local-shard.ts'
import { random } from '../relay/relay-config.ts'
import { alignedClock } from '../system/clock.ts'
import { loadAddon } from '../system/native-addon.ts'
import { systemError } from '../system/system-error.ts'
import { GuestMail, GuestRoom } from './guest-mail.ts'
import { Outbox } from './outbox.ts'
import type { HandOverStep, Listening, Start, ToWorker } from './protocol.ts'
import { RemoteGate } from './remote-gate.ts'

/*
 * A worker: one shard, and the thread around it. Everything it has to decide
 * with others it asks of the main thread; everything it shares with them is in
 * memory that all see. A fault that nothing catches ends it, and another takes
 * its place.
 */

assert(parentPort, 'this is a worker and no program')
const port = parentPort
const start = workerData as Start
const { index, memory } = start

const outbox = new Outbox({ post: messages => port.postMessage(messages) })
const gate = new RemoteGate(message => {
  outbox.push(message)
  // The token must be known to the main thread before the client has it.
  if (message.kind === 'confirmed' && message.parked) outbox.flush()
})
const clock = alignedClock(start.clock)
let { settings } = start

const counters = new Counters(new Float64Array(memory.counters))
const room = new GuestRoom(memory.guests)
/** A thousand entries: clients that have moved are few. */
const GUEST_SHARE_BITS = 8
const kept = new KeptSockets(memory.sockets)
const ports = new PortDirectory(start.relays, settings.relay.ports, memory.ports)
const shard = new LocalShard(settings, {
  log: faultLog(),
  clock,
  counters,
  relays: start.relays.filter(relay => relay !== undefined),
  gate,
  record: start.record,
  heard: event => {
    // For the log alone, and only where it is written.
    const detail = event.kind === 'permitted' || event.kind === 'bound'
    if (!detail || settings.log.level === 'debug' || settings.log.level === 'trace') outbox.tell(event)
  },
  shared: {
    number: index + 1,
    shards: start.workers,
    meters: new Meters(memory.meters),
    buckets: gate,
    debts: new GcraTable(memory.debts),
    proofs: new Proofs(memory.proofs),
    ports,
    chargePeers: sharedScans(memory.scans),
    keys: start.keys,
    guests: new GuestMail({
      own: index,
      room,
      now: () => clock.now(),
      shares: new GcraTable(GcraTable.memory(random, GUEST_SHARE_BITS)),
      push: message => outbox.push(message),
      dropped: () => counters.add(Counter.dropBacklog),
    }),
    keepParked: (allocation, parked) => gate.keepParked(allocation, parked),
    lasting: { kept, sockets: memory.sockets, journal: openJournal(memory.journal) },
    crowd: new SharedCrowd(
      memory.crowd,
      index,
      memory.crowdSeed,
      settings.limits.connections,
      settings.limits.connectionsPerAddress,
    ),
    // Its limits come with the web server.
    webCrowd: new SharedCrowd(memory.webCrowd, index, memory.crowdSeed, 0, 0),
  },
})

if (start.held) shard.steps?.hold()
if (start.certificate) shard.setTls(start.certificate)
shard.prove(start.challenges)
if (start.clients) shard.keepOut(start.clients)
shard.ban(start.bans)
const { takeOver } = start
if (takeOver) {
  gate.resume(takeOver.holdings)
  // Listeners first that have an id already, so that nothing else is given it.
  for (const on of start.listening) if (takeOver.listeners.has(on.fd)) listen(on)
}
const taken = await shard.takeOver(takeOver)
shard.slow(start.slowed)
if (takeOver) {
  outbox.push({ kind: 'taken-over', allocations: taken.allocations })
  const held = new Set(taken.allocations.map(({ allocation }) => allocation))
  for (const { allocation } of takeOver.holdings) if (!held.has(allocation)) gate.release(allocation)
}
for (const on of start.listening) if (!takeOver?.listeners.has(on.fd)) listen(on)
if (start.draining) shard.drain(true)
shard.setKernel(start.kernel)
const heart = new Int32Array(memory.heart)
setInterval(() => {
  Atomics.add(heart, 0, 1)
  shard.tick()
  gauge()
}, 1000).unref()
port.on('message', (messages: readonly ToWorker[]) => {
  for (const message of messages) take(message)
  gauge()
})
gauge()
outbox.push({ kind: 'ready' })

function take(message: ToWorker): void {
  switch (message.kind) {
    case 'listen':
      listen(message.on)
      return
    case 'admitted':
      gate.admitted(message.allocation, message.meters, message.parked)
      return
    case 'refused':
      gate.refused(message.allocation, message)
      return
    case 'configure':
      settings = message.settings
      gate.setMeters(message.meters)
      ports.setPlaces(message.relays)
      shard.configure(
        settings,
        message.relays.filter(relay => relay !== undefined),
      )
      return
    case 'slow':
      gate.setMeters(message.meters)
      shard.slow(message.slowed)
      return
    case 'certificate':
      shard.setTls(message.options)
      return
    case 'prove':
      shard.prove(message.challenges)
      return
    case 'read':
      void shard.read().then(([values]) => outbox.push({ kind: 'readings', values }))
      return
    case 'judge':
      void shard.judged().then(() => outbox.push({ kind: 'judged', number: message.number }))
      return
    case 'revoke':
      shard.revoke(message.allocation)
      return
    case 'guest':
      room.arrived(index, message.message)
      shard.takeGuest(message.by, message.message)
      return
    case 'gone':
      shard.shardGone(message.worker)
      return
    case 'replaced':
      shard.shardReplaced(message.worker)
      return
    case 'clients':
      shard.keepOut(message.rules)
      return
    case 'bans':
      shard.ban(message.changes)
      return
    case 'kernel':
      shard.setKernel(message.maps)
      return
    case 'drain':
      shard.drain(message.on)
      return
    case 'step':
      void step(message)
      return
    case 'resume':
      gate.resume(message.holdings)
      return
    case 'stop':
      shard.closeAllocations()
      shard.closeSockets()
      gauge()
      outbox.flush()
      shard.closed(() => {
        gauge()
        port.close()
        setImmediate(() => process.exit(0))
      })
      return
  }
}

/** Reads a listener that the main thread has bound. */
function listen({ listener, fd, socket: given }: Listening): void {
  if (listener.transport === 'udp') {
    const socket = takeOver?.listeners.get(fd)
    const own = socket === undefined ? undefined : kept.descriptor(socket)
    const adopted =
      own === undefined
        ? shard.listeners.adopt(listener.address, duplicate(fd), given)
        : shard.listeners.adopt(listener.address, own, socket)
    void adopted.then(socket => outbox.push({ kind: 'listening', fd, socket }))
    return
  }
  const taken = (error: Error | null) => {
    if (error) throw error
  }
  shard.listen(listener, taken, { fd: duplicate(fd) })
}

/** A step of a hand-over. The others wait for the answer, so it leaves at once. */
async function step({ number, step, of }: HandOverStep & { readonly number: number }): Promise<void> {
  try {
    const { steps } = shard
    assert(steps, 'a worker has the native transport')
    const run = steps[step] as (...of: readonly unknown[]) => unknown
    outbox.push({ kind: 'stepped', number, value: await run.apply(steps, of) })
  } catch (error) {
    outbox.push({ kind: 'stepped', number, error: (error as Error).message })
  }
  gauge()
  outbox.flush()
}

/** Each worker maps the file itself, as only memory of the process can be passed on. */
function openJournal(at: SharedArrayBuffer | number): SharedJournal {
  if (typeof at !== 'number') return new SharedJournal(at)
  const addon = loadAddon()
  assert(addon.ok, 'a worker has the native transport')
  const mapped = addon.value.mapMemory(at, CHAIN_OCTETS)
  if (!(mapped instanceof ArrayBuffer)) throw systemError(mapped, 'mmap')
  return new SharedJournal(mapped)
}

function gauge(): void {
  writeGauges(memory.gauges, shard.gauges)
}

/** Tells the main thread of faults, the first few in a while. The gauge counts them all. */
function faultLog(): FaultLog {
  const few = new FloodGate()
  return {
    limited: (limit, level, message, fields = () => ({})) => {
      few.sweep(clock.now())
      if (!few.pass(limit, clock.now())) return
      outbox.push({ kind: 'log', limit, level, message, fields: { worker: index, ...fields() } })
    },
  }
}
