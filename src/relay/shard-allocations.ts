import type { AllocationId, SocketId } from '../base/ids.ts'
import type { CloseReason } from '../core/event.ts'
import type { Shard } from '../shard/shard.ts'
import { DEAR, inSlices } from '../system/slices.ts'
import type { GuardedInbox } from './guarded-inbox.ts'
import { ReadingsWriter } from './readings.ts'

export interface ShardAllocationsParts {
  readonly shard: Shard
  readonly inbox: GuardedInbox
  /** Datagrams for the client at this socket that were dropped behind the forwarders. */
  readonly droppedAt: (socket: SocketId) => number
}

/** The allocations of one shard, as those who run the relay read and end them. */
export class ShardAllocations {
  readonly #parts: ShardAllocationsParts

  constructor(parts: ShardAllocationsParts) {
    this.#parts = parts
  }

  /** Those that are still opening included. */
  count(): number {
    return this.#parts.shard.size
  }

  /** What they have carried, as `readings.ts` has it; read in slices. */
  async read(): Promise<Float64Array> {
    const { shard, droppedAt } = this.#parts
    const readings = new ReadingsWriter()
    await inSlices(shard.openAllocations(), allocation => {
      const { traffic, dropped } = shard.carried(allocation)
      readings.add({
        allocation: allocation.id,
        expires: shard.expires(allocation),
        permissions: allocation.permissions.size,
        channels: allocation.channels,
        traffic,
        dropped: dropped + droppedAt(allocation.client.socket),
      })
    })
    return readings.values()
  }

  end(allocation: AllocationId, reason: CloseReason): void {
    const { shard, inbox } = this.#parts
    inbox.guard(reason, () => shard.take({ kind: 'revoke', allocation, reason }))
  }

  /** Ends those with one of these relay sockets, in slices, so that the others do not wait. */
  async endOn(sockets: ReadonlySet<SocketId>): Promise<void> {
    const ending = [...this.#parts.shard.openAllocations()].filter(({ legs }) =>
      legs.some(({ relay }) => sockets.has(relay.socket)),
    )
    await inSlices(ending, ({ id }) => this.end(id, 'moved'), DEAR)
  }

  endAll(reason: CloseReason): void {
    for (const { id } of [...this.#parts.shard.allocations()]) this.end(id, reason)
  }
}
