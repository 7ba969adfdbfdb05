import type { Range } from '../base/range.ts'

/**
 * A set of networks that come and go one by one: whatever their number, to add
 * or remove one takes a few steps, and to look an address up one for each
 * length of prefix that is in use. A range that is not a network is kept as
 * the few networks that it is made of. What was added twice has to be removed twice.
 */
export class NetworkSet {
  /** By family: by length of prefix how often each prefix is in. */
  readonly #prefixes = { 4: new Map<number, Prefixes>(), 6: new Map<number, Prefixes>() }

  add(range: Range): void {
    const lengths = this.#prefixes[range.family]
    for (const { length, prefix } of networksOf(range)) {
      const prefixes = lengths.get(length) ?? new Map<bigint, number>()
      lengths.set(length, prefixes)
      prefixes.set(prefix, (prefixes.get(prefix) ?? 0) + 1)
    }
  }

  /** Takes out a range as it was added. */
  remove(range: Range): void {
    const lengths = this.#prefixes[range.family]
    for (const { length, prefix } of networksOf(range)) {
      const prefixes = lengths.get(length)
      const count = prefixes?.get(prefix)
      if (!prefixes || count === undefined) continue
      if (count > 1) prefixes.set(prefix, count - 1)
      else prefixes.delete(prefix)
      if (prefixes.size === 0) lengths.delete(length)
    }
  }

  get isEmpty(): boolean {
    return this.#prefixes[4].size === 0 && this.#prefixes[6].size === 0
  }

  /** Whether an address of 4 or 16 octets lies in one of them. */
  has(ip: Uint8Array): boolean {
    const lengths = this.#prefixes[ip.length === 4 ? 4 : 6]
    if (lengths.size === 0) return false
    const number = toNumber(ip)
    for (const [length, prefixes] of lengths) {
      if (prefixes.has(number >> BigInt(ip.length * 8 - length))) return true
    }
    return false
  }
}

type Prefixes = Map<bigint, number>

/** The largest networks that a range is made of, in order. */
function* networksOf({ from, to }: Range): Generator<{ readonly length: number; readonly prefix: bigint }> {
  const bits = from.length * 8
  const last = toNumber(to)
  for (let at = toNumber(from); at <= last; ) {
    let free = 0n
    while (free < bits && (at & (1n << free)) === 0n && at + (2n << free) - 1n <= last) free++
    yield { length: bits - Number(free), prefix: at >> free }
    at += 1n << free
  }
}

function toNumber(ip: Uint8Array): bigint {
  if (ip.length === 4) return BigInt(((ip[0]! << 24) | (ip[1]! << 16) | (ip[2]! << 8) | ip[3]!) >>> 0)
  return BigInt(`0x${Buffer.from(ip.buffer, ip.byteOffset, ip.length).toString('hex')}`)
}
