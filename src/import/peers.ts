import { formatRange, knownRange, type Range } from '../base/range.ts'
import { RECOMMENDED } from '../policy/peer-policy.ts'
import type { Draft } from './draft.ts'

/** A run of addresses as numbers, both ends included. */
interface Span {
  readonly from: bigint
  readonly to: bigint
}

/** True when `recommended` denies every address of the range anyway. */
export function isRecommended(range: Range): boolean {
  // IPv4-mapped addresses are judged as the IPv4 addresses they stand for.
  if (formatRange(range) === '::ffff:0:0/96') return true
  const { from, to } = spanOf(range)
  return RECOMMENDED_SPANS[range.family].some(span => span.from <= from && to <= span.to)
}

/** True for an address that no peer on the Internet can reach. */
export function isSpecial(ip: Uint8Array): boolean {
  return isRecommended({ family: ip.length === 4 ? 4 : 6, from: ip, to: ip })
}

/** True when `recommended` denies some address of the range. */
export function touchesRecommended(range: Range): boolean {
  return RECOMMENDED_SPANS[range.family].some(span => meets(span, spanOf(range)))
}

export function overlaps(a: Range, b: Range): boolean {
  return a.family === b.family && meets(spanOf(a), spanOf(b))
}

/** What is left of `range` without the `holes`: none, one or several ranges. */
export function without(range: Range, holes: readonly Range[]): Range[] {
  let left: Span[] = [spanOf(range)]
  for (const hole of holes) {
    if (hole.family !== range.family) continue
    const { from, to } = spanOf(hole)
    left = left.flatMap(span =>
      meets(span, { from, to })
        ? [
            { from: span.from, to: from - 1n },
            { from: to + 1n, to: span.to },
          ].filter(part => part.from <= part.to)
        : [span],
    )
  }
  const length = range.from.length
  return left.map(span => ({
    family: range.family,
    from: octetsOf(span.from, length),
    to: octetsOf(span.to, length),
  }))
}

function meets(a: Span, b: Span): boolean {
  return a.from <= b.to && b.from <= a.to
}

function spanOf({ from, to }: Range): Span {
  return { from: numberOf(from), to: numberOf(to) }
}

function numberOf(ip: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(ip).toString('hex')}`)
}

function octetsOf(number: bigint, length: number): Uint8Array {
  return Uint8Array.from(Buffer.from(number.toString(16).padStart(length * 2, '0'), 'hex'))
}

/** Neighbours joined, so that 224.0.0.0 to 255.255.255.255 is seen to be denied. */
function joined(family: 4 | 6): Span[] {
  const spans = RECOMMENDED.map(knownRange)
    .filter(range => range.family === family)
    .map(spanOf)
    .sort((a, b) => (a.from < b.from ? -1 : 1))
  const merged: Span[] = []
  for (const span of spans) {
    const last = merged.at(-1)
    if (last && span.from <= last.to + 1n) merged[merged.length - 1] = { from: last.from, to: span.to }
    else merged.push(span)
  }
  return merged
}

const RECOMMENDED_SPANS = { 4: joined(4), 6: joined(6) } as const

/** What neither coturn nor eturnal opens by an exception: loopback, the zero network, and multicast. */
export const NEVER_OPEN: readonly Range[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '224.0.0.0/4',
  '255.255.255.255',
  '::',
  '::1',
  'ff00::/8',
].map(knownRange)

/** Private IPv4 networks. */
const PRIVATE: readonly Range[] = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map(knownRange)

/** Whether each private network lies in one of the ranges. */
export function coversPrivate(ranges: readonly Range[]): boolean {
  return PRIVATE.every(network => ranges.some(other => without(network, [other]).length === 0))
}

/** Says that private networks are closed from now on, unless what is allowed keeps them open. */
export function remarkPrivate({ allow, remarks }: Draft): void {
  const stayOpen = PRIVATE.every(network => without(network, allow).length === 0)
  if (!stayOpen) remarks.push({ key: 'private-closed', values: {} })
}
