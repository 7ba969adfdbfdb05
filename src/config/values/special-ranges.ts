import { compare, contains, knownRange, type Range } from '../../base/range.ts'

/** Ranges that no LAN is in: this machine, link-local with the cloud metadata services, multicast, reserved. */
const NEVER_LAN = ranges(
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/127',
  'fe80::/10',
  'ff00::/8',
)

/** Addresses that the Internet does not reach. */
const PRIVATE = ranges(
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1',
  'fc00::/7',
  'fe80::/10',
)

/** What of the ranges that are never a LAN an entry of `peers.allow` opens, and `denied` does not close again. */
export function openedBy(entry: Range, denied: readonly Range[]): Range[] {
  return NEVER_LAN.filter(range => overlaps(entry, range)).filter(
    range => !denied.some(other => contains(other, range.from) && contains(other, range.to)),
  )
}

export function isPrivate(ip: Uint8Array): boolean {
  return PRIVATE.some(range => contains(range, ip))
}

function overlaps(a: Range, b: Range): boolean {
  return a.family === b.family && compare(a.from, b.to) <= 0 && compare(b.from, a.to) <= 0
}

function ranges(...texts: string[]): Range[] {
  return texts.map(knownRange)
}
