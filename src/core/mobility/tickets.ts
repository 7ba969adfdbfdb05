import type { AllocationId } from '../../base/ids.ts'
import type { Random } from '../../base/time.ts'
import type { Aead } from '../environment.ts'

/** What stands in a MOBILITY-TICKET. */
export interface Ticket {
  /** Which allocation; it has one user, so the ticket is of use to nobody else. */
  readonly allocation: AllocationId
  /** Tickets of an allocation are numbered from 1 on. */
  readonly number: number
}

const VERSION = 1
const IV = 12
const ID = 8
const NUMBER = 4
const TAG = 16
/** Octets of a ticket. */
export const TICKET_LENGTH = 1 + IV + ID + NUMBER + TAG

/**
 * Tickets without memory (RFC 8016 §3.1.2): the id of an allocation and a
 * number, sealed with a key that only this server has. Two tickets are never
 * alike, as each has a random IV, and one tells nothing to others.
 *
 * A ticket alone opens nothing: the Refresh that brings it is signed by the
 * allocation's user, with a nonce for the address that it comes from.
 *
 * The key is made at start unless the shards of one server share it; it is in
 * the secret part of a snapshot, so tickets outlive the process.
 */
export class Tickets {
  /** Secret. */
  readonly key = Buffer.alloc(32)
  readonly #aead: Aead
  readonly #random: Random

  constructor(aead: Aead, random: Random, key?: Uint8Array) {
    this.#aead = aead
    this.#random = random
    if (key) this.key.set(key)
    else random(this.key)
  }

  seal({ allocation, number }: Ticket): Buffer {
    const iv = Buffer.alloc(IV)
    this.#random(iv)
    const text = Buffer.alloc(ID + NUMBER)
    text.writeBigUInt64BE(BigInt(allocation))
    text.writeUInt32BE(number, ID)
    return Buffer.concat([Buffer.of(VERSION), iv, this.#aead.seal(this.key, iv, text)])
  }

  /** What a ticket of ours says; `undefined` for any other octets. */
  open(ticket: Uint8Array): Ticket | undefined {
    if (ticket.length !== TICKET_LENGTH || ticket[0] !== VERSION) return undefined
    const text = this.#aead.open(this.key, ticket.subarray(1, 1 + IV), ticket.subarray(1 + IV))
    if (!text) return undefined
    return { allocation: Number(text.readBigUInt64BE()) as AllocationId, number: text.readUInt32BE(ID) }
  }
}
