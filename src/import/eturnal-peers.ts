import { formatIp } from '../base/address.ts'
import { formatRange, networkOf, parseRange, type Range } from '../base/range.ts'
import type { Draft, ImportSurroundings } from './draft.ts'
import type { Leaf } from './eturnal-file.ts'
import type { Ledger } from './line.ts'
import { isRecommended, NEVER_OPEN, overlaps, PRIVATE, touchesRecommended, without } from './peers.ts'
import { settlePlaceholder } from './placeholder.ts'
import { sameIp } from './relay-address.ts'

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
  for (const one of allow) takeAllowed(reading, one, denied)
  if (all('blacklist').length > 0) draft.remarks.push({ key: 'client-lists', values: {} })
  const wereClosed =
    deny.some(({ value }) => value === 'recommended') ||
    // Without the key eturnal denies what it recommends.
    deny.length === 0 ||
    PRIVATE.every(network => denied.some(other => without(network, [other]).length === 0))
  const stayOpen = PRIVATE.every(network => without(network, draft.allow).length === 0)
  if (!wereClosed && !stayOpen) draft.remarks.push({ key: 'private-closed', values: {} })
}

function takeAllowed(
  { draft, ledger, around }: PeerReading,
  { leaf, range }: Listed,
  denied: readonly Range[],
): void {
  const isOwn = sameIp(range.from, range.to) && around.own.some(ip => sameIp(ip, range.from))
  if (isOwn) {
    draft.allow.push(range)
    ledger.taken(leaf, 'peers.allow', 'own-address')
    return
  }
  const inside = around.own.filter(ip =>
    overlaps(range, { family: ip.length === 4 ? 4 : 6, from: ip, to: ip }),
  )
  if (inside.length > 0)
    draft.remarks.push({ key: 'own-in-range', values: { addresses: inside.map(formatIp).join(', ') } })
  if (touchesRecommended(range)) {
    const kept = without(range, NEVER_OPEN)
    draft.allow.push(...kept)
    const isCut = kept.length !== 1 || formatRange(kept[0]!) !== formatRange(range)
    if (kept.length > 0) ledger.taken(leaf, 'peers.allow', isCut ? 'allow-cut' : undefined)
    else ledger.unneeded(leaf, 'never-open')
  } else if (denied.some(other => overlaps(other, range))) ledger.taken(leaf, 'peers.deny', 'allow-carved')
  else ledger.unneeded(leaf, 'allowed-anyway')
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
    if (typeof range !== 'string') return [{ leaf, range }]
    const network = range === 'host-bits' ? networkOf(leaf.value) : undefined
    if (network) return [{ leaf, range: network }]
    if (!settlePlaceholder(draft, ledger, leaf, into)) ledger.unsupported(leaf, 'bad-range')
    return []
  })
}
