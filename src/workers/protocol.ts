import type { SecureContextOptions } from 'node:tls'
import type { AllocationId, MeterId, SocketId } from '../base/ids.ts'
import type { Settings } from '../config/settings.ts'
import type { Listener } from '../config/values/listener.ts'
import type { Slowed } from '../core/buckets.ts'
import type { Event, Owner, RejectReason } from '../core/event.ts'
import type { RelayKeys } from '../core/relay.ts'
import type { MapDescriptors } from '../kernel/kernel-maps.ts'
import type { WritingLevel } from '../log/level.ts'
import type { LogFields } from '../log/log.ts'
import type { ParkedPort } from '../net/ports/parked-port.ts'
import type { RelayPlaces } from '../net/ports/port-directory.ts'
import type { AcmeChallenge } from '../net/stream/tls/acme-door.ts'
import type { BanChange, ClientRules } from '../policy/client-policy.ts'
import type { AdmissionRefusal, AdmissionRequest } from '../relay/admission.ts'
import type { Door, GuestMessage } from '../relay/guests/guest-message.ts'
import type { ShardHandOver } from '../relay/hand-over/shard-hand-over.ts'
import type { RecordingTo } from '../relay/recording-file.ts'
import type { Inheritance } from '../relay/succession/lasting.ts'
import type { ClockReading } from '../system/clock.ts'

/**
 * What the main thread and a worker tell each other. Messages travel as lists,
 * one list for all that came up in one turn of the event loop, and are taken
 * in order.
 */
export type ToWorker =
  | { readonly kind: 'listen'; readonly on: Listening }
  | {
      readonly kind: 'admitted'
      readonly allocation: AllocationId
      readonly meters: readonly MeterId[]
      /** The port of the claim's token, to be adopted by a duplicate before the claim is confirmed. */
      readonly parked?: ParkedPort | undefined
    }
  | ({ readonly kind: 'refused'; readonly allocation: AllocationId } & AdmissionRefusal)
  | {
      readonly kind: 'configure'
      readonly settings: Settings
      readonly relays: RelayPlaces
      readonly meters: readonly OwnerMeters[]
    }
  | { readonly kind: 'slow'; readonly slowed: Slowed; readonly meters: readonly OwnerMeters[] }
  | { readonly kind: 'certificate'; readonly options: SecureContextOptions }
  | { readonly kind: 'prove'; readonly challenges: readonly AcmeChallenge[] }
  | { readonly kind: 'clients'; readonly rules: ClientRules }
  | { readonly kind: 'bans'; readonly changes: readonly BanChange[] }
  | { readonly kind: 'drain'; readonly on: boolean }
  | { readonly kind: 'kernel'; readonly maps: MapDescriptors | undefined }
  /** Wants what its allocations have carried. */
  | { readonly kind: 'read' }
  /** Asks for `judged`, with this number. */
  | { readonly kind: 'judge'; readonly number: number }
  | { readonly kind: 'revoke'; readonly allocation: AllocationId }
  /** What another worker has to say of a client that one serves for the other. */
  | { readonly kind: 'guest'; readonly by: number; readonly message: GuestMessage }
  /** A worker has gone, with its allocations. */
  | { readonly kind: 'gone'; readonly worker: number }
  /** A worker has taken over from one that broke; it does not know which of its clients are with others. */
  | { readonly kind: 'replaced'; readonly worker: number }
  /** A step of a hand-over to or from another process. */
  | ({ readonly kind: 'step'; readonly number: number } & HandOverStep)
  /** What the worker has taken over from another process, as it stands in the books of the main thread. */
  | { readonly kind: 'resume'; readonly holdings: readonly HeldAllocation[] }
  | { readonly kind: 'stop' }

export type FromWorker =
  | { readonly kind: 'ready' }
  /** The id of a UDP listener, by the descriptor that it is a duplicate of. */
  | { readonly kind: 'listening'; readonly fd: number; readonly socket: SocketId }
  /** Where the socket of an id is that another worker has; nowhere any more where it is absent. */
  | { readonly kind: 'door'; readonly socket: SocketId; readonly door: Door | undefined }
  /** What has been taken over from the worker before this one; what else that had is lost. */
  | { readonly kind: 'taken-over'; readonly allocations: readonly (Event & { kind: 'opened' })[] }
  | { readonly kind: 'claim'; readonly ask: AdmissionRequest }
  /** `parked`: the odd port that is reserved with it, which the main thread keeps from now on. */
  | {
      readonly kind: 'confirmed'
      readonly allocation: AllocationId
      readonly parked?: ParkedPort | undefined
    }
  | { readonly kind: 'released'; readonly allocation: AllocationId }
  | { readonly kind: 'told'; readonly event: Event }
  /** What the allocations have carried; see `readings.ts`. */
  | { readonly kind: 'readings'; readonly values: Float64Array }
  /** Everything that is open has been judged by the settings it was told. */
  | { readonly kind: 'judged'; readonly number: number }
  /** What a step has come to, or why it failed. */
  | { readonly kind: 'stepped'; readonly number: number; readonly value?: unknown; readonly error?: string }
  /** As many more requests were rejected as the ones told of. */
  | { readonly kind: 'rejected'; readonly why: RejectReason; readonly count: number }
  /** For the worker that holds the allocation, for one of them, or for all others. */
  | {
      readonly kind: 'guest'
      readonly to: { readonly allocation: AllocationId } | { readonly worker: number } | 'all'
      readonly message: GuestMessage
    }
  | {
      readonly kind: 'log'
      readonly limit: string
      readonly level: WritingLevel
      readonly message: string
      readonly fields: LogFields
    }

/** A listener of which a worker gets a duplicate. Descriptors count for the whole process. */
export interface Listening {
  readonly listener: Listener
  readonly fd: number
  /** The id that the socket had with the worker of another process. */
  readonly socket?: SocketId | undefined
}

/** A step of `ShardHandOver`, with what it is given. */
export type HandOverStep = {
  readonly [K in StepName]: { readonly step: K; readonly of: Parameters<ShardHandOver[K]> }
}[StepName]
export type StepName =
  | 'hold'
  | 'settle'
  | 'go'
  | 'snapshot'
  | 'rehearse'
  | 'copy'
  | 'forgetCopy'
  | 'receive'
  | 'quieten'
  | 'giveAhead'
  | 'giveRest'
  | 'goOn'
  | 'takeRest'
  | 'give'
  | 'takeBack'
  | 'leave'
  | 'take'
  | 'connect'
  | 'hangUp'
  | 'stranded'
  | 'drop'

/** The token buckets that an owner's payload has to pass. */
export interface OwnerMeters {
  readonly owner: Owner
  readonly ids: readonly MeterId[]
}

/** A worker's start-up data. */
export interface Start {
  /** From 0 on. */
  readonly index: number
  readonly settings: Settings
  readonly relays: RelayPlaces
  readonly listening: readonly Listening[]
  readonly certificate: SecureContextOptions | undefined
  readonly challenges: readonly AcmeChallenge[]
  readonly draining: boolean
  /** Reads nothing until it is told to go. */
  readonly held: boolean
  readonly clients: ClientRules | undefined
  readonly bans: readonly BanChange[]
  readonly slowed: Slowed
  /** The maps of the kernel, of which the worker uses its share, and how many workers there are. */
  readonly kernel: MapDescriptors | undefined
  readonly workers: number
  readonly record: RecordingTo | undefined
  /** Absent where there is nothing to take over. */
  readonly takeOver?: TakeOver | undefined
  readonly clock: ClockReading
  readonly keys: RelayKeys
  readonly memory: SharedMemory
}

/** What a worker has to know that takes over from one that broke. */
export interface TakeOver extends Inheritance {
  /** The ids of UDP listeners, by the descriptors that they are duplicates of. */
  readonly listeners: ReadonlyMap<number, SocketId>
  /** What the other one held in the books of the main thread. */
  readonly holdings: readonly HeldAllocation[]
}

export interface HeldAllocation extends OwnerMeters {
  readonly allocation: AllocationId
}

/** Memory that all threads see. The first five are the worker's own, and outlive it. */
export interface SharedMemory {
  readonly counters: SharedArrayBuffer
  readonly gauges: SharedArrayBuffer
  /** One 32-bit word that the worker counts up once a second, by which it is seen to be alive. */
  readonly heart: SharedArrayBuffer
  /** See `KeptSockets` and `SharedJournal`. */
  readonly sockets: SharedArrayBuffer
  /** Memory, or the descriptor of a file in memory. */
  readonly journal: SharedArrayBuffer | number
  readonly meters: SharedArrayBuffer
  readonly ports: SharedArrayBuffer
  readonly crowd: SharedArrayBuffer
  readonly webCrowd: SharedArrayBuffer
  readonly crowdSeed: Uint8Array
  readonly debts: SharedArrayBuffer
  readonly proofs: SharedArrayBuffer
  readonly scans: SharedArrayBuffer
  readonly guests: SharedArrayBuffer
}
