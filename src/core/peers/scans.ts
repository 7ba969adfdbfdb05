import { type ClientAddress, keyOfText, keyText, type PeerAddress } from '../../base/address.ts'
import type { Random, Time } from '../../base/time.ts'
import { FixedWindow } from '../../limits/fixed-window.ts'
import { GcraTable } from '../../limits/gcra-table.ts'
import type { Siblings } from '../environment.ts'
import { type Event, type Owner, ownerKey } from '../event.ts'

/** Milliseconds over which peers are counted. */
const WINDOW = 60_000
/** Users whose peers are counted at a time. */
const USERS = 65_536
/** Users that one sweep looks at. */
const AT_ONCE = 1024

/** The table that all shards charge has 4 · 2^12 places for users who owe something. */
const ROW_BITS = 12
const TRIED = 1

/** Memory in which all shards count the peers that users try. */
export function scansMemory(random: Random): SharedArrayBuffer {
  return GcraTable.memory(random, ROW_BITS)
}

/**
 * Counts the peers of users whose calls are with different shards: a minute's
 * worth at once, then evenly. A peer that two shards are asked for counts twice.
 */
export function sharedScans(memory: SharedArrayBuffer): Siblings['chargePeers'] {
  const debts = new GcraTable(memory)
  return (user, peers, most, now) =>
    debts.take(debts.key(TRIED, { text: user }), (peers * WINDOW) / most, WINDOW, now)
}

/** What one user has tried in a minute; peers as the octets of their keys. */
export interface ScanRecord {
  readonly user: string
  readonly until: Time
  readonly told: boolean
  readonly peers: readonly string[]
}

interface Tried {
  /** Peers of this minute; never more than the limit. */
  readonly peers: Set<number | string>
  told: boolean
}

/**
 * Counts the different peers that each user tries, over all allocations of
 * this shard, so that a relay is of no use for scanning hosts or ports. A call
 * tries a peer's candidates, some dozens; a scan tries thousands. The same peer
 * again costs nothing, nor does a peer with a permission, channel or route.
 */
export class Scans {
  readonly #users = new FixedWindow<string, Tried>(WINDOW, USERS, () => ({ peers: new Set(), told: false }))

  /** Users of this minute. */
  get size(): number {
    return this.#users.size
  }

  /**
   * Charges the user for these peers, here and with the other shards. False, and
   * none charged, where that would be too many for this minute.
   */
  charge(
    owner: Owner,
    peers: readonly PeerAddress[],
    most: number | undefined,
    now: Time,
    siblings?: Siblings,
  ): boolean {
    if (most === undefined || peers.length === 0) return true
    const user = ownerKey(owner)
    const tried = this.#users.of(user, now)
    const fresh = new Set<number | string>()
    for (const peer of peers) if (!tried.peers.has(peer.key)) fresh.add(peer.key)
    if (tried.peers.size + fresh.size > most) return false
    if (fresh.size > 0 && siblings?.chargePeers(user, fresh.size, most, now) === false) return false
    for (const peer of fresh) tried.peers.add(peer)
    return true
  }

  /** What there is to tell of a user who was stopped; nothing the second time in a minute. */
  stopped(owner: Owner, from: ClientAddress, now: Time): Event[] {
    const tried = this.#users.find(ownerKey(owner), now)
    if (!tried || tried.told) return []
    tried.told = true
    return [{ kind: 'throttled', at: now, why: 'scan', count: 1, from, owner }]
  }

  /** The minutes as records. */
  *export(now: Time): Generator<ScanRecord> {
    for (const [user, { told, peers }, until] of this.#users.entries(now)) {
      yield { user, until: until as Time, told, peers: Array.from(peers, keyText) }
    }
  }

  import(scans: readonly ScanRecord[]): void {
    for (const { user, until, told, peers } of scans) {
      this.#users.set(user, { told, peers: new Set(peers.map(keyOfText)) }, until)
    }
  }

  /** Drops all minutes, for others that are taken over. */
  forgetAll(): void {
    this.#users.clear()
  }

  /** Drops the minutes that are over; of many users some at a time. */
  forget(now: Time): void {
    this.#users.end(now, AT_ONCE)
  }
}
