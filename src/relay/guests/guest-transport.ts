import { type Address, RECORD, readRecord, writeRecord } from '../../base/address.ts'
import { type Batch, SEND } from '../../base/batch.ts'
import type { FiveTuple } from '../../base/five-tuple.ts'
import type { SocketId } from '../../base/ids.ts'
import { isStream } from '../../base/via.ts'
import type { Input } from '../../core/input.ts'
import type { SocketIds } from '../../net/socket-ids.ts'
import { FrameBatches } from '../../net/stream/frame-batches.ts'
import type { NetInbox, Transport } from '../../net/transport.ts'
import type { Door, GuestPost } from './guest-message.ts'

/**
 * Sockets that are with other shards, and have ids here like any others: what
 * comes there from clients whose allocations are here arrives by messages, and
 * what is sent to them goes by messages. So the core serves a client that has
 * moved to another shard's socket as if it were its own.
 */
export class GuestTransport implements Transport {
  readonly #ids: SocketIds
  readonly #inbox: NetInbox
  readonly #post: GuestPost
  readonly #take: (input: Input) => void
  readonly #batches: FrameBatches
  readonly #record = new Uint8Array(RECORD)
  readonly #doors = new Map<SocketId, Door>()
  /** By shard and the id that the socket has there. */
  readonly #byDoor = new Map<number, Map<SocketId, SocketId>>()

  /** `take` is handed what must not go by the forwarders. */
  constructor(ids: SocketIds, inbox: NetInbox, post: GuestPost, take: (input: Input) => void) {
    this.#ids = ids
    this.#inbox = inbox
    this.#post = post
    this.#take = take
    this.#batches = new FrameBatches(batch => inbox.received(batch))
  }

  /** Takes what came from a client at another shard's socket. */
  came(shard: number, client: FiveTuple, octets: Uint8Array, isReferred: boolean): void {
    const bytes = Buffer.from(octets.buffer, octets.byteOffset, octets.length)
    const { address, via } = client
    if (isReferred) {
      const socket = this.#at(shard, client.socket) ?? this.#open(shard, client)
      this.#take({ kind: 'datagram', via, socket, from: address, bytes, isReferred })
      return
    }
    const socket = this.#at(shard, client.socket)
    if (socket === undefined) {
      // Its allocation ended with the shard before this one.
      this.#post.to(shard, { kind: 'host', client, on: false })
      return
    }
    writeRecord(address, this.#record, 0)
    this.#batches.put(socket, this.#record, bytes, 0, bytes.length)
    this.#batches.deliver()
  }

  /** A connection has ended. */
  left(shard: number, socket: SocketId): void {
    const own = this.#at(shard, socket)
    if (own === undefined) return
    this.close(own)
    this.#inbox.hungUp(own)
  }

  /** A shard has gone, and its sockets with it. */
  gone(shard: number): void {
    for (const socket of [...(this.#byDoor.get(shard)?.keys() ?? [])]) this.left(shard, socket)
  }

  /** Tells the shard at the door whether a client is served here. False where the socket is our own. */
  host(client: FiveTuple, on: boolean): boolean {
    const door = this.#doors.get(client.socket)
    if (door) this.#post.to(door.shard, { kind: 'host', client: { ...client, socket: door.socket }, on })
    return door !== undefined
  }

  /** Takes over a socket that the shard before this one knew, under its id. */
  resume(own: SocketId, door: Door): void {
    if (!this.#ids.transport(own)) this.#enter(this.#ids.take(this, door.via, own), door)
  }

  /**
   * Another shard has taken the place of one that broke. It has the UDP sockets of that one, whose clients it has to
   * be told of again; connections ended.
   */
  replaced(shard: number, clients: readonly FiveTuple[]): void {
    for (const [socket, own] of [...(this.#byDoor.get(shard) ?? [])]) {
      if (isStream(this.#ids.via(own))) this.left(shard, socket)
      else for (const client of clients) if (client.socket === own) this.host(client, true)
    }
  }

  owns(socket: SocketId): boolean {
    return this.#doors.has(socket)
  }

  send(batch: Batch): void {
    if (this.#doors.size === 0) return
    for (let i = 0; i < batch.count; i++) {
      if (batch.verdict[i] !== SEND) continue
      const start = batch.start[i]!
      const bytes = batch.bytes.subarray(start, start + batch.length[i]!)
      this.sendOne(batch.socket[i]! as SocketId, readRecord(batch.remote, i * RECORD), bytes)
    }
  }

  sendOne(socket: SocketId, address: Address, bytes: Buffer): void {
    const door = this.#doors.get(socket)
    if (!door) return
    const client = { socket: door.socket, address, via: this.#ids.via(socket) }
    this.#post.to(door.shard, { kind: 'send', client, bytes: Uint8Array.from(bytes) })
  }

  /** Forgets a socket; the shard at the door has it still. */
  close(socket: SocketId): void {
    const door = this.#doors.get(socket)
    if (!door) return
    this.#doors.delete(socket)
    this.#post.door(socket, undefined)
    const sockets = this.#byDoor.get(door.shard)
    sockets?.delete(door.socket)
    if (sockets?.size === 0) this.#byDoor.delete(door.shard)
    this.#ids.release(socket)
  }

  #at(shard: number, socket: SocketId): SocketId | undefined {
    return this.#byDoor.get(shard)?.get(socket)
  }

  #open(shard: number, { socket, via }: FiveTuple): SocketId {
    return this.#enter(this.#ids.take(this, via), { shard, socket, via })
  }

  #enter(own: SocketId, door: Door): SocketId {
    const { shard, socket } = door
    this.#doors.set(own, door)
    this.#post.door(own, door)
    const sockets = this.#byDoor.get(shard)
    if (sockets) sockets.set(socket, own)
    else this.#byDoor.set(shard, new Map([[socket, own]]))
    return own
  }
}
