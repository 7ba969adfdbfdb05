import {
  type Address,
  type AskedAddress,
  address,
  type Family,
  formatAsked,
  formatIp,
  ipKey,
} from '../../base/address.ts'
import type { RunningText } from '../../texts/running.ts'
import type { WaitingText } from '../../texts/waiting.ts'
import { type Machine, type MachineAddress, ownAddresses, readMachine } from '../kernel/machine.ts'

/** Who can reach an IP address: anyone, or only those near it. */
export type Scope = 'public' | 'private' | 'cgnat' | 'link-local' | 'loopback' | 'unusable'

/** An address that relay sockets bind, and the one that clients are told (1:1 NAT). */
export interface ResolvedRelayAddress {
  readonly family: Family
  readonly local: Uint8Array
  readonly public: Uint8Array
}

export function isSameRelay(a: ResolvedRelayAddress, b: ResolvedRelayAddress): boolean {
  return ipKey(a.local) === ipKey(b.local) && ipKey(a.public) === ipKey(b.public)
}

/** `auto`, or what the operator wrote; `public` where a router maps it to another address. */
export type RelayEntry =
  | 'auto'
  | { readonly local: Uint8Array | 'auto'; readonly public?: Uint8Array | AddressSource }

/** A name of the DNS, or who else knows an address. */
export type AddressSource = string | AskedAddress

/** What is known of an address so far. */
export type Lookups = (source: AddressSource, family: Family) => Uint8Array | undefined

export interface RelayAddresses {
  readonly addresses: readonly ResolvedRelayAddress[]
  /** What new calls are waiting for, for the operator. */
  readonly waiting: readonly WaitingText[]
  /** For the operator. */
  readonly warnings: readonly RunningText[]
}

/** Tells who can reach an IP address of 4 or 16 octets. */
export function scopeOf(ip: Uint8Array): Scope {
  return ip.length === 4 ? scopeOf4(ip) : scopeOf6(ip)
}

/** True where peers on the Internet cannot reach us: no public IPv4 address among those there are, or none at all. */
export function onlyPrivate(ips: readonly Uint8Array[]): boolean {
  const of4 = ips.filter(ip => ip.length === 4)
  return (of4.length > 0 ? of4 : ips).every(ip => scopeOf(ip) !== 'public')
}

/**
 * Finds the addresses to relay from. `auto` stands for the machine's public
 * addresses of each family on the way to the world; for a private one of a
 * family that has no other; for loopback only where there is nothing else at
 * all. Devices that programs make for themselves are left out.
 *
 * No two have the same public address: peers could not tell whom they reach.
 */
export function relayAddresses(
  entries: readonly RelayEntry[],
  machine: Machine = readMachine(),
  lookup: Lookups = () => undefined,
): RelayAddresses {
  return new Resolution(machine, lookup).resolve(entries)
}

class Resolution {
  readonly #machine: Machine
  readonly #lookup: Lookups
  readonly #found = new Map<number | string, ResolvedRelayAddress>()
  readonly #publics = new Set<number | string>()
  readonly #waiting: WaitingText[] = []
  readonly #warnings: RunningText[] = []
  /** Addresses that `auto` would take if they could be bound. */
  readonly #leftOut: WaitingText[] = []

  constructor(machine: Machine, lookup: Lookups) {
    this.#machine = machine
    this.#lookup = lookup
  }

  resolve(entries: readonly RelayEntry[]): RelayAddresses {
    // What is written out comes first, so that `auto` does not name a mapped address a second time.
    for (const entry of entries) {
      if (entry !== 'auto' && entry.local !== 'auto') this.#written(entry.local, entry.public)
    }
    for (const entry of entries) {
      if (entry === 'auto') this.#automatic(undefined)
      else if (entry.local === 'auto') this.#automatic(entry.public)
    }
    const isAuto = entries.some(entry => entry === 'auto' || entry.local === 'auto')
    // New calls wait for such an address only where there is no other.
    if (this.#found.size === 0) this.#waiting.push(...this.#leftOut)
    else for (const why of this.#leftOut) this.#warnings.push({ key: 'warn.waiting', values: { why } })
    if (isAuto && this.#found.size === 0 && this.#waiting.length === 0) this.#loopback()
    return { addresses: [...this.#found.values()], waiting: this.#waiting, warnings: this.#warnings }
  }

  #written(local: Uint8Array, outside: Uint8Array | AddressSource | undefined): void {
    const { ip } = address(local, 0)
    const family = familyOf(ip)
    const shown = outside === undefined ? ip : this.#shown(outside, family)
    if (shown) this.#add(ip, shown)
  }

  #automatic(outside: Uint8Array | AddressSource | undefined): void {
    for (const family of [4, 6] as const) {
      const ours = this.#machine.addresses.filter(({ ip, isLasting }) => familyOf(ip) === family && isLasting)
      const chosen = this.#chosen(
        family,
        ours.filter(({ unbindable }) => !unbindable),
      )
      for (const { ip, unbindable } of this.#chosen(family, ours))
        if (unbindable) this.#leftOut.push({ key: UNBINDABLE[unbindable], values: { ip: formatIp(ip) } })
      // A name stands for the IPv4 address of the router; IPv6 needs none to be reached.
      const isMapped =
        outside instanceof Uint8Array ? outside.length === (family === 4 ? 4 : 16) : family === 4
      const [first] = chosen
      if (outside !== undefined && isMapped && first) {
        const shown = this.#shown(outside, family)
        if (shown) this.#add(first.ip, shown)
        continue
      }
      for (const { ip } of chosen) this.#add(ip, ip)
      if (first && scopeOf(first.ip) !== 'public') {
        this.#warnings.push({ key: 'warn.noPublic', values: { family, ip: formatIp(first.ip) } })
      }
    }
  }

  /** Of addresses of a family all that are public and on the way to the world, or elsewhere; else one private. */
  #chosen(family: Family, ours: readonly MachineAddress[]): readonly MachineAddress[] {
    const way = this.#machine.ways.get(family)
    const onTheWay = ours.filter(({ device }) => device === way)
    const others = ours.filter(({ device }) => device !== way && !VIRTUAL.test(device))
    const isOpen = ({ ip }: MachineAddress) => scopeOf(ip) === 'public'
    const isNear = ({ ip }: MachineAddress) => scopeOf(ip) === 'private' || scopeOf(ip) === 'cgnat'
    for (const some of [onTheWay, others]) if (some.some(isOpen)) return some.filter(isOpen)
    const near = onTheWay.find(isNear) ?? others.find(isNear)
    return near ? [near] : []
  }

  #shown(outside: Uint8Array | AddressSource, family: Family): Uint8Array | undefined {
    if (outside instanceof Uint8Array) return address(outside, 0).ip
    const found = this.#lookup(outside, family)
    if (!found) {
      this.#waiting.push(unknown(outside, family))
      return undefined
    }
    if (scopeOf(found) === 'public' || scopeOf(found) === 'private' || scopeOf(found) === 'cgnat')
      return found
    const name = typeof outside === 'string' ? outside : formatAsked(outside)
    this.#waiting.push({ key: 'waiting.unreachableName', values: { name, ip: formatIp(found) } })
    return undefined
  }

  #add(local: Uint8Array, shown: Uint8Array): void {
    if (this.#found.has(ipKey(local))) return
    if (this.#publics.has(ipKey(shown))) {
      this.#warnings.push({
        key: 'warn.samePublic',
        values: { ip: formatIp(local), public: formatIp(shown) },
      })
      return
    }
    this.#publics.add(ipKey(shown))
    this.#found.set(ipKey(local), { family: familyOf(local), local, public: shown })
  }

  #loopback(): void {
    const own = this.#machine.addresses.map(({ ip }) => ip)
    const loopback = own.find(ip => scopeOf(ip) === 'loopback')
    if (!loopback) return
    this.#add(loopback, loopback)
    this.#waiting.push({ key: 'waiting.loopback', values: { ip: formatIp(loopback) } })
  }
}

function unknown(source: AddressSource, family: Family): WaitingText {
  if (typeof source === 'string') return { key: 'waiting.unknownName', values: { family, name: source } }
  if (source.from === 'router') return { key: 'waiting.router', values: {} }
  return { key: 'waiting.stun', values: { server: formatAsked(source).replace('stun:', '') } }
}

const UNBINDABLE = { tentative: 'waiting.tentative', duplicate: 'waiting.duplicate' } as const

/** Devices of containers, virtual machines and private networks, which no default route goes through. */
const VIRTUAL =
  /^(docker|br-|veth|virbr|vnet|lxc|lxd|incus|podman|cni|cali|flannel|kube|nodelocaldns|cilium|weave|wg|tailscale|zt|tun|tap|nebula|ham)/

function familyOf(ip: Uint8Array): Family {
  return ip.length === 4 ? 4 : 6
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
