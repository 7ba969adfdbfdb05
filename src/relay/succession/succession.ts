import { NOWHERE } from '../../base/five-tuple.ts'
import type { SocketId } from '../../base/ids.ts'
import { tuplesOf } from '../../core/allocation.ts'
import { openedEvent } from '../../core/event.ts'
import type { AllocationRecord } from '../../core/snapshot/parts.ts'
import type { PortDirectory } from '../../net/ports/port-directory.ts'
import type { RelayPorts } from '../../net/ports/relay-ports.ts'
import type { SocketIds } from '../../net/socket-ids.ts'
import type { Shard } from '../../shard/shard.ts'
import type { GuardedInbox } from '../guarded-inbox.ts'
import type { Guests } from '../guests/guests.ts'
import type { ShardAllocations } from '../shard-allocations.ts'
import type { Inheritance, KeptAllocations, Lasting } from './lasting.ts'

export interface SuccessionParts extends Lasting {
  readonly shard: Shard
  readonly inbox: GuardedInbox
  readonly ids: SocketIds
  readonly ports: RelayPorts
  /** Which ports which shards have, and the number of this one. */
  readonly directory: PortDirectory
  readonly number: number
  readonly guests: Guests | undefined
  readonly allocations: ShardAllocations
}

/**
 * How a shard takes over from one whose thread broke: relay sockets by their
 * descriptors, allocations from the journal. Clients keep their 5-tuples, as the
 * sockets keep their ids; only connections have ended.
 */
export class Succession {
  readonly #parts: SuccessionParts

  constructor(parts: SuccessionParts) {
    this.#parts = parts
  }

  /**
   * Takes over what is left of the shard before this one, whose UDP listeners are adopted already; with nothing to
   * inherit it begins afresh. No datagram is read before it is done. Call it once.
   */
  async take(inheritance: Inheritance | undefined): Promise<KeptAllocations> {
    const { shard, inbox, ids, ports, guests, journal, kept, directory, number } = this.#parts
    const { allocations } = journal.adopt(
      ({ id }) => inheritance !== undefined && !inheritance.without.has(id),
    )
    const found: AllocationRecord[] = []
    for (const record of allocations) {
      if (await this.#takeSockets(record)) found.push(record)
      else journal.ended(record.id)
    }
    for (const [socket, door] of inheritance?.doors ?? []) guests?.transport.resume(socket, door)
    kept.closeAllBut(socket => ids.transport(socket) !== undefined)
    directory.retain(number, ports.bound)
    for (const record of found) {
      inbox.guard('take over', () =>
        shard.take({ kind: 'restore', part: { kind: 'allocations', value: [record] } }),
      )
    }
    this.#endConnections(found)
    for (const record of found) for (const client of tuplesOf(record)) guests?.transport.host(client, true)
    const open = new Set(Array.from(shard.openAllocations(), ({ id }) => id))
    return { allocations: found.filter(({ id }) => open.has(id)).map(openedEvent) }
  }

  /** Adopts the relay sockets of an allocation: all of them, or none. */
  async #takeSockets({ legs }: AllocationRecord): Promise<boolean> {
    const { ids, kept, ports } = this.#parts
    const taken: SocketId[] = []
    for (const { relay } of legs) {
      const fd = ids.transport(relay.socket) ? undefined : kept.descriptor(relay.socket)
      if (fd !== undefined && (await ports.resume(relay, fd))) {
        taken.push(relay.socket)
        continue
      }
      for (const socket of taken) {
        ports.closed(socket)
        ids.transport(socket)?.close(socket)
      }
      return false
    }
    return legs.length > 0
  }

  /** Connections ended with the thread. Clients with a ticket may come back, those without lose their allocation. */
  #endConnections(found: readonly AllocationRecord[]): void {
    const { inbox, ids, allocations } = this.#parts
    const gone = new Set<SocketId>()
    for (const record of found) {
      for (const { socket } of tuplesOf(record)) {
        if (socket === NOWHERE || ids.transport(socket)) continue
        if (record.mobility) gone.add(socket)
        else allocations.end(record.id, 'lost')
      }
    }
    for (const socket of gone) inbox.hungUp(socket)
  }
}
