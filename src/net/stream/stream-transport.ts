import { Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import { type Address, address, parseIp } from '../../base/address.ts'
import { type Batch, SEND } from '../../base/batch.ts'
import { Counter, type Counters, counterEntries, UNSERVED_COUNTERS } from '../../base/counters.ts'
import type { SocketId } from '../../base/ids.ts'
import type { Result } from '../../base/result.ts'
import { after, type Clock } from '../../base/time.ts'
import type { Event, UnservedReason } from '../../core/event.ts'
import { descriptors } from '../../system/descriptors.ts'
import { DEAR, inSlices } from '../../system/slices.ts'
import { descriptorOf } from '../../system/socket-handle.ts'
import { demultiplex } from '../../wire/channel.ts'
import type { SocketIds } from '../socket-ids.ts'
import type { NetInbox, Transport } from '../transport.ts'
import { duplicate } from '../udp/native-group.ts'
import type { AcmeChallenge } from './acme-door.ts'
import { NEVER, StreamConnection } from './connection.ts'
import { Crowd, type Gathering } from './crowd.ts'
import { FirstOctets } from './first-octets.ts'
import { FrameBatches } from './frame-batches.ts'
import { MAX_FRAME, MAX_STRANGERS_FRAME } from './frame-reader.ts'
import type { GivenConnection, GivenListener } from './given.ts'
import { StreamConnections } from './stream-connections.ts'
import { StreamListeners, type StreamListenOptions, type StreamPort } from './stream-listeners.ts'
import { BROKEN_OFF, nameForeign, PROXY_SOURCE, TOO_SLOW, type Unserved } from './unserved.ts'
import type { WebServer } from './web-door.ts'

type UnservedEvent = Extract<Event, { kind: 'unserved' }>

const UNSERVED = Object.fromEntries(
  counterEntries(UNSERVED_COUNTERS).map(([name, why]) => [why, Counter[name]]),
) as Record<UnservedReason, number>

/** Seconds for the handshake, and again for the first octet. */
const FIRST_WORDS = 10
/** Seconds that a connection may live without an allocation. */
const TO_ALLOCATE = 60
/** Seconds that the last octets have to leave. */
const LAST_WORDS = 10
const SWEEP = 1000
/** Connections that are ended in one turn because their time is up. */
const SWEPT_AT_ONCE = 32
/** Reads after which others have their turn, and what other events cost in reads. A handshake is a signature. */
const BREATH = 8
const [ACCEPTING, ENDING, HANDSHAKE] = [1, 1, BREATH]
/** Milliseconds that clients have to hang up too when the server stops. */
const FAREWELL = 500

export interface StreamLimits {
  readonly connections: number
  readonly connectionsPerAddress: number
}

export interface StreamTransportParts {
  readonly ids: SocketIds
  readonly inbox: NetInbox
  readonly counters: Counters
  readonly clock: Clock
  readonly limits: StreamLimits
  /** Counts connections; a count of its own unless several transports share one. */
  readonly crowd?: Gathering | undefined
  /** The same for visitors of the web server. */
  readonly webCrowd?: Gathering | undefined
  /** Is told of connections that end before STUN begins. */
  readonly unserved?: (event: UnservedEvent) => void
  /** Called while events of many connections are worked through, so that others are not kept waiting. */
  readonly between?: () => void
}

/**
 * TCP and TLS clients. A connection is a socket of the shard from its first
 * octet (over TLS, from the end of the handshake), a frame is a slot of a
 * batch, and the frames of one read come in one batch.
 *
 * Strangers may hold a connection for a while, but not for ever: ten seconds
 * to say something, a minute to allocate. Where there is no room left, the
 * oldest of them goes for a newcomer, so nobody is kept out by connections
 * that only wait. `keepClient` is how the server says that
 * an allocation lives on it.
 */
export class StreamTransport implements Transport {
  readonly #parts: StreamTransportParts
  readonly #crowd: Gathering
  readonly #connections: StreamConnections
  readonly #listeners: StreamListeners
  readonly #firstOctets: FirstOctets
  readonly #frames: FrameBatches
  readonly #sweeper: NodeJS.Timeout
  #serves: ((ip: Uint8Array) => boolean) | undefined
  #isProxy: (ip: Uint8Array) => boolean = () => false
  #byId: (StreamConnection | undefined)[] = []
  #gathering: StreamConnection[] = []
  #sweepOn: NodeJS.Immediate | undefined
  #worked = 0
  #stopping = false
  #paused = false
  #left: () => void = () => {}

  constructor(parts: StreamTransportParts) {
    const { inbox, counters, limits } = parts
    this.#parts = parts
    this.#crowd = parts.crowd ?? new Crowd(limits.connections, limits.connectionsPerAddress)
    this.#connections = new StreamConnections(this.#crowd)
    this.#frames = new FrameBatches(batch => inbox.received(batch))
    this.#listeners = new StreamListeners({
      accept: (raw, port) => this.#accept(raw, port),
      refused: () => counters.add(Counter.streamRefused),
    })
    this.#firstOctets = new FirstOctets(
      {
        ready: (connection, socket, via, chunk) => this.#ready(connection, socket, via, chunk),
        refuse: (connection, unserved) => this.#refuse(connection, unserved),
        announced: (connection, client) => this.#announced(connection, client),
        answered: (connection, socket, last) => this.#answered(connection, socket, last),
        breathe: () => this.#breathe(HANDSHAKE),
      },
      {
        counters,
        clock: parts.clock,
        crowd: parts.webCrowd,
        leaves: connection => this.#connections.release(connection),
        turnAway: (connection, unserved) => this.#turnAway(connection, unserved),
        breathe: () => this.#breathe(1),
      },
    )
    this.#sweeper = setInterval(() => this.sweep(), SWEEP).unref()
  }

  /** Serves TLS with this certificate from now on; connections that are open keep theirs. */
  setTls(options: SecureContextOptions): void {
    this.#firstOctets.setTls(options)
  }

  /** Answers authorities that look whether a name is ours by these challenges from now on. */
  prove(challenges: readonly AcmeChallenge[]): void {
    this.#firstOctets.prove(challenges)
  }

  /**
   * Takes PROXY headers from these addresses only, and passes on what is not
   * meant for the relay to this server.
   */
  setFront(isProxy: (ip: Uint8Array) => boolean, web: WebServer | undefined): void {
    this.#isProxy = isProxy
    this.#firstOctets.setWebServer(web)
  }

  setLimits(limits: StreamLimits): void {
    this.#crowd.limit(limits.connections, limits.connectionsPerAddress)
  }

  /** Takes no connection from addresses that are not served, and ends those there are. */
  keepOut(serves: ((ip: Uint8Array) => boolean) | undefined): void {
    this.#serves = serves
    if (serves) void this.#endUnserved(serves)
  }

  /** In slices; who connects meanwhile is judged by then. */
  #endUnserved(serves: (ip: Uint8Array) => boolean): Promise<void> {
    const judge = (connection: StreamConnection) => {
      if (!serves(connection.remote.ip)) connection.destroy()
    }
    return inSlices(this.#connections, judge, DEAR)
  }

  /** Listens, or says why the address is not available. */
  listen(listen: StreamListenOptions): Promise<Result<Address, NodeJS.ErrnoException>> {
    return this.#listeners.listen(listen)
  }

  /**
   * Says that an allocation of this client lives, or no longer does. By
   * address, as that is how events name a client; its connections to two of
   * our ports from one port of its own share the fate.
   */
  keepClient(client: Address, on: boolean): void {
    for (const connection of this.#connections.from(client)) {
      if (connection.state.kind !== 'turn') continue
      connection.deadline = on ? NEVER : after(this.#parts.clock.now(), TO_ALLOCATE)
      connection.reader.longest = on ? MAX_FRAME : MAX_STRANGERS_FRAME
      this.#connections.setStranger(connection, !on)
    }
  }

  send(batch: Batch): void {
    for (let i = 0; i < batch.count; i++) {
      if (batch.verdict[i] !== SEND) continue
      const connection = this.#byId[batch.socket[i]!]
      if (connection) this.#gather(connection, batch.bytes, batch.start[i]!, batch.length[i]!)
    }
  }

  sendOne(socket: SocketId, _to: Address, bytes: Buffer): void {
    const connection = this.#byId[socket]
    if (connection) this.#gather(connection, bytes, 0, bytes.length)
  }

  owns(socket: SocketId): boolean {
    return this.#byId[socket] !== undefined
  }

  /** Hangs up on a client once it has what was sent. The shard is not told: it knows. */
  close(socket: SocketId): void {
    const connection = this.#byId[socket]
    if (!connection) return
    this.#forget(socket)
    connection.ending(after(this.#parts.clock.now(), LAST_WORDS))
    this.#connections.setStranger(connection, true)
    connection.end()
  }

  /**
   * Closes listeners and hangs up on everybody; nothing is received afterwards.
   * Clients that are still sending get a moment to hear of it: the kernel answers
   * what comes to a closed connection with a reset, which takes back what the
   * client has not read yet. `closed` tells when all have gone.
   */
  stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    clearInterval(this.#sweeper)
    clearImmediate(this.#sweepOn)
    this.#listeners.stop()
    for (const connection of this.#connections) {
      if (connection.state.kind === 'turn') {
        this.#forget(connection.state.id)
        connection.ending(NEVER)
        connection.hangUp()
      } else connection.destroy()
    }
    setTimeout(() => {
      for (const { raw } of this.#connections) raw.destroy()
    }, FAREWELL).unref()
  }

  /** Calls `done` when no connection is left after `stop`. */
  closed(done: () => void): void {
    this.#left = done
    if (this.#connections.size > 0) return
    this.#left = () => {}
    done()
  }

  /** Reads from connections no more, or again; what comes waits in their sockets. */
  pause(on: boolean): void {
    this.#paused = on
    this.#flush()
    for (const connection of this.#connections) connection.pause(on)
  }

  /** Lets go of what listens; see `StreamListeners.give`. */
  giveListeners(): GivenListener[] {
    return this.#listeners.give()
  }

  /**
   * Lets go of plain TCP connections; only while paused. The shard is not told,
   * and their ids stay taken as in `UdpTransport.give`.
   */
  giveConnections(): GivenConnection[] {
    const given: GivenConnection[] = []
    for (const connection of [...this.#connections]) {
      const fd = isPlain(connection) ? descriptorOf(connection.raw) : undefined
      if (fd === undefined) continue
      const { state, remote, port, dropped } = connection
      const id = state.kind === 'turn' ? { id: state.id } : {}
      // Before the connection lets go of its own.
      const own = duplicate(fd)
      given.push({ fd: own, remote, ...id, tlsOnly: port.tlsOnly, ...connection.give(), dropped })
      this.#connections.remove(connection)
      if (state.kind === 'turn') this.#byId[state.id] = undefined
    }
    return given
  }

  /** Takes a connection over that was given away. It is read when the transport is no longer paused. */
  adopt(given: GivenConnection): void {
    const { fd, remote, id, tlsOnly } = given
    const raw = new Socket({ fd, readable: true, writable: true })
    raw.on('error', ignore)
    const port = { tlsOnly, proxy: false, web: false }
    const connection = this.#attend(raw, remote, port, this.#connections.enterUnasked(remote))
    connection.dropped = given.dropped
    if (id === undefined) this.#firstOctets.await(connection, port)
    else {
      this.#ready(connection, raw, 'tcp', undefined)
      this.#parts.ids.take(this, 'tcp', id)
      this.#byId[id] = connection
      connection.serve('tcp', id, after(this.#parts.clock.now(), TO_ALLOCATE))
    }
    connection.resume(given)
    // A listener makes a stream flow.
    if (this.#paused) connection.pause(true)
  }

  /** Hangs up on everybody who has no allocation. */
  dismissStrangers(): void {
    for (const connection of [...this.#connections.strangers]) {
      if (connection.state.kind === 'turn') connection.hangUp()
      else connection.raw.destroy()
    }
  }

  /** Frames that a client did not get since it reads too slowly. */
  dropped(socket: SocketId): number {
    return this.#byId[socket]?.dropped ?? 0
  }

  /** Connections that are open, of clients and of visitors of the web server. */
  get open(): number {
    return this.#connections.size
  }

  /** Those of visitors. */
  get visitors(): number {
    return this.#firstOctets.visitors
  }

  /** Closes connections whose time is up, a few in each turn; called by itself once a second. */
  sweep(): void {
    const now = this.#parts.clock.now()
    let left = SWEPT_AT_ONCE
    for (const connection of this.#connections) {
      if (now < connection.deadline || connection.raw.destroyed) continue
      if (left-- === 0) {
        this.#sweepOn ??= setImmediate(() => {
          this.#sweepOn = undefined
          this.sweep()
        })
        return
      }
      connection.blame(TOO_SLOW)
      connection.destroy()
    }
  }

  /**
   * Lets datagrams be relayed between the events of many connections, which Node
   * hands over all in one turn: a thousand that hang up in the same moment are
   * fifty milliseconds. `weight` is what this event costs, in times of a read.
   */
  #breathe(weight: number): void {
    this.#worked += weight
    if (this.#worked < BREATH) return
    this.#worked = 0
    this.#parts.between?.()
  }

  /** Of all that a hang-up is made of, each step comes for all connections before the next. */
  #breatheAtEnd(socket: Socket): void {
    for (const step of ['end', 'finish']) socket.once(step, () => this.#breathe(ENDING))
  }

  #accept(raw: Socket, port: StreamPort): void {
    this.#breathe(ACCEPTING)
    raw.on('error', ignore)
    const ip = parseIp(raw.remoteAddress ?? '')
    if (!ip || raw.remotePort === undefined) {
      raw.destroy()
      return
    }
    const remote = address(ip, raw.remotePort)
    if (port.proxy && !this.#isProxy(ip)) {
      this.#tell(remote, PROXY_SOURCE)
      raw.destroy()
      return
    }
    if (!port.proxy && !this.#isServed(ip)) {
      raw.destroy()
      return
    }
    if (!descriptors.takeOne() || !this.#connections.enter(remote)) {
      this.#parts.counters.add(Counter.streamRefused)
      raw.destroy()
      return
    }
    this.#parts.counters.add(Counter.streamOpened)
    const connection = this.#attend(raw, remote, port, true)
    this.#firstOctets.await(connection, port)
    if (this.#paused) connection.pause(true)
  }

  /** Enters a connection among those there are. */
  #attend(raw: Socket, remote: Address, port: StreamPort, isCounted: boolean): StreamConnection {
    const connection: StreamConnection = new StreamConnection(
      raw,
      remote,
      after(this.#parts.clock.now(), FIRST_WORDS),
      this.#parts.counters,
      (bytes, start, length) => this.#frame(connection, bytes, start, length),
    )
    connection.port = port
    connection.counted = isCounted
    this.#connections.add(connection)
    this.#breatheAtEnd(raw)
    raw.once('close', () => this.#closed(connection))
    return connection
  }

  #isServed(ip: Uint8Array): boolean {
    if (this.#serves?.(ip) !== false) return true
    this.#parts.counters.add(Counter.dropClient)
    return false
  }

  /** A proxy's own connections, such as health checks, are served whatever is said of clients. */
  #announced(connection: StreamConnection, client: Address | undefined): boolean {
    const { counters, clock } = this.#parts
    connection.deadline = after(clock.now(), FIRST_WORDS)
    counters.add(client ? Counter.proxied : Counter.proxyOwn)
    if (!client) return true
    if (!this.#isServed(client.ip)) return false
    if (this.#connections.announce(connection, client)) return true
    counters.add(Counter.streamRefused)
    return false
  }

  /** STUN comes by `socket`, which may be TLS on top of what was accepted. */
  #ready(connection: StreamConnection, socket: Socket, via: 'tcp' | 'tls', chunk: Buffer | undefined): void {
    connection.ready(socket, via, after(this.#parts.clock.now(), FIRST_WORDS))
    if (socket !== connection.raw) this.#breatheAtEnd(socket)
    socket.on('data', more => this.#read(connection, more))
    if (chunk) this.#read(connection, chunk)
  }

  #read(connection: StreamConnection, chunk: Buffer): void {
    this.#breathe(1)
    if (connection.state.kind === 'ready') {
      if (demultiplex(chunk[0]!) !== 'stun') {
        this.#refuse(connection, nameForeign(chunk))
        return
      }
      const { via } = connection.state
      const id = this.#parts.ids.take(this, via)
      this.#byId[id] = connection
      connection.serve(via, id, after(this.#parts.clock.now(), TO_ALLOCATE))
    }
    if (connection.state.kind !== 'turn') return
    const framed = connection.reader.read(chunk)
    this.#frames.deliver()
    if (!framed) {
      this.#parts.counters.add(Counter.dropNotStun)
      connection.reader.clear()
      // Answers that are due leave first (RFC 8489 §6.2.2); nothing more is read.
      connection.deadline = after(this.#parts.clock.now(), LAST_WORDS)
      connection.stopReading()
      connection.end()
    }
  }

  /** Ends a connection on which everything has been said; the other side has a moment to hang up too. */
  #answered(connection: StreamConnection, socket: Socket, last = ''): void {
    connection.ending(after(this.#parts.clock.now(), LAST_WORDS))
    socket.end(last)
    socket.resume()
  }

  /** Ends a connection on which no client is served, and tells why. */
  #refuse(connection: StreamConnection, unserved: Unserved): void {
    this.#parts.counters.add(Counter.dropNotStun)
    this.#turnAway(connection, unserved)
  }

  #turnAway(connection: StreamConnection, unserved: Unserved): void {
    this.#tell(connection.remote, unserved, connection.uniqueId)
    connection.ending(NEVER)
    connection.raw.destroy()
  }

  #tell(from: Address, { why, detail }: Unserved, uniqueId?: string): void {
    this.#parts.counters.add(UNSERVED[why])
    const named = uniqueId === undefined ? {} : { uniqueId }
    this.#parts.unserved?.({ kind: 'unserved', at: this.#parts.clock.now(), from, why, detail, ...named })
  }

  /** Takes a frame of a connection; false once the shard has closed it. */
  #frame(connection: StreamConnection, bytes: Buffer, start: number, length: number): boolean {
    const { state } = connection
    if (state.kind !== 'turn') return false
    this.#frames.put(state.id, connection.record, bytes, start, length)
    return true
  }

  #gather(connection: StreamConnection, bytes: Buffer, start: number, length: number): void {
    if (!connection.gather(bytes, start, length)) return
    // Not on the next tick: that comes after every datagram, and this after all that are there to be read.
    if (this.#gathering.push(connection) === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const gathering = this.#gathering
    this.#gathering = []
    for (const connection of gathering) connection.flush()
  }

  /** The socket is gone, whichever side ended it. */
  #closed(connection: StreamConnection): void {
    const { state } = connection
    this.#breathe(ENDING)
    this.#connections.remove(connection)
    this.#firstOctets.forget(connection)
    this.#parts.counters.add(Counter.streamClosed)
    if (state.kind === 'handshaking') {
      this.#parts.counters.add(Counter.tlsFailed)
      if (!this.#stopping) this.#tell(connection.remote, state.fault ?? BROKEN_OFF, connection.uniqueId)
    }
    if (this.#stopping && this.#connections.size === 0) this.closed(this.#left)
    if (state.kind === 'turn') {
      // Told before the id is free, so that it cannot be taken for the next connection's.
      this.#parts.inbox.hungUp(state.id)
      this.#forget(state.id)
    }
    connection.ended()
  }

  #forget(id: SocketId): void {
    this.#byId[id] = undefined
    this.#parts.ids.release(id)
  }
}

/**
 * Whether a connection can go on in another process: what TLS has agreed on cannot, nor one of which it has to be
 * found out first whose it is.
 */
function isPlain({ state, port }: StreamConnection): boolean {
  if (state.kind === 'accepted') return !port.proxy && !port.web
  return (state.kind === 'ready' || state.kind === 'turn') && state.via === 'tcp'
}

function ignore(): void {}
