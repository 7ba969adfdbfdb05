import { formatIp, parseIp } from '../base/address.ts'
import { formatRange, parseRange, type Range } from '../base/range.ts'
import type { CoturnReading } from './coturn-reading.ts'
import type { ImportedLine } from './line.ts'
import { isRecommended, NEVER_OPEN, overlaps, PRIVATE, touchesRecommended, without } from './peers.ts'
import { settlePlaceholder } from './placeholder.ts'
import { sameIp } from './relay-address.ts'

interface Listed {
  readonly line: ImportedLine
  readonly range: Range
  /** coturn reads no prefixes: it lets a line that has one pass without a word. */
  readonly isCidr: boolean
}

export function readPeers(reading: CoturnReading): void {
  const { draft, ledger } = reading
  const allowed = listed(reading, 'allowed-peer-ip', 'peers.allow')
  const allow = allowed.filter(({ isCidr }) => !isCidr)
  for (const { line, range } of allowed.filter(({ isCidr }) => isCidr))
    ledger.unsupported(line, 'allow-cidr', { range: formatRange(range) })
  const holes = allow.map(({ range }) => range)
  const deny = listed(reading, 'denied-peer-ip', 'peers.deny')
  for (const { line, range, isCidr } of deny) {
    if (isRecommended(range)) {
      ledger.unneeded(line, isCidr ? 'deny-cidr-covered' : 'recommended')
      continue
    }
    draft.deny.push(...without(range, holes))
    const carved = holes.some(hole => overlaps(hole, range)) ? 'deny-carved' : undefined
    ledger.taken(line, 'peers.deny', isCidr ? 'deny-cidr' : carved)
  }
  const denied = deny.filter(({ isCidr }) => !isCidr).map(({ range }) => range)
  const loopback = reading.flag('allow-loopback-peers')
  for (const one of allow) takeAllowed(reading, one, denied, loopback !== undefined)
  if (loopback) {
    draft.allow.push(...['127.0.0.0/8', '::1'].map(text => parseRange(text) as Range))
    ledger.taken(loopback, 'peers.allow', 'loopback')
  }
  const wereClosed = PRIVATE.every(network => denied.some(other => without(network, [other]).length === 0))
  const stayOpen = PRIVATE.every(network => without(network, draft.allow).length === 0)
  if (!wereClosed && !stayOpen) draft.remarks.push({ key: 'private-closed', values: {} })
}

/** Takes over an exception: what coturn never opened is cut out of it, and this machine's own addresses are named. */
function takeAllowed(
  { draft, ledger, around }: CoturnReading,
  { line, range }: Listed,
  denied: readonly Range[],
  loopbackToo: boolean,
): void {
  const ours = around.own.find(ip => sameIp(range.from, range.to) && sameIp(range.from, ip))
  if (ours || isOwnByName(draft, range)) {
    draft.allow.push(range)
    ledger.taken(line, 'peers.allow', 'own-address')
    return
  }
  const inside = around.own.filter(ip => overlaps(range, one(ip)))
  if (inside.length > 0)
    draft.remarks.push({ key: 'own-in-range', values: { addresses: inside.map(formatIp).join(', ') } })
  if (touchesRecommended(range)) {
    const kept = loopbackToo ? [range] : without(range, NEVER_OPEN)
    draft.allow.push(...kept)
    const isCut = kept.length !== 1 || formatRange(kept[0]!) !== formatRange(range)
    if (kept.length > 0) ledger.taken(line, 'peers.allow', isCut ? 'allow-cut' : undefined)
    else ledger.unneeded(line, 'never-open')
  } else if (denied.some(other => overlaps(other, range))) ledger.taken(line, 'peers.deny', 'allow-carved')
  else ledger.unneeded(line, 'allowed-anyway')
}

/** Whether the range is one address that the draft listens on or relays from, at either side of a mapping. */
function isOwnByName(draft: CoturnReading['draft'], range: Range): boolean {
  if (!sameIp(range.from, range.to)) return false
  const ours = [
    ...draft.listen.map(({ address }) => address.ip),
    ...draft.relayAddresses.flatMap(entry => entry.split('=').flatMap(ip => parseIp(ip) ?? [])),
  ]
  return ours.some(ip => sameIp(ip, range.from))
}

function one(ip: Uint8Array): Range {
  return { family: ip.length === 4 ? 4 : 6, from: ip, to: ip }
}

/** The ranges of an option. What cannot be carried over is an open point: it was in force there. */
function listed(reading: CoturnReading, name: string, into: string): Listed[] {
  return reading.all(name).flatMap(line => {
    // A comment may stand behind a range, and blanks around its dash.
    const [, first = '', last] = /^\s*([^\s-]+)(?:\s*-\s*([^\s-]+))?/.exec(line.value) ?? []
    const range = parseRange(last === undefined ? first : `${first}-${last}`)
    if (typeof range !== 'string') return [{ line, range, isCidr: first.includes('/') }]
    if (settlePlaceholder(reading.draft, reading.ledger, line, into)) return []
    if (isName(first)) {
      reading.ledger.unsupported(line, 'peer-by-name', { name: first })
      reading.draft.todo.push({ key: 'todo-peer-by-name', values: { name: first, into } })
    } else reading.ledger.unsupported(line, 'bad-range')
    return []
  })
}

function isName(text: string): boolean {
  return (
    parseIp(text) === undefined &&
    /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$/.test(text) &&
    /[A-Za-z]/.test(text)
  )
}
