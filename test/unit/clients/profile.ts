import type { Address } from '../../../src/base/address.ts'
import type { Via } from '../../../src/base/via.ts'
import type { Manner } from './manner.ts'
import type { PlayedClient } from './played-client.ts'

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
