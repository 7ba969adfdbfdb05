import type { Time } from '../../base/time.ts'
import type { DebtKey } from '../../limits/gcra-table.ts'

/** What one user can have proved at a time; the oldest is forgotten for the newest. */
const EACH = 8
const USERS = 8192
const WAYS = 4
/** As many as all users together can have proved. */
const ENTRIES = USERS * EACH

/** Parts of the memory, one after the other, in bytes. */
const KEYS = 0
const UNTIL = KEYS + ENTRIES * 8
const HOLDERS = UNTIL + ENTRIES * 4
const TAGS = HOLDERS + ENTRIES * 4
const USER_TAGS = TAGS + ENTRIES * 4
const USER_SEEN = USER_TAGS + USERS * 4
const TENANTS = USER_SEEN + USERS * 4
const USER_TENANTS = TENANTS + ENTRIES * 4
const BYTES = USER_TENANTS + USERS * 4

/** A tag that no key has: of a free place. */
const NOBODY = 0
/** In place of a tenant: those of several have proved the same. */
const SEVERAL = 0
const MINUTE = 60_000

/** Somebody who has logged in, and the tenant whose user that is. */
export interface Prover {
  readonly user: DebtKey
  readonly tenant: DebtKey
}

/**
 * Which networks somebody has logged in from, and which names from which
 * address, until when. A table of fixed size and apart from what anybody owes,
 * so neither can displace the other.
 *
 * Every proof is one user's, who has eight at a time: a user with a /48 to log
 * in from forgets the user's own proofs, never those of others. When there are
 * more users than places, one makes room whose tenant has most of the places
 * that come into question: a tenant who signs thousands of names has its share
 * of the table, and displaces nobody of a tenant who needs less.
 *
 * Keys are those of a `GcraTable`, whose secret words decide the rows. Several
 * threads may have one memory; what two of them do to one row at the same
 * moment may be lost.
 */
export class Proofs {
  readonly memory: SharedArrayBuffer
  /** By user: what the user has proved. */
  readonly #keys: Float64Array
  /** By proof: when it ends, in minutes since the epoch, and how many users have it. */
  readonly #until: Int32Array
  readonly #holders: Int32Array
  readonly #tags: Int32Array
  /** Users, and the minute in which each was seen last. */
  readonly #userTags: Int32Array
  readonly #userSeen: Int32Array
  /** Whose proofs and whose users they are. */
  readonly #tenants: Int32Array
  readonly #userTenants: Int32Array

  constructor(memory: SharedArrayBuffer = Proofs.memory()) {
    this.memory = memory
    this.#keys = new Float64Array(memory, KEYS, ENTRIES)
    this.#until = new Int32Array(memory, UNTIL, ENTRIES)
    this.#holders = new Int32Array(memory, HOLDERS, ENTRIES)
    this.#tags = new Int32Array(memory, TAGS, ENTRIES)
    this.#userTags = new Int32Array(memory, USER_TAGS, USERS)
    this.#userSeen = new Int32Array(memory, USER_SEEN, USERS)
    this.#tenants = new Int32Array(memory, TENANTS, ENTRIES)
    this.#userTenants = new Int32Array(memory, USER_TENANTS, USERS)
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(BYTES)
  }

  isProved(key: DebtKey, now: Time): boolean {
    const at = this.#find(key)
    return at >= 0 && this.#until[at]! * MINUTE > now
  }

  /** Remembers until then what this user has proved; to the minute. */
  prove(prover: Prover, key: DebtKey, until: Time, now: Time): void {
    const held = this.#user(prover, now) * EACH
    const tenant = prover.tenant | 0
    let slot = held
    for (let other = held; other < held + EACH; other++) {
      if (this.#keys[other] === key) {
        slot = other
        break
      }
      if (this.#endOf(other) < this.#endOf(slot)) slot = other
    }
    const isNew = this.#keys[slot] !== key
    if (isNew) {
      this.#drop(slot)
      this.#keys[slot] = key
    }
    const at = this.#claim(key, tenant, now)
    if (this.#tags[at] !== (key | 0)) {
      this.#tags[at] = key | 0
      this.#holders[at] = 0
      this.#tenants[at] = tenant
    } else if (this.#tenants[at] !== tenant) this.#tenants[at] = SEVERAL
    if (isNew || this.#holders[at] === 0) this.#holders[at]!++
    this.#until[at] = Math.ceil(until / MINUTE)
  }

  /** The table as octets, its secret included, to be copied into another of the same size. */
  get octets(): Uint8Array {
    return new Uint8Array(this.memory)
  }

  /** When a user's proof ends; at once for a free slot. */
  #endOf(slot: number): number {
    const key = this.#keys[slot]!
    const at = key === 0 ? -1 : this.#find(key)
    return at < 0 ? 0 : this.#until[at]!
  }

  /** Forgets a user's proof for a newer one; what others have proved as well stays. */
  #drop(slot: number): void {
    const key = this.#keys[slot]!
    const at = key === 0 ? -1 : this.#find(key)
    if (at < 0 || --this.#holders[at]! > 0) return
    this.#tags[at] = NOBODY
    this.#until[at] = 0
    this.#holders[at] = 0
  }

  /** The user's place, made if need be. */
  #user({ user, tenant }: Prover, now: Time): number {
    const minute = Math.floor(now / MINUTE)
    const first = rowOf(user, USERS) * WAYS
    for (let at = first; at < first + WAYS; at++) {
      if (this.#userTags[at] !== (user | 0)) continue
      this.#userSeen[at] = minute
      return at
    }
    const at = victim(first, tenant | 0, this.#userTenants, this.#userSeen, 0)
    for (let slot = at * EACH; slot < (at + 1) * EACH; slot++) {
      this.#drop(slot)
      this.#keys[slot] = 0
    }
    this.#userTags[at] = user | 0
    this.#userTenants[at] = tenant | 0
    this.#userSeen[at] = minute
    return at
  }

  #find(key: DebtKey): number {
    const first = rowOf(key, ENTRIES) * WAYS
    for (let at = first; at < first + WAYS; at++) if (this.#tags[at] === (key | 0)) return at
    return -1
  }

  /** The place of a proof: its own, or one that makes room for it. */
  #claim(key: DebtKey, tenant: number, now: Time): number {
    const found = this.#find(key)
    if (found >= 0) return found
    return victim(rowOf(key, ENTRIES) * WAYS, tenant, this.#tenants, this.#until, Math.floor(now / MINUTE))
  }
}

/**
 * The place in a row that a newcomer of this tenant gets: a free one, whose time is over by `now`, else the oldest of
 * the tenant that has most places there, the newcomer counted.
 */
function victim(first: number, tenant: number, tenants: Int32Array, times: Int32Array, now: number): number {
  let most = 0
  let at = first
  for (let one = first; one < first + WAYS; one++) {
    if (times[one]! <= now) return one
    let places = tenants[one] === tenant ? 1 : 0
    for (let other = first; other < first + WAYS; other++) if (tenants[other] === tenants[one]) places++
    if (places < most || (places === most && times[one]! >= times[at]!)) continue
    most = places
    at = one
  }
  return at
}

/** The row of a key in a table of so many places; both are powers of two. */
function rowOf(key: DebtKey, places: number): number {
  return Math.floor(key / 0x1_0000_0000) % (places / WAYS)
}
