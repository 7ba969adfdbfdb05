import type { Address } from '../base/address.ts'
import type { ChannelNumber } from '../base/ids.ts'
import type { Seconds } from '../base/time.ts'
import type { Message } from '../wire/message.ts'

/** Numbers a request from its first sending to its end; retries after 401 and 438 keep it. */
export type RequestNumber = number

/** What a client has learnt from its server. Octets are views into what was taken; copy to keep. */
export type TurnEvent =
  /** Answer to Binding: our address as the server sees it. */
  | { readonly kind: 'mapped'; readonly request: RequestNumber; readonly address: Address }
  | {
      readonly kind: 'allocated'
      readonly request: RequestNumber
      /** One relayed address, or IPv4 and IPv6 for a dual allocation. */
      readonly relayed: readonly Address[]
      readonly mapped: Address | undefined
      readonly lifetime: Seconds
      /** Present when EVEN-PORT asked for a pair (RFC 8656 §18.7). */
      readonly reservation: Buffer | undefined
      /** The family of a dual allocation that could not be had (ADDRESS-ERROR-CODE). */
      readonly failed: { readonly family: number; readonly code: number } | undefined
      readonly message: Message
    }
  | {
      readonly kind: 'refreshed'
      readonly request: RequestNumber
      /** 0: the allocation, or the family that was named, is gone. */
      readonly lifetime: Seconds
    }
  /** The allocation may be used from here (RFC 8016); the first that is sent to a peer moves it here. */
  | { readonly kind: 'resumed'; readonly request: RequestNumber; readonly lifetime: Seconds }
  | { readonly kind: 'permitted'; readonly request: RequestNumber; readonly peers: readonly Address[] }
  | {
      readonly kind: 'bound'
      readonly request: RequestNumber
      readonly channel: ChannelNumber
      readonly peer: Address
    }
  /** Answer to a request made with `TurnClient.request`. */
  | { readonly kind: 'answered'; readonly request: RequestNumber; readonly message: Message }
  | {
      readonly kind: 'data'
      readonly peer: Address
      /** Absent when it came as a Data indication. */
      readonly channel: ChannelNumber | undefined
      readonly bytes: Buffer
    }
  /** The peer's network answered a datagram of ours with an ICMP error (RFC 8656 §11.6). */
  | {
      readonly kind: 'icmp'
      readonly peer: Address
      readonly type: number
      readonly code: number
      readonly data: number
    }
  /** An error answer that no retry can fix. */
  | {
      readonly kind: 'rejected'
      readonly request: RequestNumber
      readonly method: number
      readonly code: number
      readonly reason: string
      readonly message: Message
    }
  /** The request ended without an answer that counts. */
  | {
      readonly kind: 'failed'
      readonly request: RequestNumber
      readonly method: number
      readonly why: 'timeout' | 'integrity' | 'challenge'
    }
  /** Something arrived that means nothing to this client; nothing was changed by it. */
  | { readonly kind: 'ignored'; readonly why: IgnoredReason; readonly bytes: Buffer }

/**
 * `integrity`: an answer to a signed request that is not signed, or wrongly.
 * `bid-down`: its nonce promises PASSWORD-ALGORITHMS, but there are none (RFC 8489 §9.2.1).
 */
export type IgnoredReason =
  | 'malformed'
  | 'no-transaction'
  | 'integrity'
  | 'bid-down'
  | 'incomplete'
  | 'unbound-channel'
  | 'not-for-clients'

export function ignored(why: IgnoredReason, bytes: Buffer): TurnEvent {
  return { kind: 'ignored', why, bytes }
}
