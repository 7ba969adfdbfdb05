import { formatIp } from '../base/address.ts'
import { formatRange, type Range } from '../base/range.ts'
import type { Draft, ImportSurroundings } from './draft.ts'
import type { ImportedLine, Ledger } from './line.ts'
import { NEVER_OPEN, overlaps, touchesRecommended, without } from './peers.ts'
import { sameIp } from './relay-address.ts'

/** One exception from what the old server denied. */
interface Exception {
  readonly line: ImportedLine
  readonly range: Range
  readonly denied: readonly Range[]
  /** Addresses of the relay itself. */
  readonly ours: readonly Uint8Array[]
  /** The old server opened loopback by another option. */
  readonly keepsLoopback: boolean
}

/** Takes over an exception: what was never open is cut out of it, and addresses of the relay itself are named. */
export function takeAllowed(
  {
    draft,
    ledger,
    around,
  }: { readonly draft: Draft; readonly ledger: Ledger; readonly around: ImportSurroundings },
  { line, range, denied, ours, keepsLoopback }: Exception,
): void {
  if (sameIp(range.from, range.to) && ours.some(ip => sameIp(ip, range.from))) {
    draft.allow.push(range)
    ledger.taken(line, 'peers.allow', 'own-address')
    return
  }
  const inside = around.own.filter(ip =>
    overlaps(range, { family: ip.length === 4 ? 4 : 6, from: ip, to: ip }),
  )
  if (inside.length > 0)
    draft.remarks.push({ key: 'own-in-range', values: { addresses: inside.map(formatIp).join(', ') } })
  if (touchesRecommended(range)) {
    const kept = keepsLoopback ? [range] : without(range, NEVER_OPEN)
    draft.allow.push(...kept)
    const isCut = kept.length !== 1 || formatRange(kept[0]!) !== formatRange(range)
    if (kept.length > 0) ledger.taken(line, 'peers.allow', isCut ? 'allow-cut' : undefined)
    else ledger.unneeded(line, 'never-open')
  } else if (denied.some(other => overlaps(other, range))) ledger.taken(line, 'peers.deny', 'allow-carved')
  else ledger.unneeded(line, 'allowed-anyway')
}
