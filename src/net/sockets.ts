import type { Address } from '../base/address.ts'
import { type Batch, SEND } from '../base/batch.ts'
import type { SocketId } from '../base/ids.ts'
import type { Via } from '../base/via.ts'
import type { Sockets } from '../shard/world.ts'
import type { SocketIds } from './socket-ids.ts'
import type { Transport } from './transport.ts'

/** All sockets of a shard, whichever transport each belongs to. */
export class AllSockets implements Sockets {
  #ids: SocketIds
  #transports: readonly Transport[]
  #closed: (socket: SocketId) => void

  /** `closed` is told of every socket that the shard closes, while its id is still its own. */
  constructor(
    ids: SocketIds,
    transports: readonly Transport[],
    closed: (socket: SocketId) => void = () => {},
  ) {
    this.#ids = ids
    this.#transports = transports
    this.#closed = closed
  }

  via(socket: SocketId): Via {
    return this.#ids.via(socket)
  }

  send(batch: Batch): void {
    if (batch.count === 1) {
      if (batch.verdict[0] === SEND) this.#ids.transport(batch.socket[0]! as SocketId)?.send(batch)
      return
    }
    for (const transport of this.#transports) transport.send(batch)
  }

  sendOne(socket: SocketId, to: Address, bytes: Buffer, dontFragment = false): void {
    this.#ids.transport(socket)?.sendOne(socket, to, bytes, dontFragment)
  }

  close(socket: SocketId): void {
    const transport = this.#ids.transport(socket)
    if (!transport) return
    this.#closed(socket)
    transport.close(socket)
  }
}
