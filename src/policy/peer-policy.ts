import { type Address, address, ipKey } from '../base/address.ts'
import { compare, contains, knownRange, type Range } from '../base/range.ts'
import type { Reach } from '../core/environment.ts'
import { RangeSet } from './range-set.ts'
import { opensPort, type RelayedAt } from './same-host.ts'

/** Whom clients may reach through the relay. What is denied explicitly beats what is allowed. */
export interface PeerPolicy {
  readonly deny: readonly Range[]
  /** An own address is allowed by an entry for it alone, never by a network that it lies in. */
  readonly allow: readonly Range[]
  /** Not empty: nobody else may be reached. */
  readonly only: readonly Range[]
  /** Denies `RECOMMENDED` and this machine's own addresses. */
  readonly recommended: boolean
  /** Whether this machine itself takes what is sent to an IP address, at a port or, with 0, at none in particular. */
  readonly isOwn: (ip: Uint8Array, port: number) => boolean
  readonly relays: readonly RelayedAt[]
  /** UDP ports of programs on this machine that are reached at its public relay addresses; absent: see `opensPort`. */
  readonly sameHost?: Parameters<typeof opensPort>[0]
  /** Where this server itself listens: never a peer, whatever else is allowed. */
  readonly endpoints: readonly Address[]
}

/**
 * Special-purpose blocks of the IANA registries that no call needs and every
 * attack on a relay has used: this network, private use, shared address space,
 * loopback, link-local with the cloud metadata services, documentation,
 * benchmarking, multicast, reserved (all of `::/8` with it), and the ways to write IPv4 inside IPv6.
 */
export const RECOMMENDED: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // `::/8` without NAT64's `64:ff9b::/96`, which is judged by the address inside.
  '::-64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff',
  '64:ff9b::1:0:0-ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]

/**
 * Compiles the policy into the one function that every path asks:
 * CreatePermission, ChannelBind, Send, ChannelData, in-process delivery and
 * what arrives from peers.
 *
 * An IPv6 address that carries an IPv4 address is judged as both, so no other
 * spelling of a denied address gets through. One of our own relayed addresses
 * is reached inside the process, and at the ports of `sameHost` for the sake of
 * media servers beside us; no other address of this machine is, unless it is
 * allowed by name.
 */
export function compilePeers(policy: PeerPolicy): (peer: Address) => Reach {
  const { isOwn, relays, recommended: isCautious } = policy
  const allows = [...policy.allow, ...policy.only]
  const denied = new RangeSet(policy.deny)
  const allowed = new RangeSet(allows)
  const named = new RangeSet(allows.filter(range => isOneHost(range) || isLoopback(range)))
  const only = policy.only.length > 0
  const recommended = new RangeSet(isCautious ? RECOMMENDED.map(text => knownRange(text)) : [])
  const relayed = new Map(relays.map(relay => [ipKey(relay.public), relay]))
  // A listener whose port the kernel has yet to choose stands for none.
  const listening = policy.endpoints.filter(endpoint => endpoint.port !== 0)
  const endpoints = new Set(listening.map(endpoint => endpoint.key))
  const served = new Set(listening.map(endpoint => endpoint.port))
  const opens = opensPort(policy.sameHost)

  const judgeRelayed = ({ local, public: shown }: RelayedAt, port: number): Reach => {
    if (port === 0 || !opens(port) || LOOPBACK.has(local)) return 'local'
    return policy.sameHost === undefined && recommended.has(shown) ? 'local' : 'yes'
  }
  const judge = ({ ip, port }: Pick<Address, 'ip' | 'port'>): Reach => {
    if (denied.has(ip)) return 'no'
    const relay = relayed.get(ipKey(ip))
    if (!relay && !isUnspecified(ip) && !isOwn(ip, port)) {
      if (allowed.has(ip)) return 'yes'
      return only || recommended.has(ip) ? 'no' : 'yes'
    }
    if (served.has(port)) return 'no'
    if (named.has(ip)) return 'yes'
    if (only) return 'no'
    if (relay) return judgeRelayed(relay, port)
    return isCautious ? 'no' : 'yes'
  }
  return peer => {
    if (endpoints.has(peer.key)) return 'no'
    const verdict = judge(peer)
    if (verdict === 'no' || peer.family === 4) return verdict
    const embedded = embeddedIp4(peer.ip)
    if (!embedded) return verdict
    const isOurs = relayed.has(ipKey(embedded))
    if (isOurs || endpoints.has(address(embedded, peer.port).key)) return 'no'
    return judge({ ip: embedded, port: peer.port }) === 'yes' ? verdict : 'no'
  }
}

/** `0.0.0.0` and `::`: the kernel takes them for loopback, whatever its tables list. */
function isUnspecified(ip: Uint8Array): boolean {
  return ip.every(octet => octet === 0)
}

function isOneHost({ from, to }: Range): boolean {
  return compare(from, to) === 0
}

/** A range of loopback addresses names this machine and nothing else. */
function isLoopback({ from, to }: Range): boolean {
  return contains(LOOPBACK4, from) && contains(LOOPBACK4, to)
}

const LOOPBACK4 = knownRange('127.0.0.0/8')
const LOOPBACK = new RangeSet([LOOPBACK4, knownRange('::1')])

/**
 * The IPv4 address inside an IPv6 one: IPv4-compatible `::a.b.c.d`,
 * IPv4-translated `::ffff:0:a.b.c.d` (RFC 2765), NAT64 `64:ff9b::a.b.c.d`
 * (RFC 6052), 6to4 `2002:aabb:ccdd::` (RFC 3056), ISATAP `…:5efe:a.b.c.d`
 * (RFC 5214) and the obfuscated client of Teredo `2001:0::` (RFC 4380).
 * IPv4-mapped addresses never get here: they are IPv4 addresses from the moment
 * they are read.
 */
export function embeddedIp4(ip: Uint8Array): Uint8Array | undefined {
  const starts = (...octets: number[]) => octets.every((octet, i) => ip[i] === octet)
  const zero = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (ip[i] !== 0) return false
    return true
  }
  // `::` and `::1` are addresses in their own right.
  if (zero(0, 15) && ip[15]! <= 1) return undefined
  if (zero(0, 12)) return ip.subarray(12)
  if (zero(0, 8) && ip[8] === 0xff && ip[9] === 0xff && zero(10, 12)) return ip.subarray(12)
  if (starts(0x00, 0x64, 0xff, 0x9b) && zero(4, 12)) return ip.subarray(12)
  if (starts(0x20, 0x02)) return ip.subarray(2, 6)
  if ((ip[8]! & 0xfd) === 0 && ip[9] === 0 && ip[10] === 0x5e && ip[11] === 0xfe) return ip.subarray(12)
  if (starts(0x20, 0x01, 0x00, 0x00)) return ip.subarray(12).map(octet => octet ^ 0xff)
  return undefined
}
