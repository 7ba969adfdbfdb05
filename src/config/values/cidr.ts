import { formatRange, networkOf, parseRange, type Range } from '../../base/range.ts'
import { ConfigFault } from '../fault.ts'

/** Reads an entry of a peer list: `10.0.0.0/8`, `192.0.2.7` or `192.0.2.1-192.0.2.9`, of either family. */
export function parsePeers(text: string): Range | ConfigFault {
  const given = text.trim()
  if (given === 'recommended') return new ConfigFault('range-recommended')
  const range = parseRange(given)
  if (typeof range !== 'string') return range
  const network = range === 'host-bits' ? networkOf(given) : undefined
  return network
    ? new ConfigFault('range-host-bits', { given, network: formatRange(network), host: given.split('/')[0]! })
    : new ConfigFault(`range-${range}`, { given })
}

/** Reads an entry of `peers.deny`, where the word `recommended` stands for the table of special ranges. */
export function parseDenied(text: string): 'recommended' | Range | ConfigFault {
  return text.trim() === 'recommended' ? 'recommended' : parsePeers(text)
}
