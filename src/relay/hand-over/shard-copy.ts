import type { Address } from '../../base/address.ts'
import type { SocketId } from '../../base/ids.ts'
import { CopiedState } from '../../core/snapshot/difference.ts'
import type { Leaves } from '../../core/snapshot/record.ts'
import type { UdpTransport } from '../../net/transport.ts'
import type { Shard } from '../../shard/shard.ts'
import { descriptors } from '../../system/descriptors.ts'
import { inTurns } from '../../system/slices.ts'

/** A relay socket that goes ahead, by a descriptor of its own. */
export interface CopiedSocket {
  readonly id: SocketId
  readonly local: Address
  readonly fd: number
}

/** What a shard sends ahead of a hand-over while it goes on. */
export interface ShardCopy {
  /** Whether it is the first, and not what has changed since the one before it. */
  readonly isWhole: boolean
  /** Its state, or what has changed of it. */
  readonly state: Uint8Array
  /** Relay sockets that were not sent before. */
  readonly sockets: readonly CopiedSocket[]
  /** Those that were sent before and are closed. */
  readonly closed: readonly SocketId[]
  /** How many allocations and sockets are in it. */
  readonly changed: number
}

/** Relay sockets that are duplicated at once: they count for the process until they have been sent. */
const AT_ONCE = 4096

/** What another process has of a shard that goes on: its state as it was, and relay sockets. */
export class CopyOfShard {
  readonly state = new CopiedState()
  readonly #sockets = new Map<SocketId, Address['key']>()
  #isBegun = false

  /** The next part: in turns, so that calls do not have to wait. `relays` says which relay sockets there are. */
  async next(
    shard: Shard,
    udp: UdpTransport,
    leaves: Leaves,
    relays: () => readonly SocketId[],
  ): Promise<ShardCopy> {
    const isWhole = !this.#isBegun
    const write = this.#isBegun ? shard.difference(leaves, this.state) : shard.snapshot(leaves, this.state)
    const state = await inTurns(write)
    this.#isBegun = true
    const open = relays()
    const closed = this.close(udp, open)
    const sockets = this.#duplicate(udp, open)
    return { isWhole, state, sockets, closed, changed: this.state.changed + sockets.length + closed.length }
  }

  /** Whether the other process has this socket. */
  has(socket: SocketId): boolean {
    return this.#sockets.has(socket)
  }

  /** The sockets that the other process has. */
  get sockets(): Iterable<SocketId> {
    return this.#sockets.keys()
  }

  /** Those that the other process has and that are not open any more, which are to be closed there. */
  close(udp: UdpTransport, open: readonly SocketId[]): SocketId[] {
    const left = new Set(open)
    const closed: SocketId[] = []
    for (const [id, key] of this.#sockets) {
      if (left.has(id) && udp.boundTo(id)?.key === key) continue
      this.#sockets.delete(id)
      closed.push(id)
    }
    return closed
  }

  /** Duplicates those that were not sent yet, as long as there is room for them. */
  #duplicate(udp: UdpTransport, open: readonly SocketId[]): CopiedSocket[] {
    const sockets: CopiedSocket[] = []
    for (const id of open) {
      if (this.#sockets.has(id)) continue
      if (sockets.length === AT_ONCE || !descriptors.takeOne()) break
      const local = udp.boundTo(id)
      const fd = udp.duplicate(id)
      if (!local || fd === undefined) continue
      this.#sockets.set(id, local.key)
      sockets.push({ id, local, fd })
    }
    return sockets
  }
}
