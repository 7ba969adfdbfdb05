import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Address, RECORD, writeRecord } from '../base/address.ts'
import type { Random, Seconds, Time } from '../base/time.ts'
import { readNonceCookie, writeNonceCookie } from '../wire/nonce-cookie.ts'

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
 * The key is made at start, so nonces from before a restart are stale, not wrong.
 */
export class Nonces {
  readonly #key = Buffer.alloc(32)
  readonly #lifetime: Seconds

  constructor(random: Random, lifetime: Seconds) {
    random(this.#key)
    this.#lifetime = lifetime
  }

  make(client: Address, features: number, now: Time): string {
    const stamp = Buffer.alloc(STAMP)
    stamp.writeUInt32BE(Math.floor(now / 1000) >>> 0)
    const cookie = writeNonceCookie(features)
    return cookie + Buffer.concat([stamp, this.#mac(cookie, stamp, client)]).toString('base64url')
  }

  /** True if this nonce was made here for this client and is not too old. */
  isFresh(nonce: string, client: Address, now: Time): boolean {
    const cookie = nonce.slice(0, COOKIE)
    if (nonce.length !== COOKIE + BODY || readNonceCookie(cookie) === undefined) return false
    const body = Buffer.from(nonce.slice(COOKIE), 'base64url')
    // base64 has several spellings of some octets; only ours is a nonce of ours.
    if (body.length !== STAMP + MAC || body.toString('base64url') !== nonce.slice(COOKIE)) return false
    const stamp = body.subarray(0, STAMP)
    if (!timingSafeEqual(body.subarray(STAMP), this.#mac(cookie, stamp, client))) return false
    const age = Math.floor(now / 1000) - stamp.readUInt32BE()
    return age >= -FROM_THE_FUTURE && age < this.#lifetime
  }

  #mac(cookie: string, stamp: Buffer, client: Address): Buffer {
    const record = Buffer.alloc(RECORD)
    writeRecord(client, record, 0)
    const hmac = createHmac('sha256', this.#key).update(cookie).update(stamp).update(record)
    return hmac.digest().subarray(0, MAC)
  }
}

const COOKIE = 13
const BODY = ((STAMP + MAC) / 3) * 4
