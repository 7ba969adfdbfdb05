import type { Address } from '../../../src/base/address.ts'
import type { Via } from '../../../src/base/via.ts'
import type { PlayedClient } from './played-client.ts'

/** How a client writes its requests. */
export interface Manner {
  /** The order in which its credentials stand. */
  readonly credentials: readonly ('USERNAME' | 'REALM' | 'NONCE')[]
  /** Where its SOFTWARE stands, and what it says. */
  readonly software?: { readonly text: string; readonly at: 'front' | 'back' }
  readonly fingerprint: boolean
  /**
   * How it answers an offer of PASSWORD-ALGORITHMS: not at all, as clients of RFC 5389 do; with
   * MD5 and MESSAGE-INTEGRITY (P-07); or with SHA-256, as RFC 8489 §9.2.5 wants it.
   */
  readonly algorithms: 'ignored' | 'md5' | 'sha256'
  /** Pads ChannelData over UDP as well. */
  readonly padded?: boolean
  /** Signs again under the same transaction id after a challenge, which RFC 8489 §9.2.5 does not want. */
  readonly keepsTransaction?: boolean
}

/** Sends a payload to the peer, once what it takes has been asked for. */
export type Send = (payload: Buffer) => void

/** What one real client does for as long as a call lasts. */
export interface Profile {
  readonly name: string
  /** Where this was read: project, version, file, functions. */
  readonly source: string
  readonly manner: Manner
  /** Transports to the server that it speaks. */
  readonly vias: readonly Via[]
  /** Opens an allocation and keeps it open. */
  open(client: PlayedClient): void
  /** Asks for what it takes to reach a peer and keeps that, for a client that has its relayed address. */
  reach(client: PlayedClient, peer: Address): Send
}

/** Payloads that wait until something has been granted. */
export class Queue {
  #waiting: Buffer[] | undefined = []

  /** Keeps a payload; false when nothing is waited for any more. */
  keep(payload: Buffer): boolean {
    this.#waiting?.push(payload)
    return this.#waiting !== undefined
  }

  /** Whether nothing is waited for. */
  get isOpen(): boolean {
    return this.#waiting === undefined
  }

  /** Waits again. */
  shut(): void {
    this.#waiting ??= []
  }

  open(send: Send): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const payload of waiting) send(payload)
  }
}
