import type { Range } from '../base/range.ts'
import { NetworkSet } from './network-set.ts'

/** Which clients are served, by IP address. */
export interface ClientRules {
  /** Not empty: nobody else is served. */
  readonly allow: readonly Range[]
  readonly deny: readonly Range[]
}

/** A network that is banned from now on, or no longer. */
export interface BanChange {
  readonly range: Range
  readonly isBanned: boolean
}

/**
 * Who is served: by rules, which are compiled as a whole, and unless banned.
 * There may be thousands of bans, and each change of one takes a few steps.
 */
export class ClientPolicy {
  readonly #banned = new NetworkSet()
  #judge: ((ip: Uint8Array) => boolean) | undefined

  /** Takes other rules; who is banned stays so, whatever they say. */
  configure(rules: ClientRules): void {
    this.#judge = compileClients(rules)
  }

  /** Each network is banned once before it is banned no longer. */
  change(changes: Iterable<BanChange>): void {
    for (const { range, isBanned } of changes) {
      if (isBanned) this.#banned.add(range)
      else this.#banned.remove(range)
    }
  }

  /** True where everybody is served. */
  get isOpen(): boolean {
    return this.#judge === undefined && this.#banned.isEmpty
  }

  serves(ip: Uint8Array): boolean {
    return !this.#banned.has(ip) && this.#judge?.(ip) !== false
  }
}

/**
 * Compiles the rules into one look-up by halving, whatever their number. Of
 * `allow` and `deny` the narrower range wins, as the longest prefix does in a
 * routing table, and of two equal ones `deny`. Undefined where everybody is
 * served. Addresses must be canonical: IPv4-mapped ones written as IPv4.
 */
export function compileClients({ allow, deny }: ClientRules): ((ip: Uint8Array) => boolean) | undefined {
  if (allow.length + deny.length === 0) return undefined
  const otherwise = allow.length === 0
  const ranked = [
    ...deny.map(range => entryOf(range, false)),
    ...allow.map(range => entryOf(range, true)),
  ].sort((a, b) => (a.size < b.size ? -1 : a.size > b.size ? 1 : Number(a.isServed) - Number(b.isServed)))
  const four = segments(
    ranked.filter(({ octets }) => octets === 4),
    otherwise,
  )
  const six = segments(
    ranked.filter(({ octets }) => octets === 16),
    otherwise,
  )
  return ip => look(ip.length === 4 ? four : six, ip, otherwise)
}

interface Entry {
  readonly octets: number
  readonly from: bigint
  /** The first address behind it. */
  readonly end: bigint
  readonly size: bigint
  readonly isServed: boolean
}

/** Where a verdict begins to hold; it ends where the next begins. */
interface Segment {
  readonly from: Buffer
  readonly isServed: boolean
}

function entryOf({ from, to }: Range, isServed: boolean): Entry {
  const [first, last] = [toNumber(from), toNumber(to)]
  return { octets: from.length, from: first, end: last + 1n, size: last - first, isServed }
}

/**
 * Paints each range, the first in rank first, over what nobody has painted yet.
 * `next` leads past what is painted, so every stretch is touched once.
 */
function segments(ranked: readonly Entry[], otherwise: boolean): Segment[] {
  const octets = ranked[0]?.octets ?? 4
  const edges = [...new Set(ranked.flatMap(({ from, end }) => [from, end]))].sort((a, b) => (a < b ? -1 : 1))
  const place = new Map(edges.map((edge, i) => [edge, i]))
  const verdicts: (boolean | undefined)[] = edges.map(() => undefined)
  const next = Int32Array.from({ length: edges.length + 1 }, (_, i) => i)
  const unpainted = (from: number) => {
    let at = from
    while (next[at] !== at) at = next[at] = next[next[at]!]!
    return at
  }
  for (const { from, end, isServed } of ranked) {
    const last = place.get(end)!
    for (let at = unpainted(place.get(from)!); at < last; at = unpainted(at)) {
      verdicts[at] = isServed
      next[at] = at + 1
    }
  }
  return edges.flatMap((edge, i) => {
    const isServed = verdicts[i] ?? otherwise
    const isSame = isServed === (i === 0 ? otherwise : (verdicts[i - 1] ?? otherwise))
    // The last edge may be the one behind the last address there is.
    return isSame || edge >> BigInt(octets * 8) > 0n ? [] : [{ from: toOctets(edge, octets), isServed }]
  })
}

function look(all: readonly Segment[], ip: Uint8Array, otherwise: boolean): boolean {
  let low = 0
  let high = all.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (Buffer.compare(all[middle]!.from, ip) <= 0) low = middle + 1
    else high = middle
  }
  return low === 0 ? otherwise : all[low - 1]!.isServed
}

function toNumber(ip: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(ip).toString('hex')}`)
}

function toOctets(number: bigint, octets: number): Buffer {
  return Buffer.from(number.toString(16).padStart(octets * 2, '0'), 'hex')
}
