import { formatIp, ipKey, parseIp } from '../../base/address.ts'
import { ConfigFault } from '../fault.ts'

/** An address to relay from, and how peers see it where 1:1 NAT lies in between. */
export interface RelayAddress {
  /** 4 or 16 octets, as in `Address`. */
  readonly local: Uint8Array
  readonly public?: Uint8Array
}

/** Reads `auto`, `203.0.113.7`, or `10.0.0.5=203.0.113.7` for local and public address behind 1:1 NAT. */
export function parseRelayAddress(text: string): 'auto' | RelayAddress | ConfigFault {
  const given = text.trim()
  if (given === 'auto') return 'auto'
  const [first, second, ...rest] = given.split('=')
  const local = parseIp(first!.trim())
  const outside = second === undefined ? undefined : parseIp(second.trim())
  if (!local || rest.length > 0 || (second !== undefined && !outside))
    return new ConfigFault('relay-address', { given: text })
  if (outside && outside.length !== local.length)
    return new ConfigFault('relay-address-families', { given: text })
  for (const ip of outside ? [local, outside] : [local]) {
    if (isNoHost(ip)) return new ConfigFault('relay-address-host', { given: formatIp(ip) })
  }
  return outside ? { local, public: outside } : { local }
}

export function formatRelayAddress(relay: 'auto' | RelayAddress): string {
  if (relay === 'auto') return 'auto'
  return relay.public ? `${formatIp(relay.local)}=${formatIp(relay.public)}` : formatIp(relay.local)
}

/** Equal for entries that would bind the same local address. */
export function relayKey(relay: 'auto' | RelayAddress): number | string {
  return relay === 'auto' ? 'auto' : ipKey(relay.local)
}

/** Unspecified, multicast or broadcast: nothing that one socket could be reached at. */
function isNoHost(ip: Uint8Array): boolean {
  if (ip.every(octet => octet === 0)) return true
  return ip.length === 4 ? ip[0]! >= 224 : ip[0] === 0xff
}
