import { networkOf, parseRange, type Range } from '../base/range.ts'
import { takeAllowed } from './allowed-peers.ts'
import type { Draft, ImportSurroundings } from './draft.ts'
import type { Leaf } from './eturnal-file.ts'
import type { Ledger } from './line.ts'
import { coversPrivate, isRecommended, overlaps, remarkPrivate, without } from './peers.ts'
import { settlePlaceholder } from './placeholder.ts'

interface PeerReading {
  readonly draft: Draft
  readonly ledger: Ledger
  readonly around: ImportSurroundings
}
interface Listed {
  readonly leaf: Leaf
  readonly range: Range
}

/** Reads eturnal's lists of peers. There an exception beats a denial; here the denial does, so holes are cut. */
export function readEturnalPeers(reading: PeerReading, all: (name: string) => Leaf[]): void {
  const { draft, ledger } = reading
  const deny = ['blacklist', 'blacklist_peers'].flatMap(all)
  const allow = listed(reading, ['whitelist', 'whitelist_peers'].flatMap(all), 'peers.allow')
  const holes = allow.map(({ range }) => range)
  const denied: Range[] = []
  for (const leaf of deny.filter(({ value }) => value === 'recommended')) ledger.taken(leaf, 'peers.deny')
  const named = deny.filter(({ value }) => value !== 'recommended')
  for (const { leaf, range } of listed(reading, named, 'peers.deny')) {
    denied.push(range)
    if (isRecommended(range)) {
      ledger.unneeded(leaf, 'recommended')
      continue
    }
    draft.deny.push(...without(range, holes))
    const isCarved = holes.some(hole => overlaps(hole, range))
    ledger.taken(leaf, 'peers.deny', isCarved ? 'deny-carved' : undefined)
  }
  const ours = reading.around.own
  for (const { leaf, range } of allow)
    takeAllowed(reading, { line: leaf, range, denied, ours, keepsLoopback: false })
  if (all('blacklist').length > 0) draft.remarks.push({ key: 'client-lists', values: {} })
  const wereClosed =
    deny.some(({ value }) => value === 'recommended') ||
    // Without the key eturnal denies what it recommends.
    deny.length === 0 ||
    coversPrivate(denied)
  if (!wereClosed) remarkPrivate(draft)
}

/** Reads eturnal's lists of clients. An exception beats a denial there, so holes are cut into what is denied here. */
export function readEturnalClients(reading: PeerReading, all: (name: string) => Leaf[]): void {
  const { draft, ledger } = reading
  const holes = listed(reading, all('whitelist_clients'), 'clients.deny')
  for (const { leaf } of holes) ledger.taken(leaf, 'clients.deny', 'deny-carved')
  const ranges = holes.map(({ range }) => range)
  for (const { leaf, range } of listed(reading, all('blacklist_clients'), 'clients.deny')) {
    draft.deniedClients.push(...without(range, ranges))
    ledger.taken(leaf, 'clients.deny', ranges.some(hole => overlaps(hole, range)) ? 'deny-carved' : undefined)
  }
}

/** The networks of a list. eturnal masks both sides, so 8.8.8.8/24 means 8.8.8.0/24 there. */
function listed({ draft, ledger }: PeerReading, leaves: readonly Leaf[], into: string): Listed[] {
  return leaves.flatMap(leaf => {
    // An empty list, or `none`.
    if (leaf.value === '' || leaf.value === 'none') {
      ledger.taken(leaf, into, 'nothing-listed')
      return []
    }
    const range = parseRange(leaf.value)
    if (range.ok) return [{ leaf, range: range.value }]
    const network = range.error === 'host-bits' ? networkOf(leaf.value) : undefined
    if (network) return [{ leaf, range: network }]
    if (!settlePlaceholder(draft, ledger, leaf, into)) ledger.unsupported(leaf, 'bad-range')
    return []
  })
}
