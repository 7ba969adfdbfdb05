import type { Range } from '../base/range.ts'

/** A set of IP addresses given as ranges, searched by halving. */
export class RangeSet {
  readonly #ranges: { readonly 4: readonly Range[]; readonly 16: readonly Range[] }

  constructor(ranges: readonly Range[]) {
    this.#ranges = {
      4: merge(ranges.filter(range => range.from.length === 4)),
      16: merge(ranges.filter(range => range.from.length === 16)),
    }
  }

  /** True if one of the ranges holds this address of 4 or 16 octets. */
  has(ip: Uint8Array): boolean {
    const ranges = this.#ranges[ip.length === 4 ? 4 : 16]
    let low = 0
    let high = ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (Buffer.compare(ranges[middle]!.to, ip) < 0) low = middle + 1
      else high = middle
    }
    const found = ranges[low]
    return found !== undefined && Buffer.compare(found.from, ip) <= 0
  }
}

/** Sorted, and without overlap. */
function merge(ranges: readonly Range[]): Range[] {
  const merged: Range[] = []
  for (const range of [...ranges].sort((a, b) => Buffer.compare(a.from, b.from))) {
    const last = merged.at(-1)
    if (!last || Buffer.compare(last.to, range.from) < 0) merged.push(range)
    else if (Buffer.compare(last.to, range.to) < 0) merged[merged.length - 1] = { ...last, to: range.to }
  }
  return merged
}
