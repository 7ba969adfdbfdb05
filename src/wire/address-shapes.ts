import { type Address, address, type Family } from '../base/address.ts'
import type { Attribute } from './attribute.ts'
import { MAGIC_COOKIE } from './header.ts'
import { zeros } from './zeros.ts'

/** The octets that stand for the address families (RFC 8489 §14.1, RFC 8656 §18.6). */
export const IPV4 = 1
export const IPV6 = 2

/** The octet that stands for an address family. */
export function familyCode(family: Family): number {
  return family === 4 ? IPV4 : IPV6
}

/** RFC 8489 §14.1. The octets are copied, since an address outlives the datagram it came in. */
export function plainAddress(type: number, name: string): Attribute<Address> {
  return {
    type,
    name,
    valid: isAddress,
    read: value => address(octetsOfIp(value), value.readUInt16BE(2)),
    write: value => addressOctets(value),
  }
}

/** RFC 8489 §14.2. */
export function xorAddress<A extends Address>(type: number, name: string): Attribute<A> {
  return {
    type,
    name,
    valid: isAddress,
    read: (value, transaction) => {
      const ip = octetsOfIp(value)
      mask(ip, 0, transaction)
      return address(ip, value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16)) as A
    },
    write: (value, transaction) => {
      const octets = addressOctets(value)
      octets.writeUInt16BE(value.port ^ (MAGIC_COOKIE >>> 16), 2)
      mask(octets, 4, transaction)
      return octets
    },
  }
}

/** The first octet is ignored; the family must agree with the length. */
function isAddress(value: Buffer): boolean {
  return (value.length === 8 && value[1] === IPV4) || (value.length === 20 && value[1] === IPV6)
}

function octetsOfIp(value: Buffer): Uint8Array {
  const ip = new Uint8Array(value.length - 4)
  for (let i = 0; i < ip.length; i++) ip[i] = value[4 + i]!
  return ip
}

function addressOctets(value: Address): Buffer {
  const octets = zeros(4 + value.ip.length)
  octets[1] = familyCode(value.family)
  octets.writeUInt16BE(value.port, 2)
  octets.set(value.ip, 4)
  return octets
}

/** XORs an IP address that fills the rest of `octets` with the magic cookie and the transaction. */
function mask(octets: Uint8Array, start: number, transaction: Buffer): void {
  for (let i = start; i < octets.length; i++) {
    const at = i - start
    const by = at < 4 ? MAGIC_COOKIE >>> (24 - at * 8) : transaction[at - 4]!
    octets[i] = octets[i]! ^ by
  }
}
