import type { Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import type { Address } from '../../base/address.ts'
import type { Batch } from '../../base/batch.ts'
import { Counter, type Counters } from '../../base/counters.ts'
import type { SocketId } from '../../base/ids.ts'
import type { Result } from '../../base/result.ts'
import { after, type Clock } from '../../base/time.ts'
import { adoptUnread } from '../../system/socket-handle.ts'
import { demultiplex } from '../../wire/channel.ts'
import type { SocketIds } from '../socket-ids.ts'
import type { NetInbox, Transport } from '../transport.ts'
import { Breather, EventCost } from './breather.ts'
import { LAST_WORDS, NEVER, StreamConnection } from './connection.ts'
import { Crowd, type Gathering } from './crowd.ts'
import { DeadlineSweep } from './deadline-sweep.ts'
import { FirstOctets } from './first-octets.ts'
import { duplicateConnection, giveConnection, giveQuickly } from './give-connection.ts'
import type { ConnectionRest, GivenConnection, GivenListener } from './given.ts'
import { StreamConnections } from './stream-connections.ts'
import { StreamEntrance } from './stream-entrance.ts'
import { StreamListeners, type StreamListenOptions, type StreamPort } from './stream-listeners.ts'
import type { AcmeChallenge } from './tls/acme-door.ts'
import { TurnConnections } from './turn-connections.ts'
import { BROKEN_OFF, nameForeign, type Unserved, type UnservedEvent, UnservedReport } from './unserved.ts'
import type { WebServer } from './web/web-door.ts'

/** Seconds for the handshake, and again for the first octet. */
const FIRST_WORDS = 10
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
  /** Whether visitors' octets may pass by the addon; they do unless told otherwise. */
  readonly pumps?: boolean | undefined
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
  readonly #turns: TurnConnections
  readonly #report: UnservedReport
  readonly #entrance: StreamEntrance
  readonly #breather: Breather
  readonly #deadlines: DeadlineSweep
  /** Connections of which another process has descriptors while they go on here, or which it has sent ahead. */
  #ahead: StreamConnection[] = []
  #stopping = false
  #paused = false
  #left: () => void = () => {}

  constructor(parts: StreamTransportParts) {
    const { ids, inbox, counters, clock, limits } = parts
    this.#parts = parts
    this.#crowd = parts.crowd ?? new Crowd(limits.connections, limits.connectionsPerAddress)
    this.#connections = new StreamConnections(this.#crowd)
    this.#report = new UnservedReport(counters, clock, parts.unserved)
    this.#entrance = new StreamEntrance(this.#connections, counters, this.#report)
    this.#breather = new Breather(parts.between)
    this.#deadlines = new DeadlineSweep(this.#connections, clock)
    this.#turns = new TurnConnections({ transport: this, ids, inbox, counters, clock })
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
        breathe: () => this.#breather.breathe(EventCost.handshake),
      },
      {
        counters,
        clock,
        crowd: parts.webCrowd,
        pumps: parts.pumps,
        leaves: connection => this.#connections.release(connection),
        turnAway: (connection, unserved) => this.#turnAway(connection, unserved),
        breathe: () => this.#breather.breathe(EventCost.read),
      },
    )
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
    this.#entrance.setProxies(isProxy)
    this.#firstOctets.setWebServer(web)
  }

  setLimits(limits: StreamLimits): void {
    this.#crowd.limit(limits.connections, limits.connectionsPerAddress)
  }

  /** Takes no connection from addresses that are not served, and ends those there are. */
  keepOut(serves: ((ip: Uint8Array) => boolean) | undefined): void {
    this.#entrance.keepOut(serves)
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
      this.#turns.keep(connection, on)
      this.#connections.setStranger(connection, !on)
    }
  }

  send(batch: Batch): void {
    this.#turns.send(batch)
  }

  sendOne(socket: SocketId, to: Address, bytes: Buffer): void {
    this.#turns.sendOne(socket, to, bytes)
  }

  owns(socket: SocketId): boolean {
    return this.#turns.get(socket) !== undefined
  }

  /** Hangs up on a client once it has what was sent. The shard is not told: it knows. */
  close(socket: SocketId): void {
    const connection = this.#turns.get(socket)
    if (!connection) return
    this.#connections.setStranger(connection, true)
    this.#turns.close(connection, socket)
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
    this.#deadlines.stop()
    this.#listeners.stop()
    this.#firstOctets.stop()
    for (const connection of this.#connections) {
      if (connection.state.kind === 'turn') {
        this.#turns.forget(connection.state.id)
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
    if (!on) this.#ahead = []
    this.#turns.flush()
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
    return [...this.#connections].flatMap(connection => this.#give(connection, giveConnection) ?? [])
  }

  /**
   * Plain TCP connections, each with a descriptor of its own, while they go on here until `giveRest`. Nobody is
   * accepted meanwhile: give the listeners away first.
   */
  duplicateConnections(): GivenConnection[] {
    this.#ahead = []
    const given: GivenConnection[] = []
    for (const connection of this.#connections) {
      const one = duplicateConnection(connection)
      if (!one) continue
      given.push(one)
      this.#ahead.push(connection)
    }
    return given
  }

  /**
   * Lets go of the connections that were duplicated, in the same order; undefined for one that has ended since. Only
   * while paused. Each is to be closed when there is time.
   */
  giveRest(): ReturnType<typeof giveQuickly>[] {
    const ahead = this.#ahead
    this.#ahead = []
    const open = new Set(this.#connections)
    return ahead.map(connection => (open.has(connection) ? this.#give(connection, giveQuickly) : undefined))
  }

  #give<T>(
    connection: StreamConnection,
    give: (connection: StreamConnection) => T | undefined,
  ): T | undefined {
    const { state } = connection
    const given = give(connection)
    if (!given) return undefined
    this.#connections.remove(connection)
    if (state.kind === 'turn') this.#turns.letGo(state.id)
    return given
  }

  /**
   * Takes over what was half read and half written of the connections that were adopted since the last time, in the
   * same order. Those that have no rest have ended.
   */
  takeRest(rests: readonly (ConnectionRest | undefined)[]): void {
    const ahead = this.#ahead
    this.#ahead = []
    for (const [i, connection] of ahead.entries()) {
      const rest = rests[i]
      if (!rest) {
        connection.raw.destroy()
        continue
      }
      connection.outbox.dropped = rest.dropped
      if (rest.id !== undefined && connection.state.kind !== 'turn') {
        // It does not wait for the first octet any more.
        connection.raw.removeAllListeners('data')
        this.#serve(connection, rest.id)
      }
      connection.resume(rest)
    }
  }

  /** Takes a connection over that was given away. It is read when the transport is no longer paused. */
  adopt(given: GivenConnection): void {
    const { fd, remote, id, tlsOnly } = given
    const raw = adoptUnread(fd)
    raw.on('error', ignore)
    const port = { tlsOnly, proxy: false, web: false }
    const connection = this.#attend(raw, remote, port, this.#connections.enterUnasked(remote))
    connection.outbox.dropped = given.dropped
    if (id === undefined) this.#firstOctets.await(connection, port)
    else this.#serve(connection, id)
    this.#ahead.push(connection)
    // What is put back into a stream that flows is handled at once: before there are other connections that it may be
    // for.
    connection.pause(this.#paused)
    connection.resume(given)
  }

  /** A client's connection has the id that it had in another process. */
  #serve(connection: StreamConnection, id: SocketId): void {
    this.#ready(connection, connection.raw, 'tcp', undefined)
    this.#turns.add(connection, 'tcp', id)
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
    return this.#turns.get(socket)?.outbox.dropped ?? 0
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
    this.#deadlines.sweep()
  }

  #accept(raw: Socket, port: StreamPort): void {
    this.#breather.breathe(EventCost.accept)
    raw.on('error', ignore)
    const remote = this.#entrance.admit(raw, port)
    if (!remote) {
      raw.destroy()
      return
    }
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
      (bytes, start, length) => this.#turns.takeFrame(connection, bytes, start, length),
    )
    connection.port = port
    connection.counted = isCounted
    this.#connections.add(connection)
    this.#breather.breatheAtEnd(raw)
    raw.once('close', () => this.#closed(connection))
    return connection
  }

  #announced(connection: StreamConnection, client: Address | undefined): boolean {
    connection.deadline = after(this.#parts.clock.now(), FIRST_WORDS)
    return this.#entrance.admitAnnounced(connection, client)
  }

  /** STUN comes by `socket`, which may be TLS on top of what was accepted. */
  #ready(connection: StreamConnection, socket: Socket, via: 'tcp' | 'tls', chunk: Buffer | undefined): void {
    connection.ready(socket, via, after(this.#parts.clock.now(), FIRST_WORDS))
    if (socket !== connection.raw) this.#breather.breatheAtEnd(socket)
    socket.on('data', more => this.#read(connection, more))
    if (chunk) this.#read(connection, chunk)
  }

  #read(connection: StreamConnection, chunk: Buffer): void {
    this.#breather.breathe(EventCost.read)
    if (connection.state.kind === 'ready') {
      if (demultiplex(chunk[0]!) !== 'stun') {
        this.#refuse(connection, nameForeign(chunk))
        return
      }
      this.#turns.add(connection, connection.state.via)
    }
    if (connection.state.kind === 'turn') this.#turns.read(connection, chunk)
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
    this.#report.report(connection.remote, unserved, connection.uniqueId)
    connection.ending(NEVER)
    connection.raw.destroy()
  }

  /** The socket is gone, whichever side ended it. */
  #closed(connection: StreamConnection): void {
    const { state } = connection
    this.#breather.breathe(EventCost.end)
    this.#connections.remove(connection)
    this.#firstOctets.forget(connection)
    this.#parts.counters.add(Counter.streamClosed)
    if (state.kind === 'handshaking') {
      this.#parts.counters.add(Counter.tlsFailed)
      if (!this.#stopping)
        this.#report.report(connection.remote, state.fault ?? BROKEN_OFF, connection.uniqueId)
    }
    if (this.#stopping && this.#connections.size === 0) this.closed(this.#left)
    if (state.kind === 'turn') {
      // Told before the id is free, so that it cannot be taken for the next connection's.
      this.#parts.inbox.hungUp(state.id)
      this.#turns.forget(state.id)
    }
    connection.ended()
  }
}

function ignore(): void {}
