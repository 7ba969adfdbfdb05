import { createServer, type Server, type Socket } from 'node:net'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { type Address, address, formatIp, parseIp } from '../../base/address.ts'
import { type Batch, SEND } from '../../base/batch.ts'
import { Counter, type Counters, counterEntries, UNSERVED_COUNTERS } from '../../base/counters.ts'
import type { SocketId } from '../../base/ids.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import { after, type Clock } from '../../base/time.ts'
import type { Event, UnservedReason } from '../../core/event.ts'
import { customerKey } from '../../limits/customer.ts'
import { descriptors } from '../../system/descriptors.ts'
import { demultiplex } from '../../wire/channel.ts'
import type { SocketIds } from '../socket-ids.ts'
import type { NetInbox, Transport } from '../transport.ts'
import { NEVER, StreamConnection } from './connection.ts'
import { Crowd, type Entered, type Gathering } from './crowd.ts'
import { FrameBatches } from './frame-batches.ts'
import { MAX_FRAME, MAX_STRANGERS_FRAME } from './frame-reader.ts'
import { helloLength, TlsAcceptor } from './tls-acceptor.ts'
import {
  BROKEN_OFF,
  explainHandshake,
  MADE_ROOM,
  NO_CERTIFICATE,
  nameForeign,
  PLAIN_ON_TLS,
  TOO_SLOW,
  type Unserved,
} from './unserved.ts'

export interface StreamLimits {
  readonly connections: number
  readonly connectionsPerAddress: number
}

export interface StreamListenOptions {
  readonly address: Address
  /** A `tcp` port takes TLS as well, told by its first octet (RFC 7983); a `tls` port takes nothing else. */
  readonly transport: 'tcp' | 'tls'
  /** Adopts a socket that listens already. */
  readonly fd?: number
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
  #ids: SocketIds
  #inbox: NetInbox
  #counters: Counters
  #clock: Clock
  #crowd: Gathering
  #tls: TlsAcceptor | undefined
  #unserved: (event: UnservedEvent) => void
  #serves: ((ip: Uint8Array) => boolean) | undefined
  #servers = new Set<Server>()
  #connections = new Set<StreamConnection>()
  /** By remote address: one, or one on each listener. */
  #byRemote = new Map<Address['key'], Set<StreamConnection>>()
  /** Those without an allocation, the oldest first. */
  #strangers = new Set<StreamConnection>()
  #byId: (StreamConnection | undefined)[] = []
  /** Connections whose TLS handshake is on its way, by both ends: that is all node tells when it is done. */
  #handshakes = new Map<string, StreamConnection>()
  #frames: FrameBatches
  #gathering: StreamConnection[] = []
  #sweeper: NodeJS.Timeout
  #sweepOn: NodeJS.Immediate | undefined
  #between: () => void
  #worked = 0
  #stopping = false
  #left: () => void = () => {}

  /**
   * `crowd` counts connections; a count of its own unless several transports
   * share one. `unserved` is told of connections that end before STUN begins.
   * `between` is called while events of many connections are worked through, so
   * that others are not kept waiting.
   */
  constructor(
    ids: SocketIds,
    inbox: NetInbox,
    counters: Counters,
    clock: Clock,
    limits: StreamLimits,
    crowd: Gathering = new Crowd(limits.connections, limits.connectionsPerAddress),
    unserved: (event: UnservedEvent) => void = () => {},
    between: () => void = () => {},
  ) {
    this.#unserved = unserved
    this.#between = between
    this.#ids = ids
    this.#inbox = inbox
    this.#counters = counters
    this.#clock = clock
    this.#frames = new FrameBatches(batch => inbox.received(batch))
    this.#crowd = crowd
    this.#sweeper = setInterval(() => this.sweep(), SWEEP).unref()
  }

  /** Serves TLS with this certificate from now on; connections that are open keep theirs. */
  setTls(options: SecureContextOptions): void {
    if (this.#tls) this.#tls.setSecureContext(options)
    else {
      this.#tls = new TlsAcceptor(options, {
        done: socket => this.#secured(socket),
        failed: (error, socket) => this.#handshakes.get(endsOf(socket))?.blame(explainHandshake(error)),
      })
    }
  }

  setLimits(limits: StreamLimits): void {
    this.#crowd.limit(limits.connections, limits.connectionsPerAddress)
  }

  /** Takes no connection from addresses that are not served, and ends those there are. */
  keepOut(serves: ((ip: Uint8Array) => boolean) | undefined): void {
    this.#serves = serves
    if (!serves) return
    for (const { remote, raw } of this.#connections) if (!serves(remote.ip)) raw.destroy()
  }

  /** Listens, or says why the address is not available. */
  listen(listen: StreamListenOptions): Promise<Result<Address, NodeJS.ErrnoException>> {
    return new Promise(resolve => this.#listen(listen, resolve))
  }

  /**
   * Says that an allocation of this client lives, or no longer does. By
   * address, as that is how events name a client; its connections to two of
   * our ports from one port of its own share the fate.
   */
  keepClient(client: Address, on: boolean): void {
    for (const connection of this.#byRemote.get(client.key) ?? []) {
      if (connection.state.kind !== 'turn') continue
      connection.deadline = on ? NEVER : after(this.#clock.now(), TO_ALLOCATE)
      connection.reader.longest = on ? MAX_FRAME : MAX_STRANGERS_FRAME
      this.#strangers.delete(connection)
      if (!on && connection.counted) this.#strangers.add(connection)
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
    connection.ending(after(this.#clock.now(), LAST_WORDS))
    if (connection.counted) this.#strangers.add(connection)
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
    for (const server of this.#servers) server.close()
    for (const connection of this.#connections) {
      if (connection.state.kind === 'turn') {
        this.#forget(connection.state.id)
        connection.ending(NEVER)
        connection.hangUp()
      } else connection.raw.destroy()
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

  /** Frames that a client did not get since it reads too slowly. */
  dropped(socket: SocketId): number {
    return this.#byId[socket]?.dropped ?? 0
  }

  /** Connections that are open. */
  get open(): number {
    return this.#connections.size
  }

  /** Closes connections whose time is up, a few in each turn; called by itself once a second. */
  sweep(): void {
    const now = this.#clock.now()
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
      connection.raw.destroy()
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
    this.#between()
  }

  #listen(listen: StreamListenOptions, done: (result: Result<Address, NodeJS.ErrnoException>) => void): void {
    const server = createServer({ noDelay: true }, raw => this.#accept(raw, listen.transport === 'tls'))
    let listening = false
    server.on('error', error => {
      // Later errors are about a connection that could not be accepted.
      if (listening) this.#counters.add(Counter.streamRefused)
      else done(failed(error))
    })
    server.once('listening', () => {
      listening = true
      this.#servers.add(server)
      const local = server.address() as { address: string; port: number }
      done(succeeded(address(parseIp(local.address)!, local.port)))
    })
    const { ip, port, family } = listen.address
    if (listen.fd !== undefined) server.listen({ fd: listen.fd, exclusive: true })
    else server.listen({ host: formatIp(ip), port, ipv6Only: family === 6, exclusive: true })
  }

  /** Of all that a hang-up is made of, each step comes for all connections before the next. */
  #breatheAtEnd(socket: Socket): void {
    for (const step of ['end', 'finish']) socket.once(step, () => this.#breathe(ENDING))
  }

  #accept(raw: Socket, tlsOnly: boolean): void {
    this.#breathe(ACCEPTING)
    raw.on('error', ignore)
    const ip = parseIp(raw.remoteAddress ?? '')
    if (!ip || raw.remotePort === undefined) {
      raw.destroy()
      return
    }
    const remote = address(ip, raw.remotePort)
    if (this.#serves?.(ip) === false) {
      this.#counters.add(Counter.dropClient)
      raw.destroy()
      return
    }
    if (!descriptors.takeOne() || !this.#enter(remote)) {
      this.#counters.add(Counter.streamRefused)
      raw.destroy()
      return
    }
    this.#counters.add(Counter.streamOpened)
    const connection: StreamConnection = new StreamConnection(
      raw,
      remote,
      after(this.#clock.now(), FIRST_WORDS),
      this.#counters,
      (bytes, start, length) => this.#frame(connection, bytes, start, length),
    )
    this.#connections.add(connection)
    addTo(this.#byRemote, remote.key, connection)
    this.#strangers.add(connection)
    this.#breatheAtEnd(raw)
    raw.once('close', () => this.#closed(connection))
    raw.once('data', chunk => this.#first(connection, chunk, tlsOnly))
  }

  /** Counts a newcomer, for whom the oldest connection without an allocation makes room if need be. */
  #enter({ ip }: Address): boolean {
    const entered = this.#crowd.enter(ip)
    if (entered === 'in') return true
    const oldest = this.#oldestStranger(entered, ip)
    if (!oldest) return false
    oldest.blame(MADE_ROOM)
    oldest.raw.destroy()
    this.#leaveCrowd(oldest)
    return this.#crowd.enter(ip) === 'in'
  }

  /** The oldest connection without an allocation, of those in whose share there is no room. */
  #oldestStranger(full: Entered, ip: Uint8Array): StreamConnection | undefined {
    const customer = customerKey(ip)
    const network = customerKey(ip, 'network')
    for (const stranger of this.#strangers) {
      if (full === 'customer-full' && stranger.customer !== customer) continue
      if (full === 'network-full' && stranger.network !== network) continue
      return stranger
    }
    return undefined
  }

  #leaveCrowd(connection: StreamConnection): void {
    this.#strangers.delete(connection)
    if (!connection.counted) return
    connection.counted = false
    this.#crowd.leave(connection.remote.ip)
  }

  /** Tells TLS from STUN by the first octet (RFC 7983). */
  #first(connection: StreamConnection, chunk: Buffer, tlsOnly: boolean): void {
    switch (demultiplex(chunk[0]!)) {
      case 'tls':
        if (!this.#tls) {
          this.#refuse(connection, NO_CERTIFICATE)
          return
        }
        connection.shakeHands(endsOf(connection.raw))
        this.#hello(connection, chunk)
        return
      case 'stun':
        if (tlsOnly) {
          this.#refuse(connection, PLAIN_ON_TLS)
          return
        }
        this.#serve(connection, connection.raw, 'tcp')
        this.#read(connection, chunk)
        return
      default:
        // ChannelData cannot come first, but HTTP and others would pass for it: "GET " is channel 0x4745.
        this.#refuse(connection, nameForeign(chunk))
    }
  }

  /** Waits for the whole of a ClientHello, which may come in pieces, and hands it to TLS. */
  #hello(connection: StreamConnection, hello: Buffer): void {
    const { raw } = connection
    this.#breathe(HANDSHAKE)
    if (hello.length < helloLength(hello)) {
      raw.once('data', more => this.#hello(connection, Buffer.concat([hello, more])))
      return
    }
    if (connection.state.kind !== 'handshaking') return
    this.#handshakes.set(connection.state.ends, connection)
    raw.pause()
    raw.unshift(hello)
    this.#tls!.accept(raw, hello)
  }

  #secured(socket: TLSSocket): void {
    // Node tells of octets that do not decrypt, and leaves the connection open.
    socket.on('error', () => socket.destroy())
    const connection = this.#handshakes.get(endsOf(socket))
    if (connection?.state.kind !== 'handshaking') {
      socket.destroy()
      return
    }
    this.#breathe(HANDSHAKE)
    this.#handshakes.delete(connection.state.ends)
    this.#serve(connection, socket, 'tls')
  }

  #serve(connection: StreamConnection, socket: Socket, via: 'tcp' | 'tls'): void {
    connection.ready(socket, via, after(this.#clock.now(), FIRST_WORDS))
    if (socket !== connection.raw) this.#breatheAtEnd(socket)
    socket.on('data', chunk => this.#read(connection, chunk))
  }

  #read(connection: StreamConnection, chunk: Buffer): void {
    this.#breathe(1)
    if (connection.state.kind === 'ready') {
      if (demultiplex(chunk[0]!) !== 'stun') {
        this.#refuse(connection, nameForeign(chunk))
        return
      }
      const { via } = connection.state
      const id = this.#ids.take(this, via)
      this.#byId[id] = connection
      connection.serve(via, id, after(this.#clock.now(), TO_ALLOCATE))
    }
    if (connection.state.kind !== 'turn') return
    const framed = connection.reader.read(chunk)
    this.#frames.deliver()
    if (!framed) {
      this.#counters.add(Counter.dropNotStun)
      connection.reader.clear()
      // Answers that are due leave first (RFC 8489 §6.2.2); nothing more is read.
      connection.deadline = after(this.#clock.now(), LAST_WORDS)
      connection.stopReading()
      connection.end()
    }
  }

  /** Ends a connection on which no client is served, and tells why. */
  #refuse(connection: StreamConnection, unserved: Unserved): void {
    this.#counters.add(Counter.dropNotStun)
    this.#tell(connection, unserved)
    connection.ending(NEVER)
    connection.raw.destroy()
  }

  #tell({ remote }: StreamConnection, { why, detail }: Unserved): void {
    this.#counters.add(UNSERVED[why])
    this.#unserved({ kind: 'unserved', at: this.#clock.now(), from: remote, why, detail })
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
    this.#connections.delete(connection)
    takeFrom(this.#byRemote, connection.remote.key, connection)
    this.#leaveCrowd(connection)
    this.#counters.add(Counter.streamClosed)
    if (state.kind === 'handshaking') {
      this.#handshakes.delete(state.ends)
      this.#counters.add(Counter.tlsFailed)
      if (!this.#stopping) this.#tell(connection, state.fault ?? BROKEN_OFF)
    }
    if (this.#stopping && this.#connections.size === 0) this.closed(this.#left)
    if (state.kind === 'turn') {
      // Told before the id is free, so that it cannot be taken for the next connection's.
      this.#inbox.hungUp(state.id)
      this.#forget(state.id)
    }
    connection.ended()
  }

  #forget(id: SocketId): void {
    this.#byId[id] = undefined
    this.#ids.release(id)
  }
}

/** Both ends of a connection, the same for a socket and for the TLS socket on top of it. */
function endsOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`
}

function ignore(): void {}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const known = sets.get(key)
  if (known) known.add(value)
  else sets.set(key, new Set([value]))
}

function takeFrom<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const known = sets.get(key)
  known?.delete(value)
  if (known?.size === 0) sets.delete(key)
}

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
