import type { Counters } from '../base/counters.ts'
import type { Clock } from '../base/time.ts'
import type { BucketSource } from '../core/buckets.ts'
import type { Siblings } from '../core/environment.ts'
import type { Event } from '../core/event.ts'
import type { RelayKeys } from '../core/relay.ts'
import type { Proofs } from '../core/trust/proofs.ts'
import type { SharedJournal } from '../journal/journal.ts'
import type { GcraTable } from '../limits/gcra-table.ts'
import type { Meters } from '../limits/meters.ts'
import type { PortDirectory } from '../net/ports/port-directory.ts'
import type { ResolvedRelayAddress } from '../net/ports/relay-addresses.ts'
import type { KeepParked } from '../net/ports/relay-ports.ts'
import type { Gathering } from '../net/stream/crowd.ts'
import type { MemoryRoom } from '../system/memory-room.ts'
import type { Gate } from './admission.ts'
import type { FaultLog } from './guarded-inbox.ts'
import type { GuestPost } from './guests/guest-message.ts'
import type { RecordingTo } from './recording-file.ts'
import type { Lasting } from './succession/lasting.ts'

/** What a `LocalShard` is made of, beside the settings. */
export interface LocalShardParts {
  readonly log: FaultLog
  /** The clock of the whole relay; this process's own by default. */
  readonly clock?: Clock
  /** Where this shard counts; memory of its own by default. */
  readonly counters?: Counters
  readonly relays: readonly ResolvedRelayAddress[]
  readonly gate: Gate
  /** Is told what the relay tells. */
  readonly heard: (event: Event) => void
  /** Where to record what the core is told and what it asks; nowhere by default. */
  readonly record?: RecordingTo | undefined
  /** How full the memory of this thread is; as Node.js and the kernel say by default. */
  readonly memory?: MemoryRoom
  /** Where to keep what a shard after this one has to know; without it, and where it has no others, nowhere. */
  readonly journal?: SharedJournal | undefined
  /** What this shard has in common with the others of this relay; absent where it is the only one. */
  readonly shared?: SharedParts
}

export interface SharedParts {
  /** Which of them this is, from 1 on, and how many there are. */
  readonly number: number
  readonly shards: number
  readonly meters: Meters
  readonly buckets: BucketSource
  readonly debts: GcraTable
  readonly proofs: Proofs
  readonly ports: PortDirectory
  readonly keepParked: KeepParked
  readonly chargePeers: Siblings['chargePeers']
  readonly crowd: Gathering
  readonly webCrowd: Gathering
  readonly keys: RelayKeys
  readonly guests: GuestPost
  readonly lasting: Lasting
}
