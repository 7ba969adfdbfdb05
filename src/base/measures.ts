/** What the ledger sums up, in the order in which its rows, and tables for people, have it. */
export const MEASURES = [
  'bytesToPeer',
  'packetsToPeer',
  'bytesToClient',
  'packetsToClient',
  'allocations',
  'milliseconds',
  'refusals',
] as const
export type Measure = (typeof MEASURES)[number]

/**
 * Payload both ways in octets and datagrams, allocations that were opened, milliseconds
 * that allocations were held, and requests that were refused.
 */
export type Measures = Readonly<Record<Measure, number>>
