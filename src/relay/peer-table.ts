import { formatRange } from '../base/range.ts'
import type { Settings } from '../config/settings.ts'
import { RECOMMENDED } from '../policy/peer-policy.ts'

/** The peer policy as an operator reads it, in the order in which it is asked. The first that matches decides. */
export interface PeerTable {
  readonly denied: readonly string[]
  readonly allowed: readonly string[]
  /** `others`: what becomes of a peer that none of the lists names. */
  readonly deniedUnlessAllowed: readonly string[]
  readonly ownAddresses: 'denied' | 'allowed'
  readonly others: 'allowed' | 'denied'
}

/** Spells out the peer policy of the settings. Own relayed addresses are reached inside the process only. */
export function peerTable({ deny, allow, only }: Settings['peers']): PeerTable {
  const recommended = deny.includes('recommended')
  return {
    denied: deny.filter(entry => entry !== 'recommended').map(formatRange),
    allowed: [...allow, ...only].map(formatRange),
    deniedUnlessAllowed: recommended ? RECOMMENDED : [],
    ownAddresses: recommended || only.length > 0 ? 'denied' : 'allowed',
    others: only.length > 0 ? 'denied' : 'allowed',
  }
}
