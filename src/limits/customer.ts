import { address, type Family, ipKey, parseIp } from '../base/address.ts'

/**
 * Whom an address stands for, from narrow to wide:
 *
 * - `host`: what one machine commonly has, an IPv4 address or an IPv6 /64;
 * - `customer`: what a provider gives one customer, an IPv4 address or an IPv6 /56;
 * - `network`: what an attacker may have rented whole, an IPv4 /24 or an IPv6 /48.
 *
 * docs/decisions/0041-one-customer.md says why.
 */
export type Span = 'host' | 'customer' | 'network'

/** Octets of an address that name its host, customer or network. */
export const SPAN_OCTETS: Readonly<Record<Span, Readonly<Record<Family, number>>>> = {
  host: { 4: 4, 6: 8 },
  customer: { 4: 4, 6: 7 },
  network: { 4: 3, 6: 6 },
}

/** A network may have as many times what one customer may: one customer cannot be mistaken for many, nor use up all. */
export const CUSTOMERS_OF_NETWORK = 4

/** Equal for addresses of one customer, or of one host or network; never equal for IPv4 and IPv6. */
export function customerKey(ip: Uint8Array, span: Span = 'customer'): number | string {
  if (ip.length === 16) return ipKey(ip.subarray(0, SPAN_OCTETS[span][6]))
  return span === 'network' ? ((ipKey(ip) as number) & 0xffff_ff00) >>> 0 : ipKey(ip)
}

/**
 * The same for an address in text, as `Socket.remoteAddress` has it; what is
 * not an address is a customer of its own.
 */
export function customerKeyOf(text: string | undefined, span: Span = 'customer'): number | string {
  const ip = parseIp((text ?? '').replace(/%.*$/, ''))
  return ip ? customerKey(address(ip, 0).ip, span) : ''
}
