import { type Family, formatIp, parseIp } from './address.ts'
import { failed, type Result, succeeded } from './result.ts'

/** Ports from the first to the last, both included. */
export interface PortSpan {
  readonly from: number
  readonly to: number
  /** Those of them that are meant, where they are a few that all allocations share. */
  readonly shared?: readonly number[]
}

/** The ports that are meant, smallest first. */
export function portsIn({ from, to, shared }: PortSpan): readonly number[] {
  return shared ?? Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

/** A run of IP addresses of one family, both ends included. */
export interface Range {
  readonly family: Family
  readonly from: Uint8Array
  readonly to: Uint8Array
}

/**
 * Why a text is not a range. `host-bits`: the address has bits set behind its
 * prefix, so it may mean the network or the one address, and we do not guess.
 */
export type RangeFault = 'not-an-address' | 'not-a-prefix' | 'host-bits' | 'backwards' | 'two-families'

/**
 * Reads `10.0.0.0/8`, `10.0.0.5` or `10.0.0.1-10.0.0.9`, of either family.
 *
 * A range inside `::ffff:0:0/96` becomes the range of IPv4 addresses it stands
 * for, since that is how addresses are judged. The whole of that block stays
 * as it is: lists copied from other servers have it beside their IPv4 ranges,
 * and never mean "all of IPv4".
 */
export function parseRange(text: string): Result<Range, RangeFault> {
  const dash = text.indexOf('-')
  if (dash >= 0) return between(text.slice(0, dash).trim(), text.slice(dash + 1).trim())
  const slash = text.indexOf('/')
  if (slash < 0) return between(text, text)
  const ip = parseIp(text.slice(0, slash))
  if (!ip) return failed('not-an-address')
  const bits = text.slice(slash + 1)
  if (!/^(0|[1-9][0-9]{0,2})$/.test(bits) || Number(bits) > ip.length * 8) return failed('not-a-prefix')
  const [from, to] = network(ip, Number(bits))
  return compare(from, ip) === 0 ? succeeded(range(from, to)) : failed('host-bits')
}

/** Reads a range that stands in the source. Throws a RangeError where it is none. */
export function knownRange(text: string): Range {
  const parsed = parseRange(text)
  if (!parsed.ok) throw new RangeError(`${text}: ${parsed.error}`)
  return parsed.value
}

/** The network that `10.0.0.5/8` lies in: `10.0.0.0/8`. `undefined` where the text has no address or prefix. */
export function networkOf(text: string): Range | undefined {
  const [host, bits] = text.split('/')
  const ip = parseIp(host ?? '')
  if (!ip || !/^[0-9]{1,3}$/.test(bits ?? '') || Number(bits) > ip.length * 8) return undefined
  return range(...network(ip, Number(bits)))
}

/** True when `ip` lies in the range. Both must be canonical: IPv4-mapped addresses written as IPv4. */
export function contains(within: Range, ip: Uint8Array): boolean {
  return ip.length === within.from.length && compare(within.from, ip) <= 0 && compare(ip, within.to) <= 0
}

/** Writes a range as a prefix where it is one, as a single address, or else with both ends. */
export function formatRange(of: Range): string {
  if (compare(of.from, of.to) === 0) return formatIp(of.from)
  for (let bits = of.from.length * 8; bits >= 0; bits--) {
    const [from, to] = network(of.from, bits)
    if (compare(from, of.from) !== 0) break
    if (compare(to, of.to) === 0) return `${formatIp(from)}/${bits}`
  }
  return `${formatIp(of.from)}-${formatIp(of.to)}`
}

/** Orders two addresses of one family: negative, zero or positive. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!
  }
  return 0
}

function between(first: string, last: string): Result<Range, RangeFault> {
  const from = parseIp(first)
  const to = parseIp(last)
  if (!from || !to) return failed('not-an-address')
  if (from.length !== to.length) return failed('two-families')
  return compare(from, to) > 0 ? failed('backwards') : succeeded(range(from, to))
}

function range(from: Uint8Array, to: Uint8Array): Range {
  const isMapped = from.length === 16 && compare(MAPPED_FIRST, from) <= 0 && compare(to, MAPPED_LAST) <= 0
  const isWhole = isMapped && compare(from, MAPPED_FIRST) === 0 && compare(to, MAPPED_LAST) === 0
  if (isMapped && !isWhole) return { family: 4, from: from.subarray(12), to: to.subarray(12) }
  return { family: from.length === 4 ? 4 : 6, from, to }
}

/** The first and the last address that share the first `bits` bits of `ip`. */
function network(ip: Uint8Array, bits: number): [Uint8Array, Uint8Array] {
  const from = Uint8Array.from(ip)
  const to = Uint8Array.from(ip)
  for (let i = 0; i < ip.length; i++) {
    const kept = Math.min(8, Math.max(0, bits - i * 8))
    const mask = (0xff << (8 - kept)) & 0xff
    from[i] = ip[i]! & mask
    to[i] = ip[i]! | (~mask & 0xff)
  }
  return [from, to]
}

const MAPPED_FIRST = parseIp('::ffff:0.0.0.0')!
const MAPPED_LAST = parseIp('::ffff:255.255.255.255')!
