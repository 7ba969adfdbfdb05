import type { Address } from '../../../base/address.ts'
import { Counter, type Counters } from '../../../base/counters.ts'
import { after, type Clock, type Seconds } from '../../../base/time.ts'
import { descriptors } from '../../../system/descriptors.ts'
import { writeProxyHeader } from '../../proxy/write-proxy-header.ts'
import type { StreamConnection } from '../connection.ts'
import { Crowd, type Gathering } from '../crowd.ts'
import { type ClientHello, HelloReader } from '../tls/client-hello.ts'
import { MALFORMED_HELLO, type Unserved, WEB_FULL, webUnreachable } from '../unserved.ts'
import { Passage, type PassageWatch } from './passage.ts'
import { Pump } from './pump.ts'

/** Where TLS goes that is not meant for the relay. */
export interface WebServer {
  readonly to: Address
  /** The relay's own names, in lower case. */
  readonly names: readonly string[]
  /** The web server expects a PROXY header. */
  readonly proxy: boolean
  readonly connections: number
  readonly connectionsPerAddress: number
  readonly idle: Seconds
}

export interface WebDoorParts {
  readonly counters: Counters
  readonly clock: Clock
  /** Counts visitors; a count of its own unless several transports share one. */
  readonly crowd?: Gathering | undefined
  /** Whether octets may pass by the addon; they do unless told otherwise. */
  readonly pumps?: boolean | undefined
  /** The connection is a visitor's, and no longer a client's. */
  readonly leaves: (connection: StreamConnection) => void
  /** Nobody is served on it; ends it and says why. */
  readonly turnAway: (connection: StreamConnection, unserved: Unserved) => void
  /** Called for each read. */
  readonly breathe: () => void
}

/** The relay, as the one whom TLS may be meant for. */
interface Ours {
  /** `hello` is what has come so far. */
  take(connection: StreamConnection, hello: Buffer): void
  /** Whether a ClientHello wants to see that a name is ours, for a certificate. */
  isProof(hello: ClientHello): boolean
}

/** On ports that are shared with a web server: tells whom a ClientHello is for, and passes on what is for that one. */
export class WebDoor {
  readonly #parts: WebDoorParts
  readonly #crowd: Gathering
  readonly #ours: Ours
  readonly #pump = new Pump()
  #server: WebServer | undefined
  #open = 0

  constructor(parts: WebDoorParts, ours: Ours) {
    this.#parts = parts
    this.#ours = ours
    this.#crowd = parts.crowd ?? new Crowd(0, 0)
  }

  /** Passes on to this server from now on; visitors who are there stay. */
  configure(server: WebServer | undefined): void {
    this.#server = server
    if (server) this.#crowd.limit(server.connections, server.connectionsPerAddress)
  }

  /** Nobody comes any more. */
  stop(): void {
    this.#pump.stop()
  }

  /** Visitors' connections that are open. */
  get open(): number {
    return this.#open
  }

  /** Reads the ClientHello that begins with `chunk`. */
  sort(connection: StreamConnection, chunk: Buffer): void {
    connection.sort()
    this.#read(connection, new HelloReader(), chunk)
  }

  #read(connection: StreamConnection, reader: HelloReader, chunk: Buffer): void {
    this.#parts.breathe()
    const reading = reader.read(chunk)
    if (reading.kind === 'more') connection.raw.once('data', more => this.#read(connection, reader, more))
    else if (reading.kind === 'malformed') this.#parts.turnAway(connection, MALFORMED_HELLO)
    else if (!this.#server || this.#isForRelay(reading.hello, this.#server.names))
      this.#ours.take(connection, reader.bytes)
    else this.#pass(connection, reader.bytes, this.#server)
  }

  #isForRelay(hello: ClientHello, names: readonly string[]): boolean {
    return isForRelay(hello, names) || this.#ours.isProof(hello)
  }

  #pass(connection: StreamConnection, hello: Buffer, server: WebServer): void {
    const { counters, clock, pumps = true } = this.#parts
    const { raw, remote } = connection
    this.#parts.leaves(connection)
    if (!descriptors.takeOne() || this.#crowd.enter(remote.ip) !== 'in') {
      this.#parts.turnAway(connection, WEB_FULL)
      return
    }
    raw.pause()
    this.#open++
    counters.add(Counter.webOpened)
    raw.once('close', () => {
      this.#open--
      this.#crowd.leave(remote.ip)
      counters.add(Counter.webClosed)
    })
    const first = server.proxy ? [writeProxyHeader(remote, connection.local), hello] : [hello]
    const watch: PassageWatch = {
      moved: (octets, to) => {
        this.#parts.breathe()
        connection.deadline = after(clock.now(), server.idle)
        counters.add(to === 'web' ? Counter.webToServer : Counter.webToClient, octets)
      },
      failed: error => this.#parts.turnAway(connection, webUnreachable(error)),
    }
    // The pump holds duplicates of both.
    const pump = pumps && descriptors.takeOne() && descriptors.takeOne() ? this.#pump : undefined
    const passage = new Passage(raw, server.to, first, watch, pump)
    counters.add(Counter.webToServer, hello.length)
    connection.pass(passage, after(clock.now(), server.idle))
  }
}

/**
 * Who offers TURN (RFC 7443) wants the relay, by whatever name. Who offers
 * other protocols does not: browsers and other HTTP clients do that. WebRTC
 * clients offer none, and are the relay's where they ask for its name, or for
 * none as they have but its address.
 */
export function isForRelay({ serverName, protocols }: ClientHello, names: readonly string[]): boolean {
  if (protocols.length > 0) return protocols.some(protocol => OURS.includes(protocol))
  return serverName === undefined || names.includes(serverName)
}

const OURS = ['stun.turn', 'stun.nat-discovery']
