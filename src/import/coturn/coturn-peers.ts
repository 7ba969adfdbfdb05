import { parseIp } from '../../base/address.ts'
import { formatRange, knownRange, parseRange, type Range } from '../../base/range.ts'
import { takeAllowed } from '../allowed-peers.ts'
import type { ImportedLine } from '../line.ts'
import { coversPrivate, isRecommended, overlaps, remarkPrivate, without } from '../peers.ts'
import { settlePlaceholder } from '../placeholder.ts'
import type { CoturnReading } from './coturn-reading.ts'

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
  const ours = [...reading.around.own, ...named(draft)]
  for (const { line, range } of allow)
    takeAllowed(reading, { line, range, denied, ours, keepsLoopback: loopback !== undefined })
  if (loopback) {
    draft.allow.push(...['127.0.0.0/8', '::1'].map(knownRange))
    ledger.taken(loopback, 'peers.allow', 'loopback')
  }
  if (!coversPrivate(denied)) remarkPrivate(draft)
}

/** Addresses that the draft listens on or relays from, at either side of a mapping. */
function named(draft: CoturnReading['draft']): Uint8Array[] {
  return [
    ...draft.listen.map(({ address }) => address.ip),
    ...draft.relayAddresses.flatMap(entry => entry.split('=').flatMap(ip => parseIp(ip) ?? [])),
  ]
}

/** The ranges of an option. What cannot be carried over is an open point: it was in force there. */
function listed(reading: CoturnReading, name: string, into: string): Listed[] {
  return reading.all(name).flatMap(line => {
    // A comment may stand behind a range, and blanks around its dash.
    const [, first = '', last] = /^\s*([^\s-]+)(?:\s*-\s*([^\s-]+))?/.exec(line.value) ?? []
    const range = parseRange(last === undefined ? first : `${first}-${last}`)
    if (range.ok) return [{ line, range: range.value, isCidr: first.includes('/') }]
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
