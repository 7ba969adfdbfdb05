import type { Address } from '../../base/address.ts'

/**
 * What the first octets of a connection are to one who expects a PROXY header
 * (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).
 *
 * - `more`: a header may still become of them.
 * - `none`: they begin something else.
 * - `malformed`: they begin a header, but it is broken or too long.
 * - `header`: it is whole, and what it announces begins at `length`.
 */
export type ProxyReading =
  | { readonly kind: 'more' }
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly detail: string }
  | ProxyHeader

export interface ProxyHeader {
  readonly kind: 'header'
  /** Octets that it takes. */
  readonly length: number
  /** Whose connection it is; undefined for the proxy's own, such as a health check, or one it knows nothing of. */
  readonly client: Address | undefined
  /** How the proxy names the connection in its own log, of printable ASCII. */
  readonly uniqueId?: string
}

/** True for `0.0.0.0` and `::`, which nobody connects from. */
export function isUnspecified(ip: Uint8Array): boolean {
  return ip.every(octet => octet === 0)
}

/** What version 2 begins with. */
export const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
