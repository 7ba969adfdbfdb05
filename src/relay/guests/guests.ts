import type { FiveTuple } from '../../base/five-tuple.ts'
import type { Input } from '../../core/input.ts'
import type { SocketIds } from '../../net/socket-ids.ts'
import type { NetInbox, Transport } from '../../net/transport.ts'
import { GuestDoor } from './guest-door.ts'
import type { GuestMessage, GuestPost } from './guest-message.ts'
import { GuestTransport } from './guest-transport.ts'

export interface GuestParts {
  readonly inbox: NetInbox
  /** How other shards are reached. */
  readonly post: GuestPost
  /** Hands one input to the core. */
  readonly take: (input: Input) => void
  /** Sends by a socket of this shard. */
  readonly sockets: () => Pick<Transport, 'sendOne'>
  /** Is told whether a client at a socket of this shard has an allocation. */
  readonly keep: (client: FiveTuple, on: boolean) => void
}

/**
 * Clients of this shard whose sockets are with others, and clients of others
 * whose sockets are here. They are few: those that have moved, with a ticket,
 * to where the kernel hands their packets to another shard.
 */
export class Guests {
  readonly door: GuestDoor
  readonly transport: GuestTransport
  readonly #parts: GuestParts

  constructor(ids: SocketIds, parts: GuestParts) {
    const { inbox, post, take } = parts
    this.#parts = parts
    this.door = new GuestDoor(ids, inbox, post)
    this.transport = new GuestTransport(ids, inbox, post, take)
  }

  /** A client is served here from now on, or no longer. */
  host(client: FiveTuple, on: boolean): void {
    if (!this.transport.host(client, on)) this.#parts.keep(client, on)
  }

  /** Takes what another shard has to say. */
  take(shard: number, message: GuestMessage): void {
    switch (message.kind) {
      case 'came':
        this.transport.came(shard, message.client, message.bytes, message.isReferred)
        return
      case 'left':
        this.transport.left(shard, message.socket)
        return
      case 'send': {
        const { socket, address } = message.client
        const { buffer, byteOffset, length } = message.bytes
        this.#parts.sockets().sendOne(socket, address, Buffer.from(buffer, byteOffset, length))
        return
      }
      case 'host':
        this.door.host(shard, message.client, message.on)
        this.#parts.keep(message.client, message.on)
        return
    }
  }

  /** Another shard has gone. */
  gone(shard: number): void {
    this.door.gone(shard)
    this.transport.gone(shard)
  }
}
