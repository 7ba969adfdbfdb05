import { timingSafeEqual } from 'node:crypto'
import { type ClientAddress, RECORD, writeRecord } from '../../base/address.ts'
import type { Random, Seconds, Time } from '../../base/time.ts'
import { hmac } from '../../wire/mac.ts'
import { readNonceCookie, writeNonceCookie } from '../../wire/nonce-cookie.ts'

const STAMP = 4
const MAC = 8
/** A clock may differ between the shards that share a key, but not by much. */
const FROM_THE_FUTURE = 5

/**
 * Nonces without memory: the nonce cookie (RFC 8489 §9.2), the second it was
 * made, and a MAC over that second and the client's address. A flood of
 * requests from forged sources therefore leaves nothing behind, and a nonce
 * is worth nothing from another address (RFC 8489 §9.2.4).
 *
 * The key is made at start unless the shards of one server share it, so nonces
 * from before a restart are stale, not wrong.
 */
export class Nonces {
  readonly #key = Buffer.alloc(32)
  #lifetime: Seconds

  constructor(random: Random, lifetime: Seconds, key?: Uint8Array) {
    if (key) this.#key.set(key)
    else random(this.#key)
    this.#lifetime = lifetime
  }

  /** Nonces are good for so long from now on, those that clients have included. */
  configure(lifetime: Seconds): void {
    this.#lifetime = lifetime
  }

  /** Secret. A relay that takes over the clients of another needs it. */
  get key(): Buffer {
    return this.#key
  }

  make(client: ClientAddress, features: number, now: Time): string {
    const cookie = writeNonceCookie(features)
    return cookie + this.#body(cookie, Math.floor(now / 1000) >>> 0, client)
  }

  /** True if this nonce was made here for this client and is not too old. */
  isFresh(nonce: string, client: ClientAddress, now: Time): boolean {
    if (nonce.length !== COOKIE + BODY) return false
    const cookie = nonce.slice(0, COOKIE)
    if (readNonceCookie(cookie) === undefined) return false
    const body = Buffer.from(nonce.slice(COOKIE), 'base64url')
    if (body.length !== STAMP + MAC) return false
    const stamp = body.readUInt32BE()
    // Stamps have 32 bits, so only the difference counts, whichever century it is.
    const age = (Math.floor(now / 1000) - stamp) | 0
    if (age < -FROM_THE_FUTURE || age >= this.#lifetime) return false
    // As text: base64 has several spellings of some octets, and only ours is a nonce of ours.
    given.write(nonce)
    made.write(cookie + this.#body(cookie, stamp, client))
    return timingSafeEqual(given, made)
  }

  /** Stamp and MAC as they stand behind the cookie. */
  #body(cookie: string, stamp: number, client: ClientAddress): string {
    signed.write(cookie, 'latin1')
    signed.writeUInt32BE(stamp, COOKIE)
    writeRecord(client, signed, COOKIE + STAMP)
    packed.writeUInt32BE(stamp)
    packed.write(hmac('sha256', this.#key, signed), STAMP, MAC, 'latin1')
    return packed.toString('base64url')
  }
}

const COOKIE = 13
const BODY = ((STAMP + MAC) / 3) * 4

const signed = Buffer.alloc(COOKIE + STAMP + RECORD)
const packed = Buffer.alloc(STAMP + MAC)
const given = Buffer.alloc(COOKIE + BODY)
const made = Buffer.alloc(COOKIE + BODY)
