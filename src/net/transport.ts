import type { Address } from '../base/address.ts'
import type { Batch } from '../base/batch.ts'
import type { SocketId } from '../base/ids.ts'
import type { Result } from '../base/result.ts'
import type { Inbox } from '../shard/world.ts'

/**
 * One way of moving datagrams: udp-dgram, udp-native or stream (TCP and TLS).
 * All transports of a shard draw their ids from one `SocketIds`, so that a
 * batch can mix them; each sends only what leaves by a socket of its own.
 */
export interface Transport {
  /** Sends the slots marked SEND whose socket is this transport's. */
  send(batch: Batch): void
  sendOne(socket: SocketId, to: Address, bytes: Buffer, dontFragment?: boolean): void
  owns(socket: SocketId): boolean
  close(socket: SocketId): void
}

/** A transport for UDP listeners and relay sockets alike. */
export interface UdpTransport extends Transport {
  /** Binds a socket, or says why not; then nothing stays open. The answer never comes before `bind` returns. */
  bind(options: Bind): Promise<Result<BoundSocket, NodeJS.ErrnoException>>
  /**
   * Receives what has arrived by now, if it can be asked: for long turns of the
   * event loop that are made of many events. Must not be called from within
   * `received`.
   */
  look(): void
  /** What a socket is bound to; undefined once it is closed. */
  boundTo(socket: SocketId): Address | undefined
  /**
   * Reads nothing from now on, or again; what arrives waits in the sockets.
   * False where it cannot: then sockets cannot be given either.
   */
  pause(on: boolean): boolean
  /**
   * Lets go of a socket without closing it; only while paused. Its descriptor is the caller's. Its id stays taken
   * until the caller releases it, or the socket is adopted again.
   */
  give(socket: SocketId): number
  /** Another descriptor of a socket, which is the caller's; undefined where there can be none. */
  duplicate(socket: SocketId): number | undefined
  /** Whether sockets can set DF on what they send. */
  readonly dontFragment: boolean
  /** Closes every socket and frees everything; nothing is received afterwards. */
  stop(): void
}

export interface Bind {
  readonly address: Address
  readonly purpose: 'listener' | 'relay'
  /** Adopts a socket that was bound elsewhere (SO_REUSEPORT group, socket activation). */
  readonly fd?: number
  /** The id that an adopted socket had, where it keeps it; it must not be in use here. */
  readonly socket?: SocketId
  /** Kernel buffers in octets. */
  readonly receiveBuffer?: number
  readonly sendBuffer?: number
}
export interface BoundSocket {
  readonly socket: SocketId
  readonly local: Address
  /** Octets of receive buffer that the kernel granted. */
  readonly receiveBuffer?: number
}

export type NetInbox = Pick<Inbox, 'received' | 'hungUp' | 'unreachable'>
