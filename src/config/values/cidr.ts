import { formatRange, networkOf, parseRange, type Range } from '../../base/range.ts'
import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

/** Reads an entry of a peer list: `10.0.0.0/8`, `192.0.2.7` or `192.0.2.1-192.0.2.9`, of either family. */
export function parsePeers(text: string): Parsed<Range> {
  const given = text.trim()
  if (given === 'recommended') return notAccepted('range-recommended')
  const range = parseRange(given)
  if (range.ok) return range
  const network = range.error === 'host-bits' ? networkOf(given) : undefined
  return network
    ? notAccepted('range-host-bits', { given, network: formatRange(network), host: given.split('/')[0]! })
    : notAccepted(`range-${range.error}`, { given })
}

/** Reads an entry of `peers.deny`, where the word `recommended` stands for the table of special ranges. */
export function parseDenied(text: string): Parsed<'recommended' | Range> {
  return text.trim() === 'recommended' ? succeeded('recommended') : parsePeers(text)
}
