import { address, parseAddress, parseIp } from '../base/address.ts'
import { contains, type Range } from '../base/range.ts'

/** Entries of X-Forwarded-For that are looked at; nobody has more proxies. */
const MOST_HOPS = 16

/**
 * The address of the caller: the peer of the connection, or, where that is a
 * trusted proxy, the last address in X-Forwarded-For that is none. What stands
 * further left was written by the client itself and is not believed.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  trusted: readonly Range[],
): Uint8Array | undefined {
  let client = readIp(peer ?? '')
  const hops = (forwardedFor ?? '').split(',').slice(-MOST_HOPS).reverse()
  for (const hop of hops) {
    if (!client || !trusted.some(range => contains(range, client!))) break
    const next = readIp(hop.trim())
    if (!next) break
    client = next
  }
  return client
}

/** Reads `192.0.2.1`, `::ffff:192.0.2.1`, `[2001:db8::1]` and, as some proxies write, an address with port. */
function readIp(text: string): Uint8Array | undefined {
  const ip = parseIp(text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, ''))
  return ip ? address(ip, 0).ip : parseAddress(text)?.ip
}
