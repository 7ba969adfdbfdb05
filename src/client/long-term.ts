import {
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHMS,
  REALM,
  USERHASH,
  USERNAME,
} from '../wire/attributes.ts'
import { integrityKind, longTermKey, PasswordAlgorithm, userhash, verify } from '../wire/integrity.ts'
import { get, type Message, type MessageWriter } from '../wire/message.ts'
import { readNonceCookie, SecurityFeature } from '../wire/nonce-cookie.ts'

/**
 * Which of the password algorithms a server offers to take (RFC 8489 §9.2.5).
 * `offered`: the first we know, in the server's order. `md5`: MD5 of those
 * offered. `ignore`: none, as clients of RFC 5389 do, which is what browsers are.
 */
export type AlgorithmChoice = 'offered' | 'md5' | 'ignore'

interface Offer {
  readonly algorithm: number
  readonly parameters: Buffer
}

/**
 * The client's half of the long-term credential mechanism (RFC 8489 §9.2): what
 * the server's last challenge said, and how to sign by it.
 */
export class LongTerm {
  readonly #username: string
  readonly #password: string
  readonly #choice: AlgorithmChoice
  #realm: string | undefined
  #nonce = ''
  #offers: readonly Offer[] | undefined
  #chosen: Offer | undefined
  #anonymous = false
  #key: Buffer | undefined

  constructor(username: string, password: string, choice: AlgorithmChoice) {
    this.#username = username
    this.#password = password
    this.#choice = choice
  }

  /** The key requests are signed with; `undefined` before the first challenge. */
  get key(): Buffer | undefined {
    return this.#key
  }

  get realm(): string | undefined {
    return this.#realm
  }

  get nonce(): string {
    return this.#nonce
  }

  /**
   * Learns from a 401 or 438 answer. False when it must not be retried: no
   * realm or nonce in it, no algorithm we know, or the marks of a bid-down attack.
   */
  challenged(message: Message): boolean {
    const realm = get(message, REALM)
    const nonce = get(message, NONCE)
    if (realm === undefined || nonce === undefined || isBidDown(message)) return false
    const offers = this.#choice === 'ignore' ? undefined : get(message, PASSWORD_ALGORITHMS)
    const chosen = offers?.find(offer => this.#knows(offer.algorithm))
    if (offers && !chosen) return false

    const features = readNonceCookie(nonce) ?? 0
    this.#anonymous = this.#choice !== 'ignore' && (features & SecurityFeature.usernameAnonymity) !== 0
    // The message is only lent to us.
    this.#offers = offers?.map(copyOffer)
    this.#nonce = nonce
    const algorithm = chosen?.algorithm ?? PasswordAlgorithm.MD5
    const before = this.#chosen?.algorithm ?? PasswordAlgorithm.MD5
    if (!this.#key || realm !== this.#realm || algorithm !== before) {
      this.#key = longTermKey(this.#username, realm, this.#password, algorithm)
    }
    this.#realm = realm
    this.#chosen = chosen && copyOffer(chosen)
    return true
  }

  /** Adds credentials and integrity, once there was a challenge. */
  sign(writer: MessageWriter): void {
    if (!this.#key || this.#realm === undefined) return
    if (this.#anonymous) writer.set(USERHASH, userhash(this.#username, this.#realm))
    else writer.set(USERNAME, this.#username)
    writer.set(REALM, this.#realm).set(NONCE, this.#nonce)
    if (!this.#offers || !this.#chosen) {
      writer.sign('sha1', this.#key)
      return
    }
    writer.set(PASSWORD_ALGORITHMS, [...this.#offers]).set(PASSWORD_ALGORITHM, this.#chosen)
    writer.sign('sha256', this.#key)
  }

  #knows(algorithm: number): boolean {
    return (
      algorithm === PasswordAlgorithm.MD5 ||
      (algorithm === PasswordAlgorithm.SHA256 && this.#choice === 'offered')
    )
  }
}

/** True if the answer is signed with this key, by either kind of integrity. */
export function isSigned(message: Message, key: Buffer): boolean {
  const kind = integrityKind(message)
  return kind !== undefined && verify(message, kind, key)
}

/** True if the nonce promises PASSWORD-ALGORITHMS and somebody has taken them out (RFC 8489 §9.2.1). */
export function isBidDown(message: Message): boolean {
  const nonce = get(message, NONCE)
  const features = nonce === undefined ? undefined : readNonceCookie(nonce)
  if (features === undefined || (features & SecurityFeature.passwordAlgorithms) === 0) return false
  return get(message, PASSWORD_ALGORITHMS) === undefined
}

function copyOffer(offer: Offer): Offer {
  return { algorithm: offer.algorithm, parameters: Buffer.from(offer.parameters) }
}
