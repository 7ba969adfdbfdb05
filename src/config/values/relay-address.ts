import { formatIp, ipKey, parseIp } from '../../base/address.ts'
import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'
import { isLinkLocal } from './host-port.ts'

/** An address to relay from, and how peers see it where 1:1 NAT lies in between. */
export interface RelayAddress {
  /** 4 or 16 octets, as in `Address`; `auto`: what this machine has. */
  readonly local: Uint8Array | 'auto'
  /** Octets, or a name that is looked up again and again. */
  readonly public?: Uint8Array | string
}

/** A name of the DNS with a dot in it, by which no IP address is meant. */
const NAME = /^(?=.{3,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?\.?$/i

/**
 * Reads `auto`, `203.0.113.7`, or `10.0.0.5=203.0.113.7` for local and public
 * address behind 1:1 NAT. The local one may be `auto`, the public one a name.
 */
export function parseRelayAddress(text: string): Parsed<'auto' | RelayAddress> {
  const given = text.trim()
  if (given === 'auto') return succeeded('auto')
  const [first = '', second, ...rest] = given.split('=').map(part => part.trim())
  if (isLinkLocal(first)) return notAccepted('host-link-local', { given: first })
  const local = first === 'auto' ? first : parseIp(first)
  const outside = second === undefined ? undefined : (parseIp(second) ?? (NAME.test(second) ? second : null))
  if (!local || outside === null || rest.length > 0) return notAccepted('relay-address', { given: text })
  const ips = [local, outside].filter(part => part instanceof Uint8Array)
  if (ips.length === 2 && ips[0]!.length !== ips[1]!.length) {
    return notAccepted('relay-address-families', { given: text })
  }
  for (const ip of ips) {
    if (isNoHost(ip)) return notAccepted('relay-address-host', { given: formatIp(ip) })
  }
  return succeeded(outside ? { local, public: outside } : { local })
}

export function formatRelayAddress(relay: 'auto' | RelayAddress): string {
  if (relay === 'auto') return 'auto'
  const local = written(relay.local)
  return relay.public ? `${local}=${written(relay.public)}` : local
}

/** Equal for entries that would bind the same local address. */
export function relayKey(relay: 'auto' | RelayAddress): number | string {
  return relay === 'auto' || relay.local === 'auto' ? formatRelayAddress(relay) : ipKey(relay.local)
}

/** Equal for entries that peers would see as the same address. A name may stand for one address of each family. */
export function publicKey(relay: 'auto' | RelayAddress): number | string | undefined {
  if (relay === 'auto') return undefined
  const shown = relay.public ?? relay.local
  if (shown instanceof Uint8Array) return ipKey(shown)
  if (shown === 'auto') return undefined
  const family = relay.local === 'auto' ? 'auto' : relay.local.length
  return `${shown.toLowerCase().replace(/\.$/, '')} ${family}`
}

export function publicName(relay: 'auto' | RelayAddress): string {
  return relay === 'auto' ? relay : written(relay.public ?? relay.local)
}

function written(part: Uint8Array | string): string {
  return typeof part === 'string' ? part : formatIp(part)
}

/** Unspecified, multicast or broadcast: nothing that one socket could be reached at. */
function isNoHost(ip: Uint8Array): boolean {
  if (ip.every(octet => octet === 0)) return true
  return ip.length === 4 ? ip[0]! >= 224 : ip[0] === 0xff
}
