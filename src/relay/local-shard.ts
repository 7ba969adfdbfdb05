import { setTimeout as delay } from 'node:timers/promises'
import type { SecureContextOptions } from 'node:tls'
import type { Address } from '../base/address.ts'
import { Counter, Counters } from '../base/counters.ts'
import type { FiveTuple } from '../base/five-tuple.ts'
import type { AllocationId } from '../base/ids.ts'
import { isStream } from '../base/via.ts'
import type { Settings } from '../config/settings.ts'
import { tuplesOf } from '../core/allocation.ts'
import type { Slowed } from '../core/buckets.ts'
import type { Event } from '../core/event.ts'
import type { Relay } from '../core/relay.ts'
import type { MapDescriptors } from '../kernel/kernel-maps.ts'
import type { ResolvedRelayAddress } from '../net/ports/relay-addresses.ts'
import { RelayPorts } from '../net/ports/relay-ports.ts'
import { SocketIds } from '../net/socket-ids.ts'
import { AllSockets } from '../net/sockets.ts'
import type { StreamTransport } from '../net/stream/stream-transport.ts'
import type { AcmeChallenge } from '../net/stream/tls/acme-door.ts'
import { type BanChange, ClientPolicy, type ClientRules } from '../policy/client-policy.ts'
import { Shard } from '../shard/shard.ts'
import { monotonicClock } from '../system/clock.ts'
import type { Gauges } from './gauges.ts'
import { GuardedInbox } from './guarded-inbox.ts'
import type { GuestMessage, GuestPost } from './guests/guest-message.ts'
import { Guests } from './guests/guests.ts'
import { type HandOver, LocalHandOver } from './hand-over/hand-over.ts'
import { openRehearsal } from './hand-over/rehearsal.ts'
import { ShardHandOver } from './hand-over/shard-hand-over.ts'
import type { KernelRelaying } from './kernel/kernel-relaying.ts'
import type { ListenerPlan } from './listening/listeners.ts'
import { ShardListeners } from './listening/shard-listeners.ts'
import { openStreams, setFront } from './listening/streams.ts'
import { type OpenedUdp, openUdp } from './listening/udp.ts'
import { MemoryWatch } from './memory-watch.ts'
import type { RecordingFile } from './recording-file.ts'
import { ShardAllocations } from './shard-allocations.ts'
import { openCore } from './shard-core.ts'
import { ShardEnvironment } from './shard-environment.ts'
import type { LocalShardParts } from './shard-parts.ts'
import type { Shards } from './shards.ts'
import { JournalFigures } from './succession/figures.ts'
import type { Inheritance, KeptAllocations } from './succession/lasting.ts'
import { Succession } from './succession/succession.ts'
import { RealWorld } from './world.ts'

/** Milliseconds between two looks at whether everything has been judged. */
const JUDGING = 2
/** Looks after which a shard that judges nothing any more, as it has been closed, is waited for no longer. */
const JUDGED = 2500

/**
 * One shard and the transports under it, in the thread that makes it: the
 * core, the route table and the sockets, put together from the settings.
 */
export class LocalShard implements Shards {
  readonly missing = 0
  readonly counters: Counters
  readonly #parts: LocalShardParts
  readonly #ids = new SocketIds()
  readonly #inbox: GuardedInbox
  readonly #guests: Guests | undefined
  readonly #sockets: AllSockets
  readonly #udp: OpenedUdp
  readonly #streams: StreamTransport
  readonly #ports: RelayPorts
  readonly #environment: ShardEnvironment
  readonly #shard: Shard
  readonly #allocations: ShardAllocations
  readonly #kernel: KernelRelaying | undefined
  readonly #succession: Succession | undefined
  readonly #figures: JournalFigures | undefined
  readonly #memory: MemoryWatch
  readonly #recording: RecordingFile | undefined
  readonly listeners: ShardListeners
  /** Its own part of a hand-over. Undefined with node:dgram, which gives no sockets away. */
  readonly steps: ShardHandOver | undefined
  /** Undefined also where there are other shards: then it is for the one who has them all. */
  readonly handOver: HandOver | undefined
  readonly #clients = new ClientPolicy()

  /** Opens the transports; nothing is bound yet. */
  constructor(settings: Settings, parts: LocalShardParts) {
    const { clock = monotonicClock, counters = new Counters(), relays, shared } = parts
    this.counters = counters
    this.#parts = parts
    this.#inbox = new GuardedInbox(parts.log)
    this.#guests = shared && this.#openGuests(shared.guests)
    const inbox = this.#guests?.door ?? this.#inbox
    this.#udp = openUdp(settings, this.#ids, inbox, counters, shared?.lasting.sockets)
    this.#streams = openStreams(settings, {
      ids: this.#ids,
      inbox,
      counters,
      clock,
      crowd: shared?.crowd,
      webCrowd: shared?.webCrowd,
      unserved: event => parts.heard(event),
      between: () => this.#udp.transport.look(),
    })
    this.listeners = new ShardListeners(this.#udp.transport, this.#streams)
    this.#ports = new RelayPorts(
      this.#udp.transport,
      relays,
      settings.relay.ports,
      relay => (shared ? { octets: shared.ports.of(relay), own: shared.number } : undefined),
      shared?.keepParked,
    )
    const { dontFragment } = this.#udp.transport
    const changed = () => this.#judge()
    this.#environment = new ShardEnvironment({ settings, relays, dontFragment, shared, changed })
    const core = openCore({
      parts,
      environment: this.#environment,
      counters,
      clock,
      withKernel: settings.kernel !== 'off',
      boundTo: socket => this.#udp.transport.boundTo(socket),
      settled: (by, route, carried) => this.#inbox.settled(by, route, carried),
    })
    this.#kernel = core.kernel
    this.#recording = core.recording
    let world: RealWorld
    const transports = [this.#udp.transport, this.#streams, ...(this.#guests ? [this.#guests.transport] : [])]
    this.#sockets = new AllSockets(this.#ids, transports, socket => {
      this.#ports.closed(socket)
      world.closed(socket)
    })
    this.#shard = new Shard(core.relay, [core.forwarder], () => {
      world = new RealWorld({
        clock,
        sockets: this.#sockets,
        refer: referral => this.#guests?.door.refer(referral),
        host: (client, on) => this.#host(client, on),
        ports: this.#ports,
        admission: parts.gate,
        inbox: this.#inbox,
        heard: event => this.#heard(event),
        serves: client => this.#isServed(client),
      })
      return world
    })
    this.#inbox.attach(this.#shard)
    if (this.#udp.kind === 'native') this.steps = this.#openHandOver(core.relay, () => world)
    if (this.steps && !shared) this.handOver = new LocalHandOver(this.steps)
    this.#allocations = new ShardAllocations({
      shard: this.#shard,
      inbox: this.#inbox,
      droppedAt: socket => this.#streams.dropped(socket),
    })
    this.#succession =
      shared &&
      new Succession({
        ...shared.lasting,
        shard: this.#shard,
        inbox: this.#inbox,
        ids: this.#ids,
        ports: this.#ports,
        directory: shared.ports,
        number: shared.number,
        guests: this.#guests,
        allocations: this.#allocations,
      })
    const journal = shared?.lasting.journal ?? parts.journal
    this.#figures = journal && new JournalFigures(this.#shard, journal)
    this.#memory = new MemoryWatch(
      parts.log,
      isShort => this.#shard.take({ kind: 'memory', isShort }),
      parts.memory,
    )
  }

  get udp(): OpenedUdp['kind'] {
    return this.#udp.kind
  }

  /** Why UDP is not native although it might have been. */
  get fellBack(): string | undefined {
    return this.#udp.fellBack
  }

  get gauges(): Gauges {
    return {
      sockets: this.#ids.open,
      connections: this.#streams.open - this.#streams.visitors,
      visitors: this.#streams.visitors,
      ports: this.#ports.inUse,
      faults: this.#inbox.faults,
      shortOfMemory: this.#memory.isShort ? 1 : 0,
      kernelRoutes: this.#kernel?.routes ?? 0,
    }
  }

  /** Takes what another shard has to say of a client that one of the two serves for the other. */
  takeGuest(shard: number, message: GuestMessage): void {
    this.#guests?.take(shard, message)
  }

  /** Another shard has gone. */
  shardGone(shard: number): void {
    this.#guests?.gone(shard)
  }

  /**
   * Another shard has taken the place of one that broke, and knows nothing of those of its clients whose allocations
   * are here.
   */
  shardReplaced(shard: number): void {
    const clients = Array.from(this.#shard.openAllocations()).flatMap(tuplesOf)
    this.#guests?.transport.replaced(shard, clients)
  }

  /**
   * Takes over from a shard whose thread broke, where there is something to inherit. To be called before anything is
   * relayed, and after UDP listeners are adopted that the other one had.
   */
  async takeOver(inheritance: Inheritance | undefined): Promise<KeptAllocations> {
    const taken = (await this.#succession?.take(inheritance)) ?? { allocations: [] }
    // The configuration may be another by now than the one that their peers were judged by.
    if (taken.allocations.length > 0)
      this.#shard.take({ kind: 'configure', config: this.#environment.config })
    return taken
  }

  /** Nothing is left to start: the transports were opened when this was made. */
  async start(): Promise<void> {}

  readonly listen: ListenerPlan = (listener, done, bound) => this.listeners.listen(listener, done, bound)

  tryRelay(local: Uint8Array, done: (error: NodeJS.ErrnoException | null) => void): void {
    this.listeners.tryRelay(local, done)
  }

  /** Serves TLS with this certificate from now on. */
  setTls(options: SecureContextOptions): void {
    this.#streams.setTls(options)
  }

  prove(challenges: readonly AcmeChallenge[]): void {
    this.#streams.prove(challenges)
  }

  configure(settings: Settings, relays: readonly ResolvedRelayAddress[]): void {
    this.#streams.setLimits(settings.limits)
    setFront(this.#streams, settings)
    this.#environment.configure(settings, relays)
    // Each of these steps takes a millisecond or two.
    this.look()
    this.#shard.take({ kind: 'configure', config: this.#environment.config })
    this.look()
    const lost = this.#ports.setAddresses(relays)
    if (lost.size > 0) void this.#allocations.endOn(lost).then(() => this.#ports.closeShared(lost))
  }

  async judged(): Promise<void> {
    for (let looks = 0; this.#shard.unjudged > 0 && looks < JUDGED; looks++)
      await delay(JUDGING, undefined, { ref: false })
  }

  keepOut(rules: ClientRules): void {
    this.#clients.configure(rules)
    this.#endUnserved()
  }

  ban(changes: readonly BanChange[]): void {
    this.#clients.change(changes)
    if (changes.some(({ isBanned }) => isBanned)) this.#endUnserved()
  }

  #endUnserved(): void {
    this.#streams.keepOut(this.#clients.isOpen ? undefined : ip => this.#clients.serves(ip))
  }

  #isServed({ ip }: Address): boolean {
    if (this.#clients.serves(ip)) return true
    this.counters.add(Counter.dropClient)
    return false
  }

  slow(slowed: Slowed): void {
    this.#inbox.guard('slow', () => this.#shard.take({ kind: 'slow', slowed }))
  }

  look(): void {
    this.#udp.transport.look()
  }

  setKernel(maps: MapDescriptors | undefined): void {
    this.#kernel?.connect(maps)
  }

  /** Once a second. */
  tick(): void {
    this.#memory.tick(this.#ids.open + this.#streams.open)
    this.#kernel?.poll()
    this.#judge()
    this.#inbox.tick()
    this.#inbox.guard('journal', () => this.#figures?.tick())
  }

  drain(on: boolean): void {
    this.#shard.take({ kind: 'drain', on })
  }

  allocations(): number {
    return this.#allocations.count()
  }

  async read(): Promise<readonly [Float64Array]> {
    return [await this.#allocations.read()]
  }

  revoke(allocation: AllocationId): void {
    this.#allocations.end(allocation, 'revoked')
  }

  /** Ends every allocation; each is told as closed with the reason `stopped`. */
  closeAllocations(): void {
    this.#allocations.endAll('stopped')
    this.#inbox.guard('stop', () => this.#shard.finish())
  }

  closeSockets(): void {
    this.#kernel?.disconnect()
    this.#environment.stop()
    this.#recording?.end()
    this.#streams.stop()
    this.#udp.transport.stop()
  }

  /** Calls `done` when every connection has ended after `closeSockets`. */
  closed(done: () => void): void {
    this.#streams.closed(done)
  }

  /** Ends what leads to addresses that have become this machine's own. */
  #judge(): void {
    this.#environment.judge(config =>
      this.#inbox.guard('routes', () => this.#shard.take({ kind: 'configure', config })),
    )
  }

  #heard(event: Event): void {
    if (event.kind === 'opened' || event.kind === 'closed') {
      const opened = event.kind === 'opened'
      if (opened) this.#memory.grew()
      this.counters.add(opened ? Counter.allocationOpened : Counter.allocationClosed)
      if (isStream(event.via)) this.#streams.keepClient(event.client, opened)
    }
    this.#parts.heard(event)
  }

  /** A connection with an allocation may be silent for as long as that lives. */
  #keep({ address, via }: FiveTuple, on: boolean): void {
    if (isStream(via)) this.#streams.keepClient(address, on)
  }

  #host(client: FiveTuple, on: boolean): void {
    if (this.#guests) this.#guests.host(client, on)
    else this.#keep(client, on)
  }

  #openHandOver(relay: Relay, world: () => RealWorld): ShardHandOver {
    return new ShardHandOver({
      shard: this.#shard,
      udp: this.#udp.transport,
      streams: this.#streams,
      ports: this.#ports,
      gate: this.#parts.gate,
      counters: this.counters,
      listeners: this.listeners.boundUdp,
      reserved: () => world().reserved(),
      takeReserved: ({ socket, owner, client }) => world().takeReserved(socket, owner, client),
      takeDoor: (socket, door) => this.#guests?.transport.resume(socket, door),
      host: client => this.#host(client, true),
      isElsewhere: socket => this.#guests?.transport.owns(socket) ?? false,
      end: allocation => this.#allocations.end(allocation, 'moved'),
      keys: () => relay.keys,
      rehearsal: () => openRehearsal(this.#parts, this.#environment),
    })
  }

  #openGuests(post: GuestPost): Guests {
    return new Guests(this.#ids, {
      inbox: this.#inbox,
      post,
      take: input => this.#inbox.guard('guest', () => this.#shard.take(input)),
      sockets: () => this.#sockets,
      keep: (client, on) => this.#keep(client, on),
    })
  }
}
