import { type AskedAddress, formatAsked, formatIp, ipKey, parseIp } from '../../base/address.ts'
import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'
import { isLinkLocal } from './host-port.ts'

/** An address to relay from, and how peers see it where 1:1 NAT lies in between. */
export interface RelayAddress {
  /** 4 or 16 octets, as in `Address`; `auto`: what this machine has. */
  readonly local: Uint8Array | 'auto'
  /** Octets, a name that is looked up again and again, or who is asked again and again. */
  readonly public?: Uint8Array | string | AskedAddress
}

/** A name of the DNS with a dot in it, by which no IP address is meant. */
const NAME = /^(?=.{3,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?\.?$/i

/** What a public address is asked of: `pcp`, `stun:HOST` or `stun:HOST:PORT`. */
const STUN = /^stun:(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/i
const STUN_PORT = 3478

/**
 * Reads `auto`, `203.0.113.7`, or `10.0.0.5=203.0.113.7` for local and public
 * address behind 1:1 NAT. The local one may be `auto`, the public one a name,
 * or who is asked for it.
 */
export function parseRelayAddress(text: string): Parsed<'auto' | RelayAddress> {
  const given = text.trim()
  if (given === 'auto') return succeeded('auto')
  const [first = '', second, ...rest] = given.split('=').map(part => part.trim())
  if (isLinkLocal(first)) return notAccepted('host-link-local', { given: first })
  const local = first === 'auto' ? first : parseIp(first)
  const read = second === undefined ? undefined : parsePublic(second)
  const outside = read?.ok ? read.value : undefined
  if (!local || (read && !read.ok) || rest.length > 0) return notAccepted('relay-address', { given: text })
  const ips = [local, outside].filter(part => part instanceof Uint8Array)
  if (ips.length === 2 && ips[0]!.length !== ips[1]!.length) {
    return notAccepted('relay-address-families', { given: text })
  }
  // What a router passes on is IPv4.
  const isAsked = typeof outside === 'object' && 'from' in outside
  if (isAsked && outside.from === 'router' && local.length === 16)
    return notAccepted('relay-address-families', { given: text })
  for (const ip of ips) {
    if (isNoHost(ip)) return notAccepted('relay-address-host', { given: formatIp(ip) })
  }
  return succeeded(outside ? { local, public: outside } : { local })
}

function parsePublic(text: string): Parsed<Uint8Array | string | AskedAddress> {
  if (text.toLowerCase() === 'pcp') return succeeded({ from: 'router' })
  const refused = notAccepted('relay-address', { given: text })
  const [isStun, ip, name = ip, port = `${STUN_PORT}`] = STUN.exec(text) ?? []
  if (isStun === undefined) {
    const read = parseIp(text) ?? (NAME.test(text) ? text : undefined)
    return read === undefined ? refused : succeeded(read)
  }
  const isGood = name !== undefined && (parseIp(name) || NAME.test(name))
  if (!isGood || Number(port) === 0 || Number(port) > 65535) return refused
  return succeeded({ from: 'stun', host: name, port: Number(port) })
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
  const asked = typeof shown === 'string' ? shown : formatAsked(shown)
  const family = relay.local === 'auto' ? 'auto' : relay.local.length
  return `${asked.toLowerCase().replace(/\.$/, '')} ${family}`
}

export function publicName(relay: 'auto' | RelayAddress): string {
  return relay === 'auto' ? relay : written(relay.public ?? relay.local)
}

function written(part: Uint8Array | string | AskedAddress): string {
  if (typeof part === 'string') return part
  return part instanceof Uint8Array ? formatIp(part) : formatAsked(part)
}

/** Whether the address is one that the router is asked for. */
export function isOfRouter(relay: 'auto' | RelayAddress): boolean {
  const shown = relay === 'auto' ? undefined : relay.public
  return typeof shown === 'object' && 'from' in shown && shown.from === 'router'
}

/** Unspecified, multicast or broadcast: nothing that one socket could be reached at. */
function isNoHost(ip: Uint8Array): boolean {
  if (ip.every(octet => octet === 0)) return true
  return ip.length === 4 ? ip[0]! >= 224 : ip[0] === 0xff
}
