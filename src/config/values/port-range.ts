import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

export interface PortRange {
  readonly from: number
  readonly to: number
  /** Where all allocations share a few ports: each of them, smallest first. */
  readonly shared?: readonly number[]
}

/** How many ports may be shared; with more, a range of ports is of more use. */
const MOST_SHARED = 64

/** Reads `49152-65535`, of which each allocation has a port of its own, or `3479` or `3479, 3480`, which all share. */
export function parsePorts(text: string): Parsed<PortRange> {
  if (/^ *[0-9]{1,6} *(?:, *[0-9]{1,6} *)*$/.test(text)) return parseShared(text)
  const match = /^ *([0-9]{1,6}) *- *([0-9]{1,6}) *$/.exec(text)
  if (!match) return notAccepted('ports', { given: text })
  const from = Number(match[1])
  const to = Number(match[2])
  if (from > 65535 || to > 65535) return notAccepted('port', { given: Math.max(from, to) })
  if (from > to) return notAccepted('ports-backwards', { given: text, fix: `${to}-${from}` })
  if (from < 1024) return notAccepted('ports-low', { given: from })
  // A client that wants RTP and RTCP asks for a pair of ports (RFC 8656 §18.7).
  if (to === from) return notAccepted('ports-few', { given: text })
  return succeeded({ from, to })
}

function parseShared(text: string): Parsed<PortRange> {
  const shared = [...new Set(text.split(',').map(Number))].toSorted((a, b) => a - b)
  const from = shared[0]!
  const to = shared.at(-1)!
  if (to > 65535) return notAccepted('port', { given: to })
  if (from < 1024) return notAccepted('ports-low', { given: from })
  if (shared.length > MOST_SHARED)
    return notAccepted('ports-many', { count: shared.length, max: MOST_SHARED })
  return succeeded({ from, to, shared })
}

/** Reads `10000` or `50000-60000`: ports of other programs. */
export function parsePortOrRange(text: string): Parsed<PortRange> {
  const match = /^ *([0-9]{1,6}) *(?:- *([0-9]{1,6}) *)?$/.exec(text)
  if (!match) return notAccepted('port-or-range', { given: text })
  const from = Number(match[1])
  const to = Number(match[2] ?? match[1])
  for (const port of [from, to]) if (port < 1 || port > 65535) return notAccepted('port', { given: port })
  if (from > to) return notAccepted('ports-backwards', { given: text, fix: `${to}-${from}` })
  return succeeded({ from, to })
}

export function formatPorts({ from, to, shared }: PortRange): string {
  if (shared) return shared.join(', ')
  return from === to ? `${from}` : `${from}-${to}`
}
