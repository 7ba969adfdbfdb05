import type { Traffic } from '../../../src/base/route.ts'
import type { Event, Owner, RejectReason } from '../../../src/core/event.ts'

interface Told {
  readonly at: number
  readonly via?: 'udp' | 'tcp' | 'tls'
  readonly family?: 4 | 6
  readonly tenant?: string
}

/** Events with what the ledger looks at; the rest is left out. */
export function opened(allocation: number, user: string, told: Told): Event {
  const { at, via = 'udp', family = 4, tenant = 'example.org' } = told
  return {
    kind: 'opened',
    at,
    allocation,
    owner: { tenant, user },
    client: { family },
    via,
  } as unknown as Event
}

export function closed(
  allocation: number,
  user: string,
  carried: Traffic,
  told: { readonly since: number; readonly at: number },
): Event {
  const owner = { tenant: 'example.org', user }
  return { kind: 'closed', allocation, owner, traffic: carried, ...told } as unknown as Event
}

export function rejected(why: RejectReason, owner?: Owner): Event {
  return { kind: 'rejected', at: 0, from: { family: 4 }, via: 'udp', why, owner } as unknown as Event
}

export function traffic(
  bytesToPeer: number,
  packetsToPeer: number,
  bytesToClient: number,
  packetsToClient: number,
): Traffic {
  return {
    toPeer: { bytes: bytesToPeer, packets: packetsToPeer },
    toClient: { bytes: bytesToClient, packets: packetsToClient },
  }
}
