import { RECORD, readRecord } from '../../base/address.ts'
import { type Batch, DROP, PASS } from '../../base/batch.ts'
import type { FiveTuple } from '../../base/five-tuple.ts'
import type { SocketId } from '../../base/ids.ts'
import { isStream } from '../../base/via.ts'
import type { Referral } from '../../core/command.ts'
import type { Unreachable } from '../../core/input.ts'
import type { SocketIds } from '../../net/socket-ids.ts'
import type { NetInbox } from '../../net/transport.ts'
import type { GuestPost } from './guest-message.ts'

/**
 * Stands in front of a shard's inbox and passes on what is for another shard:
 * what arrives from clients whose allocations that one holds. A 5-tuple is
 * passed on only after the other shard has verified a request from it.
 */
export class GuestDoor implements NetInbox {
  readonly #ids: SocketIds
  readonly #inbox: NetInbox
  readonly #post: GuestPost
  /** The shard that serves a client, by socket and the key of the client's address. */
  readonly #hosts = new Map<SocketId, Map<number | string, number>>()
  /** Connections that other shards may know of. */
  readonly #known = new Set<SocketId>()

  constructor(ids: SocketIds, inbox: NetInbox, post: GuestPost) {
    this.#ids = ids
    this.#inbox = inbox
    this.#post = post
  }

  /** Clients that other shards serve. */
  get guests(): number {
    let count = 0
    for (const clients of this.#hosts.values()) count += clients.size
    return count
  }

  received(batch: Batch): void {
    if (this.#hosts.size > 0) this.#passOn(batch)
    this.#inbox.received(batch)
  }

  unreachable(error: Unreachable): void {
    this.#inbox.unreachable(error)
  }

  hungUp(socket: SocketId): void {
    this.#hosts.delete(socket)
    if (this.#known.delete(socket)) this.#post.toAll({ kind: 'left', socket })
    this.#inbox.hungUp(socket)
  }

  /** Hands a Refresh to the shard that its ticket leads to. */
  refer({ allocation, client, bytes }: Referral): void {
    if (isStream(client.via)) this.#known.add(client.socket)
    this.#post.refer(allocation, {
      kind: 'came',
      client,
      bytes: Uint8Array.from(bytes),
      isReferred: true,
    })
  }

  /** Another shard serves this client from now on, or no longer. */
  host(shard: number, { socket, address, via }: FiveTuple, on: boolean): void {
    const clients = this.#hosts.get(socket)
    if (on) {
      // A connection may have ended while this was under way.
      if (!this.#ids.transport(socket)) return
      if (isStream(via)) this.#known.add(socket)
      if (clients) clients.set(address.key, shard)
      else this.#hosts.set(socket, new Map([[address.key, shard]]))
      return
    }
    if (clients?.get(address.key) !== shard) return
    clients.delete(address.key)
    if (clients.size === 0) this.#hosts.delete(socket)
  }

  /** A shard has gone, and its allocations with it. */
  gone(shard: number): void {
    for (const [socket, clients] of this.#hosts) {
      for (const [key, host] of clients) if (host === shard) clients.delete(key)
      if (clients.size === 0) this.#hosts.delete(socket)
    }
  }

  #passOn(batch: Batch): void {
    for (let i = 0; i < batch.count; i++) {
      const socket = batch.socket[i]! as SocketId
      const clients = this.#hosts.get(socket)
      if (!clients || batch.verdict[i] !== PASS) continue
      const address = readRecord(batch.remote, i * RECORD)
      const shard = clients.get(address.key)
      if (shard === undefined) continue
      const start = batch.start[i]!
      const bytes = Uint8Array.from(batch.bytes.subarray(start, start + batch.length[i]!))
      const client = { socket, address, via: this.#ids.via(socket) }
      this.#post.to(shard, { kind: 'came', client, bytes, isReferred: false })
      batch.verdict[i] = DROP
    }
  }
}
