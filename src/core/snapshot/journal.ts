import type { PeerAddress } from '../../base/address.ts'
import type { AllocationId, ChannelNumber } from '../../base/ids.ts'
import type { Time } from '../../base/time.ts'
import type { AllocationRecord } from './parts.ts'

/**
 * Keeps what a successor of this relay has to know if its thread breaks. Told
 * before the answer leaves of whatever changed an allocation, so that no client
 * relies on what a successor would not know. Figures of traffic are not told.
 *
 * Those that return a boolean say false where so much has been added to an
 * allocation that the whole of it would be shorter.
 */
export interface AllocationJournal {
  /** An allocation as it is now, in place of what was told of it before. */
  whole(record: AllocationRecord): void
  /** When the relayed addresses end from now on, one moment for each. */
  prolonged(allocation: AllocationId, expires: readonly Time[]): boolean
  /** Permissions that were installed or renewed. */
  permitted(allocation: AllocationId, ips: readonly Uint8Array[], expires: Time): boolean
  /** A channel that was bound or renewed. */
  bound(allocation: AllocationId, channel: ChannelNumber, peer: PeerAddress, expires: Time): boolean
  ended(allocation: AllocationId): void
  /** Whose input is handled now: the one that is named when two threads break is not taken over once more. */
  serving(allocation: AllocationId | undefined): void
}
