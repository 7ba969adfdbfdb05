import { address, parseIp } from '../../base/address.ts'
import { readProxy2 } from './proxy-header-2.ts'
import { isUnspecified, type ProxyReading, SIGNATURE } from './proxy-reading.ts'

/** Reads the header of either version. Costs no more than the header is long, which is bounded. */
export function readProxyHeader(bytes: Buffer): ProxyReading {
  if (startsLike(bytes, LINE_START)) return bytes.length < LINE_START.length ? MORE : readLine(bytes)
  if (startsLike(bytes, SIGNATURE)) return bytes.length < SIGNATURE.length ? MORE : readProxy2(bytes)
  return { kind: 'none' }
}

/** Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 51000 443` and a line break. */
function readLine(bytes: Buffer): ProxyReading {
  const text = bytes.toString('latin1', 0, LONGEST_LINE)
  const end = text.indexOf('\r\n')
  if (end < 0) {
    return text.length < LONGEST_LINE
      ? MORE
      : { kind: 'malformed', detail: `its line does not end within ${LONGEST_LINE} octets` }
  }
  const line = text.slice(LINE_START.length, end)
  const length = end + 2
  // Whatever follows UNKNOWN is to be ignored.
  if (line === 'UNKNOWN' || line.startsWith('UNKNOWN ')) return { kind: 'header', length, client: undefined }
  const fields = /^TCP([46]) (\S+) (\S+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})$/.exec(line)
  if (!fields) return { kind: 'malformed', detail: 'its line is not one of version 1' }
  const octets = fields[1] === '4' ? 4 : 16
  const [from, to] = [parseIp(fields[2]!), parseIp(fields[3]!)]
  const [port, toPort] = [Number(fields[4]), Number(fields[5])]
  if (from?.length !== octets || to?.length !== octets || port > 65535 || toPort > 65535)
    return { kind: 'malformed', detail: 'its line has an address or a port that is not one' }
  if (isUnspecified(from)) return { kind: 'malformed', detail: 'its client has no address' }
  return { kind: 'header', length, client: address(from, port) }
}

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const some = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, some, 0, some) === 0
}

const LINE_START = Buffer.from('PROXY ', 'latin1')
const MORE = { kind: 'more' } as const
/** Octets of the longest line, its end included, as the specification has it. */
const LONGEST_LINE = 107
