import {
  type LeaseAsk,
  type LeaseKey,
  type LeaseRow,
  type LeasesAnswer,
  type LeasesAsked,
  leaseName,
  SILENT,
  UNTOLD,
} from '../../src/ledger/leases/lease-terms.ts'
import type { LeaseDesk } from './lease-suite.ts'

interface Kept extends LeaseKey {
  octets: number
  base: number
  relays: Map<string, { readonly used: number; readonly leased: number }>
  used: number
  changed: number
}

/** What the statement of `LeaseStore` says, in memory, with a clock of its own. */
export class MemoryLeases implements LeaseDesk {
  readonly isSimulated = true
  readonly #rows = new Map<string, Kept>()
  readonly #relays = new Map<string, number>()
  /** Milliseconds. */
  #now = 1_000_000_000

  async lease({ relay, isKnown, since, day, month, asks }: LeasesAsked): Promise<LeasesAnswer> {
    const isHere = !isKnown || this.#relays.has(relay)
    if (isHere) this.#relays.set(relay, this.#now)
    const told = isHere ? asks.map(ask => this.#told(relay, ask)) : []
    const news = [...this.#rows.values()].filter(
      row =>
        !told.includes(row) &&
        row.changed >= since - 3000 &&
        (row.kind !== 'user' || row.used >= row.octets * 0.8) &&
        row.start === (row.span === 'day' ? day : month),
    )
    const alive = [...this.#relays.keys()].filter(id => this.#isAlive(id)).length
    return {
      now: this.#now,
      relays: alive,
      isKnown: isHere,
      rows: [
        ...told.map(row => this.#rowOf(row, relay, true)),
        ...news.map(row => this.#rowOf(row, relay, false)),
      ],
    }
  }

  async pass(seconds: number): Promise<void> {
    this.#now += seconds * 1000
  }

  async tidy(): Promise<void> {
    const old = (changed: number, days: number) => changed < this.#now - days * 86_400_000
    for (const [name, { span, changed }] of this.#rows)
      if (old(changed, span === 'day' ? 2 : 40)) this.#rows.delete(name)
    for (const [id, seen] of this.#relays) if (old(seen, 1)) this.#relays.delete(id)
  }

  async forget(users: readonly string[]): Promise<void> {
    for (const [name, { kind, identity }] of this.#rows)
      if (kind === 'user' && users.includes(identity)) this.#rows.delete(name)
  }

  #told(relay: string, { limit, used, wanted, atLeast, ...key }: LeaseAsk): Kept {
    const name = `${leaseName(key)}\0${key.start}`
    const { base: before = 0, relays = new Map() } = this.#rows.get(name) ?? {}
    const own = Math.max(used, relays.get(relay)?.used ?? 0)
    let [others, gone, out] = [0, 0, 0]
    for (const [id, other] of relays) {
      if (id === relay) continue
      if (this.#isAlive(id)) out += other.leased
      if (this.#relays.has(id)) others += other.used
      else {
        gone += other.used
        relays.delete(id)
      }
    }
    const base = Math.max(before + gone, atLeast - others - own)
    const all = base + others + own
    const half = Math.floor((Math.min(limit * UNTOLD, limit - all) - out) / 2)
    relays.set(relay, { used: own, leased: Math.max(0, Math.min(Math.round(wanted), half)) })
    const row = { ...key, octets: limit, base, relays, used: all, changed: this.#now }
    this.#rows.set(name, row)
    return row
  }

  #rowOf(kept: Kept, relay: string, isTold: boolean): LeaseRow {
    const { span, start, kind, homeserver, identity, used, relays } = kept
    const { used: own, leased } = relays.get(relay) ?? { used: 0, leased: 0 }
    const sharers = [...relays.keys()].filter(id => this.#isAlive(id)).length
    return {
      span,
      start,
      kind,
      homeserver,
      identity,
      used,
      own,
      leased: isTold ? leased : 0,
      sharers: isTold ? sharers : 1,
    }
  }

  #isAlive(id: string): boolean {
    return (this.#relays.get(id) ?? 0) > this.#now - SILENT * 1000
  }
}
