import type { Random } from '../base/time.ts'
import { DATA, XOR_PEER_ADDRESS } from '../wire/attributes.ts'
import { ATTRIBUTE_HEADER, DATA_INDICATION, HEADER_LENGTH, padded } from '../wire/header.ts'
import { COOKIE, LITTLE_ENDIAN, PORT, XOR_IPV4, XOR_IPV6 } from './record-words.ts'

/** Octets in front of the payload: STUN header, XOR-PEER-ADDRESS, header of DATA. */
export const DATA_HEADER_IPV4 = HEADER_LENGTH + 12 + ATTRIBUTE_HEADER
export const DATA_HEADER_IPV6 = HEADER_LENGTH + 24 + ATTRIBUTE_HEADER

// Type and length of XOR-PEER-ADDRESS, as one word of the network's order.
const PEER_IPV4 = (XOR_PEER_ADDRESS.type << 16) | 8
const PEER_IPV6 = (XOR_PEER_ADDRESS.type << 16) | 20
const DATA_TYPE = DATA.type

/** Words of a transaction id. */
const TRANSACTION = 3
/** Transaction ids that are drawn at once. */
const DRAW = 1024

/** Writes Data indications (RFC 8656 §11.3) around payloads that stay where they are. */
export class DataIndicationRows {
  readonly #random: Random
  /** Random words, each used once and then drawn afresh in place. */
  readonly #pool = new Int32Array(DRAW * TRANSACTION)
  readonly #octets = Buffer.from(this.#pool.buffer)
  #used = this.#pool.length

  constructor(random: Random) {
    this.#random = random
  }

  /**
   * Writes the `header` octets at `at`, which is `DATA_HEADER_IPV4` or
   * `DATA_HEADER_IPV6` as the peer's record at `words[peer]` demands, and the
   * padding behind the payload of `octets` that follows.
   */
  write(view: DataView, at: number, header: number, words: Int32Array, peer: number, octets: number): void {
    const padding = padded(octets) - octets
    view.setUint16(at, DATA_INDICATION)
    view.setUint16(at + 2, header - HEADER_LENGTH + octets + padding)
    view.setInt32(at + 4, COOKIE, LITTLE_ENDIAN)

    if (this.#used === this.#pool.length) {
      this.#random(this.#octets)
      this.#used = 0
    }
    const t0 = this.#pool[this.#used]!
    const t1 = this.#pool[this.#used + 1]!
    const t2 = this.#pool[this.#used + 2]!
    this.#used += TRANSACTION
    view.setInt32(at + 8, t0, LITTLE_ENDIAN)
    view.setInt32(at + 12, t1, LITTLE_ENDIAN)
    view.setInt32(at + 16, t2, LITTLE_ENDIAN)

    // The IP address is XORed with cookie and transaction id in line (RFC 8489 §14.2).
    const port = words[peer]! & PORT
    view.setInt32(at + 28, words[peer + 1]! ^ COOKIE, LITTLE_ENDIAN)
    if (header === DATA_HEADER_IPV4) {
      view.setInt32(at + 20, PEER_IPV4)
      view.setInt32(at + 24, port ^ XOR_IPV4, LITTLE_ENDIAN)
    } else {
      view.setInt32(at + 20, PEER_IPV6)
      view.setInt32(at + 24, port ^ XOR_IPV6, LITTLE_ENDIAN)
      view.setInt32(at + 32, words[peer + 2]! ^ t0, LITTLE_ENDIAN)
      view.setInt32(at + 36, words[peer + 3]! ^ t1, LITTLE_ENDIAN)
      view.setInt32(at + 40, words[peer + 4]! ^ t2, LITTLE_ENDIAN)
    }

    const payload = at + header
    view.setUint16(payload - 4, DATA_TYPE)
    view.setUint16(payload - 2, octets)
    for (let i = 0; i < padding; i++) view.setUint8(payload + octets + i, 0)
  }
}
