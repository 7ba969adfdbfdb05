/**
 * How a datagram reaches us: the client's transport, or `relay` for what peers
 * send to a relayed address. The index in this list is the number that tables
 * and counters use.
 */
export const VIA = ['udp', 'tcp', 'tls', 'dtls', 'relay'] as const
export type Via = (typeof VIA)[number]

const NUMBER: Record<Via, number> = { udp: 0, tcp: 1, tls: 2, dtls: 3, relay: 4 }

export function viaNumber(via: Via): number {
  return NUMBER[via]
}

/** True where the transport is a byte stream: reliable, framed, padded to four octets. */
export function isStream(via: Via): boolean {
  return via === 'tcp' || via === 'tls'
}
