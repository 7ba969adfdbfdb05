import type { Socket } from 'node:net'
import { type Address, address, parseIp, RECORD, writeRecord } from '../../base/address.ts'
import type { Counters } from '../../base/counters.ts'
import type { SocketId } from '../../base/ids.ts'
import type { Time } from '../../base/time.ts'
import { customerKey } from '../../limits/customer.ts'
import { stopReading, unsentOctets } from '../../system/socket-handle.ts'
import { FrameOutbox } from './frame-outbox.ts'
import { FrameReader, type TakeFrame } from './frame-reader.ts'
import type { StreamPort } from './stream-listeners.ts'
import type { Unserved } from './unserved.ts'
import type { Passage } from './web/passage.ts'

/**
 * Where a connection stands. It goes down this list and never back, and may
 * skip to the end from anywhere. What a connection can become besides a TURN
 * client's gets a line of its own here.
 */
export type ConnectionState =
  /** Nothing is known of what it will carry. */
  | { readonly kind: 'accepted' }
  /** Something has come, or has to, that tells whose it is or whom it is for, and it is not whole yet. */
  | { readonly kind: 'sorting' }
  /** TLS shakes hands. `ends` are both ends of the connection; `fault` is why it fails, once that is known. */
  | { readonly kind: 'handshaking'; readonly ends: string; readonly fault?: Unserved }
  /** Frames may come, and none has begun. */
  | { readonly kind: 'ready'; readonly via: 'tcp' | 'tls' }
  /** A TURN client's: the shard knows it by this id. */
  | { readonly kind: 'turn'; readonly via: 'tcp' | 'tls'; readonly id: SocketId }
  /** A visitor's of the web server, which has the other end of it. */
  | { readonly kind: 'passing'; readonly passage: Passage }
  /** Nothing is read any more, and what was sent may still leave. */
  | { readonly kind: 'ending' }
  | { readonly kind: 'ended' }

/**
 * One TCP or TLS connection. `raw` is what was accepted and ends it all;
 * frames are written to `raw` itself or to TLS on top of it, once it is known
 * which.
 */
export class StreamConnection {
  readonly raw: Socket
  readonly record = new Uint8Array(RECORD)
  /** How the proxy in front names the connection in its own log. */
  uniqueId: string | undefined
  #remote: Address
  readonly reader: FrameReader
  readonly outbox: FrameOutbox
  #state: ConnectionState = { kind: 'accepted' }
  /** When it is closed unless something happens; `NEVER` while an allocation lives on it. */
  deadline: Time
  /** Whose share of the connections it is counted in, until it is counted no more. */
  #customer: number | string
  #network: number | string
  counted = true
  /** What comes to the port that it was accepted on. */
  port: StreamPort = { tlsOnly: false, proxy: false, web: false }
  #socket: Socket | undefined

  constructor(raw: Socket, remote: Address, deadline: Time, counters: Counters, take: TakeFrame) {
    this.raw = raw
    this.#remote = remote
    this.#customer = customerKey(remote.ip)
    this.#network = customerKey(remote.ip, 'network')
    this.deadline = deadline
    this.reader = new FrameReader(take)
    this.outbox = new FrameOutbox(raw, counters)
    writeRecord(remote, this.record, 0)
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** Whose it is: that of the socket's other end, or of the client that its proxy has named. */
  get remote(): Address {
    return this.#remote
  }

  get customer(): number | string {
    return this.#customer
  }

  get network(): number | string {
    return this.#network
  }

  /** Our end of it, which the client meant. */
  get local(): Address {
    const { localAddress = '', localPort = 0 } = this.raw
    return address(parseIp(localAddress) ?? new Uint8Array(4), localPort)
  }

  /** It is a proxy's, and this client's. */
  announce(client: Address): void {
    this.#remote = client
    this.#customer = customerKey(client.ip)
    this.#network = customerKey(client.ip, 'network')
    writeRecord(client, this.record, 0)
  }

  /** What comes first tells whose it is or whom it is for. */
  sort(): void {
    this.#state = { kind: 'sorting' }
  }

  /** The web server has the other end now. */
  pass(passage: Passage, deadline: Time): void {
    this.#state = { kind: 'passing', passage }
    this.deadline = deadline
  }

  /** Ends it at once, and what it is passed on to. */
  destroy(): void {
    if (this.#state.kind === 'passing') this.#state.passage.destroy()
    else this.raw.destroy()
  }

  /** TLS begins to shake hands between these ends. */
  shakeHands(ends: string): void {
    this.#state = { kind: 'handshaking', ends }
  }

  /** Takes note of why the handshake fails; the connection is on its way to end. */
  blame(fault: Unserved): void {
    if (this.#state.kind === 'handshaking') this.#state = { ...this.#state, fault }
  }

  /** Frames may come; answers are written to `socket`. */
  ready(socket: Socket, via: 'tcp' | 'tls', deadline: Time): void {
    this.#socket = socket
    this.outbox.open(socket)
    this.#state = { kind: 'ready', via }
    this.deadline = deadline
  }

  /** A first frame has begun: the shard knows the connection by this id. */
  serve(via: 'tcp' | 'tls', id: SocketId, deadline: Time): void {
    this.#state = { kind: 'turn', via, id }
    this.deadline = deadline
  }

  /** Reads no further, and is gone by the deadline. What the client has sent of a frame is forgotten. */
  ending(deadline: Time): void {
    this.#state = { kind: 'ending' }
    this.deadline = deadline
    this.reader.clear()
  }

  ended(): void {
    this.#state = { kind: 'ended' }
    this.reader.clear()
  }

  /** Hears nothing more of the client. */
  stopReading(): void {
    const socket = this.#socket ?? this.raw
    socket.pause()
  }

  /** Reads nothing for now, or goes on; a handshake is not held up. */
  pause(on: boolean): void {
    const { kind } = this.#state
    if (kind !== 'accepted' && kind !== 'ready' && kind !== 'turn') return
    const socket = this.#socket ?? this.raw
    if (on) socket.pause()
    else socket.resume()
  }

  /** Hangs up when all that was sent has left. */
  end(): void {
    this.outbox.flush()
    const socket = this.#socket ?? this.raw
    socket.destroySoon()
  }

  /** Says that nothing more will come, and reads on to nowhere until the client hangs up too. */
  hangUp(): void {
    this.outbox.flush()
    const socket = this.#socket ?? this.raw
    socket.end()
    socket.resume()
  }

  /**
   * Takes from a plain TCP connection what is half read and half written, and
   * lets go of it. The client is not told, as long as another descriptor keeps the connection open.
   */
  give(): { readonly unread: Buffer; readonly unsent: Buffer } {
    const halves = this.#halves()
    this.raw.destroy()
    this.ended()
    return halves
  }

  /**
   * The same where there is no time to close it: `close` does it afterwards. Nothing is read of it or written to it
   * meanwhile.
   */
  giveQuickly(): { readonly unread: Buffer; readonly unsent: Buffer; readonly close: () => void } {
    const halves = this.#halves()
    // What Node.js holds for the client would still be sent from here.
    const isStill = halves.unsent.length === 0 && stopReading(this.raw)
    if (!isStill) this.raw.destroy()
    this.ended()
    return { ...halves, close: () => this.raw.destroy() }
  }

  #halves(): { readonly unread: Buffer; readonly unsent: Buffer } {
    const raw = this.raw
    this.outbox.flush()
    const unsent = this.outbox.lastWritten(unsentOctets(raw) ?? 0)
    // First, as read() hands what it returns to a listener as well.
    raw.removeAllListeners()
    raw.on('error', () => {})
    const read = (raw.read() as Buffer | null) ?? Buffer.alloc(0)
    return { unread: Buffer.concat([this.reader.partial(), read]), unsent }
  }

  /** Goes on with what another process has half read and half written. */
  resume({ unread, unsent }: { readonly unread: Uint8Array; readonly unsent: Uint8Array }): void {
    if (unread.length > 0) this.raw.unshift(Buffer.from(unread))
    if (unsent.length > 0) this.outbox.resend(Buffer.from(unsent))
  }
}

/** Seconds that the last octets have to leave. */
export const LAST_WORDS = 10
/** The deadline of a connection that may be silent. */
export const NEVER = Number.POSITIVE_INFINITY as Time
