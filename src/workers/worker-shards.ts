import type { SecureContextOptions } from 'node:tls'
import { type Address, address } from '../base/address.ts'
import { COUNTERS_LENGTH, type CounterReader, CounterSum, Counters } from '../base/counters.ts'
import type { AllocationId, SocketId } from '../base/ids.ts'
import { formatRange, type Range } from '../base/range.ts'
import type { Settings } from '../config/settings.ts'
import type { Listener } from '../config/values/listener.ts'
import { NOBODY_SLOWED, type Slowed } from '../core/buckets.ts'
import type { Event, RejectReason } from '../core/event.ts'
import { TICKET_KEY } from '../core/mobility/tickets.ts'
import { scansMemory } from '../core/peers/scans.ts'
import type { RelayKeys } from '../core/relay.ts'
import { Proofs } from '../core/trust/proofs.ts'
import { SharedJournal } from '../journal/journal.ts'
import type { MapDescriptors } from '../kernel/kernel-maps.ts'
import { GcraTable } from '../limits/gcra-table.ts'
import { Meters } from '../limits/meters.ts'
import type { Log } from '../log/log.ts'
import { releaseSocket } from '../net/ports/parked-port.ts'
import { PortDirectory } from '../net/ports/port-directory.ts'
import type { ResolvedRelayAddress } from '../net/ports/relay-addresses.ts'
import { CROWD_SEED, SharedCrowd } from '../net/stream/shared-crowd.ts'
import type { AcmeChallenge } from '../net/stream/tls/acme-door.ts'
import { KeptSockets } from '../net/udp/kept-sockets.ts'
import { inheritedGroup, type ListenerGroup, openGroup } from '../net/udp/native-group.ts'
import type { BanChange, ClientRules } from '../policy/client-policy.ts'
import type { Admission } from '../relay/admission.ts'
import { GAUGES_OCTETS, type Gauges, readGauges, sumGauges } from '../relay/gauges.ts'
import type { GuestMessage } from '../relay/guests/guest-message.ts'
import type { ListenerPlan } from '../relay/listening/listeners.ts'
import { MemoryWatch } from '../relay/memory-watch.ts'
import type { RecordingTo } from '../relay/recording-file.ts'
import { random } from '../relay/relay-config.ts'
import type { Shards } from '../relay/shards.ts'
import { StartError } from '../relay/start-error.ts'
import { monotonicClock, readClock } from '../system/clock.ts'
import { NOT_OPEN } from '../system/descriptors.ts'
import { GuestRoom } from './guest-mail.ts'
import type { Start, ToWorker } from './protocol.ts'
import { ShardBook } from './shard-book.ts'
import { type Spawn, spawnThread } from './spawn.ts'
import { WorkerSlot, type WorkerSlotParts } from './worker-slot.ts'
import { WorkersHandOver } from './workers-hand-over.ts'

/** Token buckets that there can be: users with a bit rate who call at one moment, homeservers, and the total. */
const BUCKETS = 1 << 17
/** Milliseconds that workers have to stop. */
const PATIENCE = 3000

/** A journal in a file in memory, which threads map by its descriptor. */
export interface JournalPlace {
  readonly fd: number
  readonly journal: SharedJournal
}

export interface WorkerShardsParts {
  readonly size: number
  readonly log: Log
  readonly relays: readonly ResolvedRelayAddress[]
  readonly admission: Admission
  readonly heard: (event: Event) => void
  readonly rejected: (why: RejectReason, count: number) => void
  /** Where each worker records, if they do. */
  readonly recordings?: readonly RecordingTo[]
  /** Where each worker keeps what another process has to know, if anybody keeps that. */
  readonly journals?: readonly JournalPlace[] | undefined
  readonly spawn?: Spawn
  readonly openGroup?: typeof openGroup
}

type Group = Pick<ListenerGroup, 'local' | 'at' | 'close'>

/**
 * Several shards, each in a worker thread with sockets, table and core of
 * its own. This thread owns the listening sockets, of which every worker reads
 * its own (SO_REUSEPORT), and the books; it relays nothing.
 *
 * A worker that breaks is replaced by one that adopts the same sockets, those
 * of its calls included, and takes the calls over. To those of the other workers
 * nothing happens, as the kernel sends each client where it always did.
 */
export class WorkerShards implements Shards {
  readonly udp = 'native'
  readonly fellBack = undefined
  readonly handOver: WorkersHandOver
  readonly counters: CounterReader
  readonly listen: ListenerPlan
  readonly #parts: WorkerShardsParts
  readonly #slots: readonly WorkerSlot[]
  readonly #groups: { readonly listener: Listener; readonly group: Group }[] = []
  readonly #book: ShardBook
  readonly #room: GuestRoom
  readonly #ports: PortDirectory
  /** Of the main thread, which holds the books; each worker looks at its own. */
  readonly #memory: MemoryWatch
  #settings: Settings
  #tls: Pick<Start, 'certificate' | 'challenges'> = { certificate: undefined, challenges: [] }
  #draining = false
  #clients: ClientRules | undefined
  /** As a worker that starts has to know them. */
  readonly #banned = new Map<string, Range>()
  #slowed = NOBODY_SLOWED
  #kernel: MapDescriptors | undefined
  #closing = false
  #closed: (() => void) | undefined

  constructor(settings: Settings, parts: WorkerShardsParts) {
    const { size, log, relays, heard, rejected } = parts
    this.#parts = parts
    this.#settings = settings
    this.#memory = new MemoryWatch(log, isShort => {
      parts.admission.isShortOfMemory = isShort
    })
    this.listen = (listener, done, bound) => this.#listen(listener, done, bound)

    const ports = new PortDirectory(relays, settings.relay.ports)
    this.#ports = ports
    const clock = readClock()
    const buckets = new SharedArrayBuffer(Meters.bytes(BUCKETS))
    const meters = new Meters(buckets)
    const crowd = new SharedArrayBuffer(SharedCrowd.octets(size))
    const webCrowd = new SharedArrayBuffer(SharedCrowd.octets(size))
    const crowdSeed = drawn(CROWD_SEED)
    const debts = GcraTable.memory(random)
    const proofs = Proofs.memory()
    const scans = scansMemory(random)
    const guests = GuestRoom.memory(size)
    this.#room = new GuestRoom(guests)
    const keys = { nonces: new Uint8Array(32), tickets: new Uint8Array(TICKET_KEY) }
    for (const key of Object.values(keys)) random(Buffer.from(key.buffer))
    this.#book = openBook(settings, parts, meters, ports)

    this.#slots = Array.from({ length: size }, (_, index) => {
      const { journal, served } = journalOf(parts.journals?.[index])
      const memory = {
        counters: new SharedArrayBuffer(COUNTERS_LENGTH * 8),
        gauges: new SharedArrayBuffer(GAUGES_OCTETS),
        heart: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
        sockets: KeptSockets.memory(),
        journal,
        meters: buckets,
        ports: ports.memory,
        crowd,
        webCrowd,
        crowdSeed: Uint8Array.from(crowdSeed),
        debts,
        proofs,
        scans,
        guests,
      }
      const broke = () => {
        for (const connections of [crowd, webCrowd]) SharedCrowd.clear(connections, index)
        this.#room.clear(index)
      }
      return new WorkerSlot(index, {
        log,
        memory,
        served,
        spawn: parts.spawn ?? spawnThread,
        start: (): Start => ({
          index,
          settings: this.#settings,
          relays: ports.places,
          listening: this.#groups.map(({ listener, group }) => ({ listener, fd: group.at(index) })),
          ...this.#tls,
          draining: this.#draining,
          held: this.handOver.isHeld,
          ...this.#keptOut(),
          slowed: this.#slowed,
          kernel: this.#kernel,
          workers: size,
          record: parts.recordings?.[index],
          clock,
          keys,
          memory,
        }),
        pass: (from, to, message) => this.#pass(from, to, message),
        heard,
        rejected,
        book: this.#book,
        broke,
        replaced: () => this.#postOthers(index, { kind: 'replaced', worker: index }),
        gone: () => {
          ports.clear(index + 1)
          broke()
          this.#postOthers(index, { kind: 'gone', worker: index })
          if (this.#closing) this.#left()
        },
      })
    })
    this.handOver = this.#openHandOver(keys)
    this.counters = new CounterSum(
      this.#slots.map(slot => new Counters(new Float64Array(slot.memory.counters))),
    )
  }

  get gauges(): Gauges {
    const sum = sumGauges(this.#slots.map(slot => readGauges(slot.memory.gauges)))
    return this.#memory.isShort ? { ...sum, shortOfMemory: sum.shortOfMemory + 1 } : sum
  }

  get missing(): number {
    return this.#slots.filter(slot => !slot.ready).length
  }

  async start(): Promise<void> {
    await Promise.all(this.#slots.map(slot => slot.open()))
  }

  tryRelay(local: Uint8Array, done: (error: NodeJS.ErrnoException | null) => void): void {
    try {
      this.#openGroup({ transport: 'udp', address: address(local, 0) }, 0).close()
      done(null)
    } catch (error) {
      done(error as NodeJS.ErrnoException)
    }
  }

  setTls(options: SecureContextOptions): void {
    this.#tls = { ...this.#tls, certificate: options }
    for (const slot of this.#slots) slot.post({ kind: 'certificate', options })
  }

  prove(challenges: readonly AcmeChallenge[]): void {
    this.#tls = { ...this.#tls, challenges }
    for (const slot of this.#slots) slot.post({ kind: 'prove', challenges })
  }

  configure(settings: Settings, relays: readonly ResolvedRelayAddress[]): void {
    const places = this.#ports.place(relays)
    this.#settings = settings
    const meters = this.#book.configure(settings)
    for (const [index, slot] of this.#slots.entries()) {
      slot.post({ kind: 'configure', settings, relays: places, meters: meters[index]! })
    }
  }

  /** Nothing is relayed in this thread. */
  look(): void {}

  /** Checks that workers' clocks still agree with ours, and that there is memory for more calls. */
  tick(): void {
    const { sockets, connections } = this.gauges
    this.#memory.tick(sockets + connections)
    for (const slot of this.#slots) slot.tick()
    for (const event of this.#book.tick()) this.#parts.heard(event)
  }

  keepOut(rules: ClientRules): void {
    this.#clients = rules
    for (const slot of this.#slots) slot.post({ kind: 'clients', rules })
  }

  ban(changes: readonly BanChange[]): void {
    for (const { range, isBanned } of changes) {
      if (isBanned) this.#banned.set(formatRange(range), range)
      else this.#banned.delete(formatRange(range))
    }
    for (const slot of this.#slots) slot.post({ kind: 'bans', changes })
  }

  #keptOut(): Pick<Start, 'clients' | 'bans'> {
    const bans = Array.from(this.#banned.values(), range => ({ range, isBanned: true }))
    return { clients: this.#clients, bans }
  }

  slow(slowed: Slowed): void {
    this.#slowed = slowed
    const meters = this.#book.slow(slowed)
    for (const [index, slot] of this.#slots.entries())
      slot.post({ kind: 'slow', slowed, meters: meters[index]! })
  }

  setKernel(maps: MapDescriptors | undefined): void {
    this.#kernel = maps
    for (const slot of this.#slots) slot.post({ kind: 'kernel', maps })
  }

  drain(on: boolean): void {
    this.#draining = on
    for (const slot of this.#slots) slot.post({ kind: 'drain', on })
  }

  allocations(): number {
    return this.#book.allocations
  }

  async judged(): Promise<void> {
    await Promise.all(this.#slots.map(slot => slot.judged()))
  }

  read(): Promise<readonly Float64Array[]> {
    return Promise.all(this.#slots.map(slot => slot.read()))
  }

  revoke(allocation: AllocationId): void {
    const shard = this.#book.shardOf(allocation)
    if (shard !== undefined) this.#slots[shard]?.post({ kind: 'revoke', allocation })
  }

  /** Nothing yet: workers end their allocations when they close. */
  closeAllocations(): void {}

  closeSockets(): void {
    if (this.#closing) return
    this.#closing = true
    for (const slot of this.#slots) slot.close()
    for (const { group } of this.#groups) group.close()
    this.#book.close()
    setTimeout(() => {
      for (const slot of this.#slots) slot.terminate()
    }, PATIENCE).unref()
  }

  closed(done: () => void): void {
    this.#closed = done
    this.#left()
  }

  #pass(from: number, to: Parameters<WorkerSlotParts['pass']>[1], message: GuestMessage): void {
    const room = this.#room
    const passed = { kind: 'guest', by: from, message } as const
    room.passed(from, message)
    if (to === 'all') {
      this.#postOthers(from, passed)
      return
    }
    // An allocation that nobody has is for the one who asks to deny.
    const worker = 'worker' in to ? to.worker : (this.#book.shardOf(to.allocation) ?? from)
    // Whom a ticket leads to is known here only; its client asks again.
    if ('allocation' in to && !room.hasRoomAt(worker)) return
    const slot = this.#slots[worker]
    if (!slot?.alive) return
    room.posted(worker, message)
    slot.post(passed)
  }

  #postOthers(but: number, message: ToWorker): void {
    for (const [index, slot] of this.#slots.entries()) if (index !== but) slot.post(message)
  }

  #left(): void {
    if (!this.#closed || this.#slots.some(slot => slot.alive)) return
    const done = this.#closed
    this.#closed = undefined
    done()
  }

  #listen(...[listener, done, bound]: Parameters<ListenerPlan>): void {
    let group: Group
    try {
      group =
        bound && bound.fd !== NOT_OPEN
          ? inheritedGroup(listener.address, bound.group?.map(({ fd }) => fd) ?? [bound.fd])
          : this.#openGroup(listener, this.#slots.length)
    } catch (error) {
      done(error as NodeJS.ErrnoException)
      return
    }
    this.#groups.push({ listener, group })
    for (const [index, slot] of this.#slots.entries()) {
      const on = { listener, fd: group.at(index), socket: bound?.group?.[index]?.socket }
      slot.post({ kind: 'listen', on })
    }
    done(null, group.local)
  }

  #openHandOver(keys: RelayKeys): WorkersHandOver {
    return new WorkersHandOver({
      slots: this.#slots,
      book: this.#book,
      keys,
      ports: this.#ports,
      closeListeners: () => {
        for (const { group } of this.#groups.splice(0)) group.close()
      },
      openGroup: listener => this.#openGroup(listener, this.#slots.length),
      listenersOf: index => this.#listenersOf(index),
    })
  }

  #listenersOf(index: number): ReadonlyMap<SocketId, Address> | undefined {
    const listeners = new Map<SocketId, Address>()
    for (const { listener, group } of this.#groups) {
      if (listener.transport !== 'udp') continue
      const socket = this.#slots[index]!.listener(group.at(index))
      if (socket === undefined) return undefined
      listeners.set(socket, group.local)
    }
    return listeners
  }

  #openGroup({ transport, address }: Listener, size: number): ListenerGroup {
    const open = this.#parts.openGroup ?? openGroup
    const group = open(address, size, transport === 'udp' ? 'udp' : 'tcp')
    if (!group.ok) throw new StartError({ key: 'start.worker', values: { why: group.error } })
    return group.value
  }
}

function openBook(
  settings: Settings,
  { size, admission }: WorkerShardsParts,
  meters: Meters,
  ports: PortDirectory,
): ShardBook {
  return new ShardBook(settings, {
    shards: size,
    admission,
    meters,
    clock: monotonicClock,
    adopted: ({ fd }) => releaseSocket(fd),
    freed: ({ fd, local }) => {
      releaseSocket(fd)
      ports.unpark(local)
    },
  })
}

/** Where a worker keeps its journal, and whose input it was handling according to that. */
function journalOf(place: JournalPlace | undefined) {
  if (place) return { journal: place.fd, served: () => place.journal.served }
  const journal = SharedJournal.memory()
  return { journal, served: () => SharedJournal.served(journal) }
}

function drawn(octets: number): Buffer {
  const seed = Buffer.alloc(octets)
  random(seed)
  return seed
}
