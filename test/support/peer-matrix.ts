import { type Address, formatIp, parseIp } from '../../src/base/address.ts'

/*
 * Whom a relay must not reach, written down a second time and reckoned another way
 * than in the sources: as numbers, from the registries of IANA.
 */

/** Special-purpose ranges as prefixes. */
const DENIED4 = `0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
  192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4`
const DENIED6 = `::/128 ::1/128 ::/96 ::/8 64:ff9b:1::/48 100::/64 2001::/23 2001::/32 2001:db8::/32 2002::/16
  3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8`
/** NAT64 (RFC 6052) lies in `::/8`, and is judged by the IPv4 address in it. */
const NAT64 = '64:ff9b::/96'

/** The ways to write an IPv4 address. `mapped`, `compatible`: RFC 4291; `sixToFour`: RFC 3056; `nat64`: RFC 6052. */
export type Encoding = 'native' | 'mapped' | 'compatible' | 'sixToFour' | 'nat64'

/** One peer address in one spelling. */
export interface Spelling {
  readonly name: string
  readonly encoding: Encoding
  /** As it goes into XOR-PEER-ADDRESS: a mapped address stays one of IPv6. */
  readonly ip: Uint8Array
  readonly denied: boolean
}

/** The first, the last and one inside of each range, and one just outside on either side, in every spelling. */
export function spellings(): Spelling[] {
  const all = new Map<string, Spelling>()
  for (const [ranges, bits] of [
    [DENIED4, 32],
    [DENIED6, 128],
    [NAT64, 128],
  ] as const) {
    for (const [first, last] of bounds(ranges, bits)) {
      for (const n of [first, last, (first + last) / 2n, first - 1n, last + 1n]) {
        if (n < 0n || n >= 1n << BigInt(bits)) continue
        for (const spelling of spell(n, bits)) {
          const octets = Buffer.from(spelling.ip).toString('hex')
          // `::7f00:1` is met twice: as an address of IPv6, and as the compatible form of 127.0.0.1.
          if (!all.has(octets)) all.set(octets, spelling)
        }
      }
    }
  }
  return [...all.values()]
}

/** One address in every spelling there is for it. */
export function spellingsOf(text: string): Spelling[] {
  const ip = parseIp(text)!
  return spell(numberOf(ip), ip.length * 8)
}

/** An address that is written to the wire as it is, without being made canonical first. */
export function rawAddress(ip: Uint8Array, port: number): Address {
  return { family: ip.length === 4 ? 4 : 6, ip, port, key: '' }
}

function spell(n: bigint, bits: number): Spelling[] {
  const native = octets(n, bits)
  const denied = isDenied(n, bits)
  const one = (encoding: Encoding, ip: Uint8Array, denied: boolean): Spelling => ({
    name: `${encoding} ${formatIp(native)} ${ip.length === 16 && bits === 32 ? Buffer.from(ip).toString('hex') : ''}`.trim(),
    encoding,
    ip,
    denied,
  })
  if (bits === 128) return [one('native', native, denied)]
  const six = (prefix: string, shift: number) =>
    octets(numberOf(parseIp(prefix)!) | (n << BigInt(shift)), 128)
  return [
    one('native', native, denied),
    one('mapped', six('::ffff:0.0.0.0', 0), denied),
    one('nat64', six('64:ff9b::', 0), denied),
    // Nobody has had a use for these for many years: they are denied whatever they hold.
    one('compatible', six('::', 0), true),
    one('sixToFour', six('2002::', 80), true),
  ]
}

function isDenied(n: bigint, bits: number): boolean {
  const [[first, last]] = bounds(NAT64, 128) as [[bigint, bigint]]
  if (bits === 128 && first <= n && n <= last) return isDenied(n & 0xffff_ffffn, 32)
  return bounds(bits === 32 ? DENIED4 : DENIED6, bits).some(([first, last]) => first <= n && n <= last)
}

function bounds(ranges: string, bits: number): [first: bigint, last: bigint][] {
  return ranges.split(/\s+/).map(range => {
    const [ip, prefix] = range.split('/')
    const first = numberOf(parseIp(ip!)!)
    return [first, first + (1n << BigInt(bits - Number(prefix))) - 1n]
  })
}

function numberOf(ip: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(ip).toString('hex')}`)
}

function octets(n: bigint, bits: number): Uint8Array {
  return Uint8Array.from(Buffer.from(n.toString(16).padStart(bits / 4, '0'), 'hex'))
}
