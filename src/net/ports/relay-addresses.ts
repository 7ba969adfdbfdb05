import { readFileSync } from 'node:fs'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { type Address, address, type Family, formatIp, ipKey, parseIp } from '../../base/address.ts'

/** Who can reach an IP address: anyone, or only those near it. */
export type Scope = 'public' | 'private' | 'cgnat' | 'link-local' | 'loopback' | 'unusable'

/** An address that relay sockets bind, and the one that clients are told (1:1 NAT). */
export interface ResolvedRelayAddress {
  readonly family: Family
  readonly local: Uint8Array
  readonly public: Uint8Array
}

/** `auto`, or what the operator wrote; `public` where a router maps it to another address. */
export type RelayEntry = 'auto' | { readonly local: string; readonly public?: string }

export interface RelayAddresses {
  readonly addresses: readonly ResolvedRelayAddress[]
  /** Sentences for the operator. */
  readonly warnings: readonly string[]
}

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>

/** Tells who can reach an IP address of 4 or 16 octets. */
export function scopeOf(ip: Uint8Array): Scope {
  return ip.length === 4 ? scopeOf4(ip) : scopeOf6(ip)
}

/** The machine's own IP addresses, all families and interfaces, loopback too. */
export function ownAddresses(interfaces: Interfaces = networkInterfaces()): Uint8Array[] {
  const own = new Map<number | string, Uint8Array>()
  for (const infos of Object.values(interfaces)) {
    for (const info of infos ?? []) {
      const ip = parseIp(info.address.replace(/%.*$/, ''))
      if (!ip) continue
      const canonical = address(ip, 0).ip
      own.set(ipKey(canonical), canonical)
    }
  }
  return [...own.values()]
}

/**
 * Finds the addresses to relay from. `auto` stands for the machine's public
 * addresses of each family; for the first private one of a family that has no
 * other; for loopback only where there is nothing else at all.
 */
export function relayAddresses(
  entries: readonly RelayEntry[],
  own: readonly Uint8Array[] = lastingAddresses(),
): RelayAddresses {
  const found = new Map<number | string, ResolvedRelayAddress>()
  const warnings: string[] = []
  const add = (local: Uint8Array, mapped: Uint8Array): void => {
    const key = ipKey(local)
    if (!found.has(key)) found.set(key, { family: local.length === 4 ? 4 : 6, local, public: mapped })
  }
  for (const entry of entries) {
    if (entry !== 'auto') {
      const local = canonical(entry.local)
      const mapped = entry.public === undefined ? local : canonical(entry.public)
      if (local && mapped && local.length === mapped.length) add(local, mapped)
      else warnings.push(`relay address ${entry.local} is not usable: not two IP addresses of one family`)
    }
  }
  // What is written out comes first, so that `auto` does not name a mapped address a second time.
  if (entries.includes('auto')) {
    for (const ip of automatic(own, warnings)) add(ip, ip)
  }
  return { addresses: [...found.values()], warnings }
}

/**
 * Replaces wildcards by the machine's addresses of that family. A UDP socket
 * bound to the wildcard answers from an address of the kernel's choosing, and
 * clients ignore answers from where they did not ask (RFC 8489 §6.3.1.2).
 */
export function expandWildcards(
  listen: readonly Address[],
  own: readonly Uint8Array[] = ownAddresses(),
): Address[] {
  const expanded = new Map<number | string, Address>()
  for (const wanted of listen) {
    const ips = wanted.ip.every(octet => octet === 0)
      ? own.filter(ip => ip.length === wanted.ip.length && scopeOf(ip) !== 'link-local')
      : [wanted.ip]
    for (const ip of ips) {
      const one = address(ip, wanted.port)
      expanded.set(one.key, one)
    }
  }
  return [...expanded.values()]
}

function automatic(own: readonly Uint8Array[], warnings: string[]): Uint8Array[] {
  const chosen: Uint8Array[] = []
  for (const family of [4, 6] as const) {
    const ours = own.filter(ip => (ip.length === 4 ? 4 : 6) === family)
    const open = ours.filter(ip => scopeOf(ip) === 'public')
    const near = ours.find(ip => scopeOf(ip) === 'private' || scopeOf(ip) === 'cgnat')
    if (open.length > 0) {
      chosen.push(...open)
    } else if (near) {
      chosen.push(near)
      warnings.push(
        `this machine has no public IPv${family} address; relaying from ${formatIp(near)}, which only its own ` +
          `network can reach. Behind a router that forwards the relay ports, write the relay address as ` +
          `"${formatIp(near)}=<public address>"`,
      )
    }
  }
  const loopback = own.find(ip => scopeOf(ip) === 'loopback')
  if (chosen.length === 0 && loopback) {
    chosen.push(loopback)
    warnings.push(
      `this machine has no address but ${formatIp(loopback)}; only programs on it can use the relay`,
    )
  }
  return chosen
}

/** Own addresses but those that the kernel will soon replace: a call should not lose its address. */
function lastingAddresses(): Uint8Array[] {
  const passing = passingAddresses()
  return ownAddresses().filter(ip => !passing.has(ipKey(ip)))
}

/** IPv6 addresses that are temporary (RFC 8981) or deprecated; none where Linux does not tell. */
function passingAddresses(): Set<number | string> {
  const passing = new Set<number | string>()
  let table: string
  try {
    table = readFileSync('/proc/self/net/if_inet6', 'latin1')
  } catch {
    return passing
  }
  for (const line of table.split('\n')) {
    const [hex = '', , , , flags = ''] = line.trim().split(/ +/)
    if (hex.length !== 32) continue
    if ((Number.parseInt(flags, 16) & (TEMPORARY | DEPRECATED)) !== 0)
      passing.add(ipKey(Buffer.from(hex, 'hex')))
  }
  return passing
}

function canonical(text: string): Uint8Array | undefined {
  const ip = parseIp(text)
  return ip && address(ip, 0).ip
}

function scopeOf4(ip: Uint8Array): Scope {
  const a = ip[0]!
  const b = ip[1]!
  if (a === 127) return 'loopback'
  if (a === 0 || a >= 224) return 'unusable'
  if (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168)) return 'private'
  if (a === 100 && b >= 64 && b < 128) return 'cgnat'
  if (a === 169 && b === 254) return 'link-local'
  return 'public'
}

function scopeOf6(ip: Uint8Array): Scope {
  const a = ip[0]!
  if (a === 0xff) return 'unusable'
  if (a === 0xfe) return (ip[1]! & 0xc0) === 0x80 ? 'link-local' : 'private'
  if ((a & 0xfe) === 0xfc) return 'private'
  // ::/96 but for ::1: unspecified, and IPv4-compatible addresses that nobody has.
  if (ip.subarray(0, 12).every(octet => octet === 0)) {
    return ip[15] === 1 && ip.subarray(12, 15).every(octet => octet === 0) ? 'loopback' : 'unusable'
  }
  return 'public'
}

const TEMPORARY = 0x01
const DEPRECATED = 0x20
