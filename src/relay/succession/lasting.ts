import type { AllocationId, SocketId } from '../../base/ids.ts'
import type { Event } from '../../core/event.ts'
import type { SharedJournal } from '../../journal/journal.ts'
import type { KeptSockets } from '../../net/udp/kept-sockets.ts'
import type { Door } from '../guests/guest-message.ts'

/** What outlives the thread of a shard: its sockets, and what it knew of its allocations. */
export interface Lasting {
  readonly kept: KeptSockets
  readonly journal: SharedJournal
  /** The memory that `kept` reads, for the transport to write. */
  readonly sockets: SharedArrayBuffer
}

/** What a shard has to know that takes the place of one that broke. */
export interface Inheritance {
  /** Where sockets are that other shards have, by the ids that they had here. */
  readonly doors: readonly (readonly [SocketId, Door])[]
  /** Allocations that are not taken over, as a thread broke over them more than once. */
  readonly without: ReadonlySet<AllocationId>
}

/** What a shard has taken over, as events that tell of it. */
export interface KeptAllocations {
  readonly allocations: readonly (Event & { kind: 'opened' })[]
}
