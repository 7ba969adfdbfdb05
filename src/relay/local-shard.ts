import type { SecureContextOptions } from 'node:tls'
import { type Address, address } from '../base/address.ts'
import { Counter, Counters } from '../base/counters.ts'
import type { FiveTuple } from '../base/five-tuple.ts'
import type { AllocationId, SocketId } from '../base/ids.ts'
import { Lifetimes } from '../base/lifetimes.ts'
import { type Result, succeeded } from '../base/result.ts'
import type { Clock } from '../base/time.ts'
import { isStream } from '../base/via.ts'
import type { Settings } from '../config/settings.ts'
import type { Listener } from '../config/values/listener.ts'
import type { BucketSource } from '../core/buckets.ts'
import type { Environment, Siblings } from '../core/environment.ts'
import type { Event } from '../core/event.ts'
import type { Proofs } from '../core/proofs.ts'
import { Relay, type RelayKeys } from '../core/relay.ts'
import { KernelForwarder } from '../forward/kernel/kernel-forwarder.ts'
import { RouteTable } from '../forward/route-table.ts'
import { Bpf } from '../kernel/bpf.ts'
import { KernelMaps, type MapDescriptors } from '../kernel/kernel-maps.ts'
import type { GcraTable } from '../limits/gcra-table.ts'
import { Meters } from '../limits/meters.ts'
import type { OwnAddresses } from '../net/kernel/machine.ts'
import { openOwnAddresses } from '../net/kernel/own-addresses.ts'
import type { PortDirectory } from '../net/ports/port-directory.ts'
import type { ResolvedRelayAddress } from '../net/ports/relay-addresses.ts'
import { type KeepParked, RelayPorts } from '../net/ports/relay-ports.ts'
import { SocketIds } from '../net/socket-ids.ts'
import { AllSockets } from '../net/sockets.ts'
import type { Gathering } from '../net/stream/crowd.ts'
import { StreamTransport } from '../net/stream/stream-transport.ts'
import type { BoundSocket } from '../net/transport.ts'
import { type ClientRules, compileClients } from '../policy/client-policy.ts'
import { type HostNames, hostNames } from '../policy/same-host.ts'
import { Recorder } from '../recording/recorder.ts'
import { Shard } from '../shard/shard.ts'
import { monotonicClock, wallTime } from '../system/clock.ts'
import type { MemoryRoom } from '../system/memory-room.ts'
import { DEAR, inSlices } from '../system/slices.ts'
import type { Gate } from './admission.ts'
import type { Gauges } from './gauges.ts'
import { type FaultLog, GuardedInbox } from './guarded-inbox.ts'
import type { GuestMessage, GuestPost } from './guest-message.ts'
import { Guests } from './guests.ts'
import type { ListenerPlan } from './listeners.ts'
import { MemoryWatch } from './memory-watch.ts'
import { ReadingsWriter } from './readings.ts'
import { RecordingFile, type RecordingTo } from './recording-file.ts'
import { authenticator, peerReach, type RelaySurroundings, random, relayConfig } from './relay-config.ts'
import { sealing } from './sealing.ts'
import type { Shards } from './shards.ts'
import { type OpenedUdp, openUdp } from './udp.ts'
import { RealWorld } from './world.ts'

/** The share of the time that may be spent on judging peers anew because routes change. */
const JUDGING = 0.05
/** The share of the kernel's maps that one shard alone has. */
const ALONE = { shard: 0, shards: 1 }
export interface LocalShardParts {
  readonly log: FaultLog
  /** The clock of the whole relay; this process's own by default. */
  readonly clock?: Clock
  /** Where this shard counts; memory of its own by default. */
  readonly counters?: Counters
  readonly relays: readonly ResolvedRelayAddress[]
  readonly gate: Gate
  /** Is told what the relay tells. */
  readonly heard: (event: Event) => void
  /** Where to record what the core is told and what it asks; nowhere by default. */
  readonly record?: RecordingTo | undefined
  /** How full the memory of this thread is; as Node.js and the kernel say by default. */
  readonly memory?: MemoryRoom
  /** What this shard has in common with the others of this relay. */
  readonly shared?: SharedParts
}

export interface SharedParts {
  /** Which of them this is, from 1 on, and how many there are. */
  readonly number: number
  readonly shards: number
  readonly meters: Meters
  readonly buckets: BucketSource
  readonly debts: GcraTable
  readonly proofs: Proofs
  readonly ports: PortDirectory
  readonly keepParked: KeepParked
  readonly chargePeers: Siblings['chargePeers']
  readonly crowd: Gathering
  readonly keys: RelayKeys
  readonly guests: GuestPost
}

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
  readonly #shard: Shard
  readonly #own: OwnAddresses
  readonly #kernel: KernelForwarder | undefined
  readonly #memory: MemoryWatch
  readonly #recording: RecordingFile | undefined
  #settings: Settings
  #relays: readonly ResolvedRelayAddress[]
  #authenticate!: Environment['authenticate']
  #reach!: Environment['reach']
  #host!: HostNames
  #serves: ((ip: Uint8Array) => boolean) | undefined
  /**
   * Whether the kernel's routes have changed since the peers were judged, and
   * from when on they may be judged again.
   */
  #isStale = false
  #judgeAgain = 0

  /** Opens the transports; nothing is bound yet. */
  constructor(settings: Settings, parts: LocalShardParts) {
    const { clock = monotonicClock, counters = new Counters(), relays, shared, record } = parts
    this.counters = counters
    this.#parts = parts
    this.#settings = settings
    this.#relays = relays
    this.#own = openOwnAddresses(() => {
      this.#isStale = true
      this.#rejudge()
    })
    this.#inbox = new GuardedInbox(parts.log)
    this.#guests = shared && this.#openGuests(shared.guests)
    const inbox = this.#guests?.door ?? this.#inbox
    this.#udp = openUdp(settings, this.#ids, inbox, counters)
    this.#streams = new StreamTransport(
      this.#ids,
      inbox,
      counters,
      clock,
      settings.limits,
      shared?.crowd,
      event => this.#parts.heard(event),
      () => this.#udp.transport.look(),
    )
    this.#ports = new RelayPorts(
      this.#udp.transport,
      relays,
      settings.relay.ports,
      relay => (shared ? { octets: shared.ports.of(relay), own: shared.number } : undefined),
      shared?.keepParked,
    )
    const meters = shared?.meters ?? new Meters()
    const lifetimes = new Lifetimes()
    this.#decide()
    const recording = record && openTape(record, parts.log)
    this.#recording = recording?.file
    const relay = new Relay({
      config: relayConfig(settings, this.#surroundings()),
      environment: this.#environment(shared),
      counters,
      meters,
      lifetimes,
      buckets: shared?.buckets,
      keys: shared?.keys,
      debts: shared?.debts,
      proofs: shared?.proofs,
      witness: recording?.witness,
    })
    const table = new RouteTable(counters, meters, lifetimes, random)
    this.#kernel =
      settings.kernel === 'off'
        ? undefined
        : new KernelForwarder({
            behind: table,
            counters,
            meters,
            lifetimes,
            now: () => clock.now(),
            boundTo: socket => this.#udp.transport.boundTo(socket),
            settled: (by, route, carried) => this.#inbox.settled(by, route, carried),
            later: milliseconds => setTimeout(() => this.#kernel?.settle(), milliseconds).unref(),
          })
    let world: RealWorld
    const transports = [this.#udp.transport, this.#streams, ...(this.#guests ? [this.#guests.transport] : [])]
    this.#sockets = new AllSockets(this.#ids, transports, socket => {
      this.#ports.closed(socket)
      world.closed(socket)
    })
    this.#shard = new Shard(relay, [this.#kernel ?? table], () => {
      world = new RealWorld({
        clock,
        sockets: this.#sockets,
        refer: referral => this.#guests?.door.refer(referral),
        host: (client, on) => (this.#guests ? this.#guests.host(client, on) : this.#keep(client, on)),
        ports: this.#ports,
        admission: parts.gate,
        inbox: this.#inbox,
        heard: event => this.#heard(event),
        serves: client => this.#isServed(client),
      })
      return world
    })
    this.#inbox.attach(this.#shard)
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
      connections: this.#streams.open,
      ports: this.#ports.inUse,
      faults: this.#inbox.faults,
      shortOfMemory: this.#memory.isShort ? 1 : 0,
      kernelRoutes: this.#kernel?.size ?? 0,
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

  /** Nothing is left to start: the transports were opened when this was made. */
  async start(): Promise<void> {}

  readonly listen: ListenerPlan = ({ transport, address }, done, fd) => {
    const adopted = fd === undefined ? {} : { fd }
    const local =
      transport === 'udp'
        ? this.#udp.transport.bind({ address, purpose: 'listener', ...adopted }).then(localOf)
        : this.#streams.listen({ address, transport, ...adopted })
    void local.then(result => (result.ok ? done(null, result.value) : done(result.error)))
  }

  /** Binds a relay address once, as a call would: better to learn now than then that it is not there. */
  tryRelay(local: Uint8Array, done: (error: NodeJS.ErrnoException | null) => void): void {
    const { transport } = this.#udp
    void transport.bind({ address: address(local, 0), purpose: 'relay' }).then(result => {
      if (result.ok) transport.close(result.value.socket)
      done(result.ok ? null : result.error)
    })
  }

  /** Serves TLS with this certificate from now on. */
  setTls(options: SecureContextOptions): void {
    this.#streams.setTls(options)
  }

  configure(settings: Settings, relays: readonly ResolvedRelayAddress[]): void {
    this.#settings = settings
    this.#relays = relays
    this.#streams.setLimits(settings.limits)
    this.#decide()
    // Each of these steps takes a millisecond or two.
    this.look()
    this.#shard.take({ kind: 'configure', config: relayConfig(settings, this.#surroundings()) })
    this.look()
    const lost = this.#ports.setAddresses(relays)
    if (lost.size > 0) void this.#endOn(lost)
  }

  keepOut(rules: ClientRules): void {
    this.#serves = compileClients(rules)
    this.#streams.keepOut(this.#serves)
  }

  #isServed({ ip }: Address): boolean {
    if (this.#serves?.(ip) ?? true) return true
    this.counters.add(Counter.dropClient)
    return false
  }

  /** Ends the allocations with one of these sockets, in slices, so that the others do not wait. */
  async #endOn(sockets: ReadonlySet<SocketId>): Promise<void> {
    const ending = [...this.#shard.openAllocations()].filter(({ legs }) =>
      legs.some(({ relay }) => sockets.has(relay.socket)),
    )
    const end = ({ id }: { readonly id: AllocationId }) =>
      this.#inbox.guard('moved', () => this.#shard.take({ kind: 'revoke', allocation: id, reason: 'moved' }))
    await inSlices(ending, end, DEAR)
  }

  look(): void {
    this.#udp.transport.look()
  }

  setKernel(fds: MapDescriptors | undefined): void {
    const bpf = fds && Bpf.open()
    const { shared, clock = monotonicClock } = this.#parts
    const share = shared ? { shard: shared.number - 1, shards: shared.shards } : ALONE
    const maps = bpf && KernelMaps.open(bpf, fds, share, clock)
    this.#kernel?.disconnect()
    if (maps && shared) maps.clear()
    if (maps) this.#kernel?.connect(maps)
  }

  /** Once a second. */
  tick(): void {
    this.#memory.look()
    this.#kernel?.poll()
    this.#rejudge()
    this.#inbox.tick()
  }

  drain(on: boolean): void {
    this.#shard.take({ kind: 'drain', on })
  }

  allocations(): number {
    let count = 0
    for (const _ of this.#shard.allocations()) count++
    return count
  }

  async read(): Promise<readonly [Float64Array]> {
    const readings = new ReadingsWriter()
    await inSlices(this.#shard.openAllocations(), allocation => {
      const { traffic, dropped } = this.#shard.carried(allocation)
      readings.add({
        allocation: allocation.id,
        expires: this.#shard.expires(allocation),
        permissions: allocation.permissions.size,
        channels: allocation.channels,
        traffic,
        dropped: dropped + this.#streams.dropped(allocation.client.socket),
      })
    })
    return [readings.values()]
  }

  revoke(allocation: AllocationId): void {
    this.#inbox.guard('revoke', () => this.#shard.take({ kind: 'revoke', allocation, reason: 'revoked' }))
  }

  /** Ends every allocation; each is told as closed with the reason `stopped`. */
  closeAllocations(): void {
    for (const { id } of [...this.#shard.allocations()]) {
      this.#inbox.guard('stop', () => this.#shard.take({ kind: 'revoke', allocation: id, reason: 'stopped' }))
    }
    this.#inbox.guard('stop', () => this.#shard.finish())
  }

  closeSockets(): void {
    this.#kernel?.disconnect()
    this.#own.stop()
    this.#recording?.end()
    this.#streams.stop()
    this.#udp.transport.stop()
  }

  /** Calls `done` when every connection has ended after `closeSockets`. */
  closed(done: () => void): void {
    this.#streams.closed(done)
  }

  /**
   * Ends what leads to addresses that have become this machine's own. The more
   * there is to judge, the longer until it is judged again, however often the
   * kernel's routes change.
   */
  #rejudge(): void {
    const began = performance.now()
    if (!this.#isStale || began < this.#judgeAgain) return
    this.#isStale = false
    this.#inbox.guard('routes', () =>
      this.#shard.take({ kind: 'configure', config: relayConfig(this.#settings, this.#surroundings()) }),
    )
    const ended = performance.now()
    this.#judgeAgain = ended + (ended - began) / JUDGING
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

  /** What the core asks; what decides may be replaced under it. */
  #environment(shared: SharedParts | undefined): Environment {
    return {
      random,
      wall: wallTime,
      reach: peer => this.#reach(peer),
      authenticate: request => this.#authenticate(request),
      sealing,
      host: {
        wire: peer => this.#host.wire(peer),
        peer: from => this.#host.peer(from),
        isRelayed: ip => this.#host.isRelayed(ip),
        keyFor: peer => this.#host.keyFor(peer),
      },
      ...(shared && {
        siblings: { ...shared.ports.siblings(shared.number), chargePeers: shared.chargePeers },
      }),
    }
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

  /** Makes what decides about users and peers from the settings. */
  #decide(): void {
    this.#authenticate = authenticator(this.#settings)
    this.#reach = peerReach(this.#settings, this.#surroundings())
    const { relays, isOwn, endpoints } = this.#surroundings()
    this.#host = hostNames(relays, isOwn, endpoints)
  }

  #surroundings(): RelaySurroundings {
    const settings = this.#settings
    const { listen } = settings
    // Whatever else we serve is nobody's peer either.
    const pages = [settings.metrics, settings.console, settings.issue].flatMap((page): Listener[] =>
      page ? [{ transport: 'tcp', address: page.listen }] : [],
    )
    return {
      dontFragment: this.#udp.transport.dontFragment,
      isOwn: ip => this.#own.has(ip),
      relays: this.#relays,
      endpoints: [...listen, ...pages].map(listener => listener.address),
    }
  }
}

function openTape(to: RecordingTo, log: FaultLog): { file: RecordingFile; witness: Recorder } {
  const file = new RecordingFile(to, why =>
    log.limited('recording', 'warn', 'the recording has stopped; the relay goes on', () => ({ why })),
  )
  return { file, witness: new Recorder(to, entry => file.take(entry)) }
}

function localOf<E>(result: Result<BoundSocket, E>): Result<Address, E> {
  return result.ok ? succeeded(result.value.local) : result
}
