import type { Random } from '../base/time.ts'

/** Octets in front of the payload: STUN header, XOR-PEER-ADDRESS, header of DATA. */
export const DATA_HEADER_IPV4 = 20 + 12 + 4
export const DATA_HEADER_IPV6 = 20 + 24 + 4

const TRANSACTION = 12
/** Transaction ids that are drawn at once. */
const DRAW = 1024

/** Writes Data indications (RFC 8656 §11.3) around payloads that stay where they are. */
export class DataIndication {
  readonly #random: Random
  /** Random octets, each used once and then drawn afresh in place. */
  readonly #pool = Buffer.alloc(DRAW * TRANSACTION)
  #used = DRAW * TRANSACTION

  constructor(random: Random) {
    this.#random = random
  }

  /**
   * Writes the header at `at`, so that it ends where the payload of `octets`
   * begins, and the padding behind that. The peer is the record (`base/address.ts`)
   * at `record[peer]`.
   */
  write(bytes: Uint8Array, at: number, record: Uint8Array, peer: number, octets: number): void {
    const ipv4 = record[peer] === 4
    const header = ipv4 ? DATA_HEADER_IPV4 : DATA_HEADER_IPV6
    const padding = -octets & 3
    const length = header - 20 + octets + padding

    bytes[at] = 0x00
    bytes[at + 1] = 0x17
    bytes[at + 2] = length >> 8
    bytes[at + 3] = length
    bytes[at + 4] = 0x21
    bytes[at + 5] = 0x12
    bytes[at + 6] = 0xa4
    bytes[at + 7] = 0x42
    this.#writeTransaction(bytes, at + 8)

    bytes[at + 20] = 0x00
    bytes[at + 21] = 0x12
    bytes[at + 22] = 0
    bytes[at + 23] = ipv4 ? 8 : 20
    bytes[at + 24] = 0
    bytes[at + 25] = ipv4 ? 1 : 2
    bytes[at + 26] = record[peer + 2]! ^ 0x21
    bytes[at + 27] = record[peer + 3]! ^ 0x12
    // Cookie and transaction id, with which the address is veiled, stand in line (RFC 8489 §14.2).
    const ip = ipv4 ? 4 : 16
    for (let i = 0; i < ip; i++) bytes[at + 28 + i] = record[peer + 4 + i]! ^ bytes[at + 4 + i]!

    const data = at + header - 4
    bytes[data] = 0x00
    bytes[data + 1] = 0x13
    bytes[data + 2] = octets >> 8
    bytes[data + 3] = octets
    const end = at + header + octets
    for (let i = 0; i < padding; i++) bytes[end + i] = 0
  }

  #writeTransaction(bytes: Uint8Array, at: number): void {
    const pool = this.#pool
    if (this.#used === pool.length) {
      this.#random(pool)
      this.#used = 0
    }
    const from = this.#used
    for (let i = 0; i < TRANSACTION; i++) bytes[at + i] = pool[from + i]!
    this.#used = from + TRANSACTION
  }
}
