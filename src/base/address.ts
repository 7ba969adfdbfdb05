/** A version of IP. */
export type Family = 4 | 6

/** An IP address and port. Immutable. */
export interface Address {
  readonly family: Family
  /** 4 or 16 octets, network order. IPv4-mapped IPv6 is stored as IPv4. */
  readonly ip: Uint8Array
  readonly port: number
  /** Equal for equal addresses: a 48-bit number for IPv4, an 18-character latin1 string for IPv6. */
  readonly key: number | string
}

declare const role: unique symbol
interface Role<R extends string> {
  readonly [role]?: R
}

/**
 * An address together with whose it is. What has just arrived is a plain
 * `Address` and fits any of these; once it has a role it fits no other, so that
 * a client's address cannot be handed in where a peer's is meant.
 */
export type ClientAddress = Address & Role<'client'>
/** Whom a client exchanges datagrams with, by the address that the client knows. */
export type PeerAddress = Address & Role<'peer'>
/** An allocation's address as its peers see it (RFC 8656 §2). */
export type RelayedAddress = Address & Role<'relayed'>
/** What another socket on this machine is bound to: where datagrams for it really go, and come from. */
export type WireAddress = Address & Role<'wire'>

/** A relayed address as the other allocation sees it, whose peer it is. */
export function asPeer(relayed: RelayedAddress): PeerAddress {
  const plain: Address = relayed
  return plain
}

/** Octets of an address as tables and batches hold it: family, 0, port (big-endian), 16 octets of IP. */
export const RECORD = 20

/** Makes an address from 4 or 16 octets; `::ffff:a.b.c.d` becomes the IPv4 address it stands for. */
export function address(ip: Uint8Array, port: number): Address {
  const octets = ip.length === 16 && isMapped(ip) ? ip.subarray(12) : ip
  return octets.length === 4
    ? { family: 4, ip: octets, port, key: (ipKey(octets) as number) * 65536 + port }
    : { family: 6, ip: octets, port, key: ipKey(octets) + String.fromCharCode(port >> 8, port & 255) }
}

/** Equal for equal IP addresses: a 32-bit number for IPv4, a 16-character latin1 string for IPv6. */
export function ipKey(ip: Uint8Array): number | string {
  if (ip.length === 4) return ((ip[0]! << 24) | (ip[1]! << 16) | (ip[2]! << 8) | ip[3]!) >>> 0
  return ip.length === 16 ? latin1(ip) : String.fromCharCode(...ip)
}

/** Sixteen octets as characters. Spreading them costs eight times as much, and every IPv6 request comes by here. */
function latin1(ip: Uint8Array): string {
  // biome-ignore format: eight in a line
  return String.fromCharCode(
    ip[0]!, ip[1]!, ip[2]!, ip[3]!, ip[4]!, ip[5]!, ip[6]!, ip[7]!,
    ip[8]!, ip[9]!, ip[10]!, ip[11]!, ip[12]!, ip[13]!, ip[14]!, ip[15]!,
  )
}

/** The key of an address as octets in latin1: 6 for IPv4, 18 for IPv6. */
export function keyText(key: number | string): string {
  if (typeof key === 'string') return key
  const octets = Buffer.alloc(6)
  octets.writeUIntBE(key, 0, 6)
  return octets.toString('latin1')
}

/** The key that `keyText` has written. */
export function keyOfText(text: string): number | string {
  return text.length === 6 ? Buffer.from(text, 'latin1').readUIntBE(0, 6) : text
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.key === b.key
}

/** Reads `203.0.113.7:3478` or `[2001:db8::7]:3478`; `undefined` when it is neither. */
export function parseAddress(text: string): Address | undefined {
  const colon = text.lastIndexOf(':')
  if (colon < 0) return undefined
  const port = text.slice(colon + 1)
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65535) return undefined
  const host = text.slice(0, colon)
  const bracketed = host.startsWith('[') && host.endsWith(']')
  const ip = parseIp(bracketed ? host.slice(1, -1) : host)
  if (!ip || (ip.length === 16) !== bracketed) return undefined
  return address(ip, Number(port))
}

/** Reads an IPv4 or IPv6 literal without zone; `undefined` when it is neither. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIp6(text) : parseIp4(text)
}

/** Writes `203.0.113.7:3478` or `[2001:db8::7]:3478`. */
export function formatAddress(a: Address): string {
  return a.family === 4 ? `${formatIp(a.ip)}:${a.port}` : `[${formatIp(a.ip)}]:${a.port}`
}

/** Writes an IP address as people do, IPv6 in the form of RFC 5952. */
export function formatIp(ip: Uint8Array): string {
  if (ip.length === 4) return ip.join('.')
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push((ip[i]! << 8) | ip[i + 1]!)
  const [from, to] = longestZeros(groups)
  const hex = (part: number[]) => part.map(group => group.toString(16)).join(':')
  return from < 0 ? hex(groups) : `${hex(groups.slice(0, from))}::${hex(groups.slice(to))}`
}

/** Reads the record of `RECORD` octets at `offset`; the octets are copied. */
export function readRecord(bytes: Uint8Array, offset: number): Address {
  const port = (bytes[offset + 2]! << 8) | bytes[offset + 3]!
  const ip = new Uint8Array(bytes[offset] === 4 ? 4 : 16)
  for (let i = 0; i < ip.length; i++) ip[i] = bytes[offset + 4 + i]!
  return address(ip, port)
}

/** Writes the record of `RECORD` octets at `offset`. */
export function writeRecord(a: Address, bytes: Uint8Array, offset: number): void {
  bytes[offset] = a.family
  bytes[offset + 1] = 0
  bytes[offset + 2] = a.port >> 8
  bytes[offset + 3] = a.port & 255
  for (let i = 0; i < 16; i++) bytes[offset + 4 + i] = i < a.ip.length ? a.ip[i]! : 0
}

function isMapped(ip: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (ip[i] !== 0) return false
  return ip[10] === 255 && ip[11] === 255
}

function parseIp4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const ip = new Uint8Array(4)
  for (let i = 0; i < 4; i++) {
    const part = parts[i]!
    // A leading zero is octal to some programs and decimal to others, so it is nobody's address here.
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined
    ip[i] = Number(part)
  }
  return ip
}

function parseIp6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? groups(halves[1]!, true) : []
  if (!head || !tail) return undefined
  const missing = 16 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined
  const ip = new Uint8Array(16)
  ip.set(head, 0)
  ip.set(tail, 16 - tail.length)
  return ip
}

/** The octets of colon-separated groups. At the end of an address the last may be dotted IPv4 (RFC 4291 §2.2). */
function groups(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return []
  const octets: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    if (part.includes('.')) {
      const ip4 = atEnd && i === parts.length - 1 ? parseIp4(part) : undefined
      if (!ip4) return undefined
      octets.push(...ip4)
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined
      const group = Number.parseInt(part, 16)
      octets.push(group >> 8, group & 255)
    }
  }
  return octets
}

/** The first longest run of at least two zero groups as [from, to), or [-1, -1]. */
function longestZeros(groups: number[]): [number, number] {
  let best: [number, number] = [-1, -1]
  for (let from = 0; from < groups.length; from++) {
    let to = from
    while (to < groups.length && groups[to] === 0) to++
    if (to - from >= 2 && to - from > best[1] - best[0]) best = [from, to]
  }
  return best
}

/** A public address that is asked of somebody who knows it: the router that maps our ports, or a STUN server. */
export type AskedAddress =
  | { readonly from: 'router' }
  /** A name or an IP address without brackets, and a UDP port. */
  | { readonly from: 'stun'; readonly host: string; readonly port: number }

/** As the configuration has it: `pcp`, or `stun:stun.example.org:3478`. */
export function formatAsked(asked: AskedAddress): string {
  if (asked.from === 'router') return 'pcp'
  const { host, port } = asked
  return `stun:${host.includes(':') ? `[${host}]` : host}:${port}`
}
