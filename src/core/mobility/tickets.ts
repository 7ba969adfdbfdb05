import type { AllocationId } from '../../base/ids.ts'
import type { Random } from '../../base/time.ts'
import type { Sealing } from '../environment.ts'

/** What stands in a MOBILITY-TICKET. */
export interface Ticket {
  /** Which allocation; it has one user, so the ticket is of use to nobody else. */
  readonly allocation: AllocationId
  /** Tickets of an allocation are numbered from 1 on. */
  readonly number: number
}

/** Octets of the key. */
export const TICKET_KEY = 64

// The block that is sealed: the id, the number, and octets by which no two are alike.
const NUMBER = 8
const CHANCE = 12
const BLOCK = 16

/** One ticket in eight has an octet 0 somewhere; so many in a row that have one there are not. */
const TRIES = 64

/**
 * Tickets without memory (RFC 8016 §3.1.2): the id of an allocation and a
 * number, sealed as Appendix A does it with a key that only this server has.
 *
 * A ticket alone opens nothing: the Refresh that brings it is signed by the
 * allocation's user, with a nonce for the address that it comes from.
 *
 * It has 32 octets and none of them is 0, as coturn's client takes no more and
 * reads them as text.
 *
 * The key is made at start unless the shards of one server share it; it is in
 * the secret part of a snapshot, so tickets outlive the process.
 */
export class Tickets {
  /** Secret. */
  readonly key = Buffer.alloc(TICKET_KEY)
  readonly #sealing: Sealing
  readonly #random: Random

  constructor(sealing: Sealing, random: Random, key?: Uint8Array) {
    this.#sealing = sealing
    this.#random = random
    if (key) this.key.set(key)
    else random(this.key)
  }

  seal({ allocation, number }: Ticket): Buffer {
    const block = Buffer.alloc(BLOCK)
    block.writeBigUInt64BE(BigInt(allocation))
    block.writeUInt32BE(number, NUMBER)
    const chance = block.subarray(CHANCE)
    for (let left = TRIES; ; left--) {
      this.#random(chance)
      const ticket = this.#sealing.seal(this.key, block)
      if (left === 0 || !ticket.includes(0)) return ticket
    }
  }

  /** What a ticket of ours says; `undefined` for any other octets. */
  open(ticket: Uint8Array): Ticket | undefined {
    const block = this.#sealing.open(this.key, ticket)
    if (!block) return undefined
    return {
      allocation: Number(block.readBigUInt64BE()) as AllocationId,
      number: block.readUInt32BE(NUMBER),
    }
  }
}
