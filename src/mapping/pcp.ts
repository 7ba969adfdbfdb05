import { timingSafeEqual } from 'node:crypto'
import { address } from '../base/address.ts'
import type { MappedPort, MappingDialect, Refusal, RouterAnswer } from './answer.ts'

/* Port Control Protocol, RFC 6887: the octets of requests and answers of the opcode MAP. */

export const PCP_VERSION = 2
const MAP = 1
const RESPONSE = 0x80
/** Octets of a header, and of a MAP request or answer without options. */
const HEADER = 24
const MAP_LENGTH = 60
/** RFC 6887 §7: nothing longer is valid. */
const LONGEST = 1100
const NONCE = 12
/** IANA protocol numbers. */
const PROTOCOL = { udp: 17, tcp: 6 } as const

/** RFC 6887 §7.4; what is missing here cannot come of a request that this relay makes. */
const REFUSALS: Readonly<Record<number, Refusal>> = {
  2: 'refused',
  4: 'unsupported',
  7: 'network',
  8: 'resources',
  9: 'unsupported',
  10: 'resources',
  11: 'taken',
  12: 'anotherNat',
}
const UNSUPPORTED_VERSION = 1

export interface PcpOptions {
  /** The address that the router sees this machine at, 4 or 16 octets (RFC 6887 §7.1). */
  readonly client: Uint8Array
  /**
   * Twelve octets that nobody else can guess, since they let one end the mapping; the same for a port
   * as long as it is to be mapped.
   */
  readonly nonce: (port: MappedPort) => Uint8Array
}

/** Asks by PCP for mappings of one address of this machine. */
export function pcpDialect({ client, nonce }: PcpOptions): MappingDialect {
  const ours = sixteen(client)
  const nobody = sixteen(new Uint8Array(client.length))
  return {
    asksAddress: false,
    map(port, lifetime) {
      const octets = new Uint8Array(MAP_LENGTH)
      const view = new DataView(octets.buffer)
      octets[0] = PCP_VERSION
      octets[1] = MAP
      view.setUint32(4, lifetime)
      octets.set(ours, 8)
      octets.set(nonce(port).subarray(0, NONCE), HEADER)
      octets[36] = PROTOCOL[port.transport]
      view.setUint16(40, port.port)
      // What ends names no port outside (RFC 6887 §15.1).
      view.setUint16(42, lifetime === 0 ? 0 : port.port)
      octets.set(nobody, 44)
      return octets
    },
    address: () => new Uint8Array(),
    read: datagram => readAnswer(datagram, nonce, client.length),
  }
}

/** RFC 6887 §8.3: what is not an answer to us is dropped without a word. */
function readAnswer(
  octets: Uint8Array,
  nonce: PcpOptions['nonce'],
  addressLength: number,
): RouterAnswer | undefined {
  const version = octets[0]
  if (octets.length < 4 || octets.length > LONGEST || !(octets[1]! & RESPONSE)) return undefined
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength)
  if (version !== PCP_VERSION) {
    // A router that only knows NAT-PMP answers in its own form: the result has two octets (RFC 6887 §A).
    const result = version === 0 ? view.getUint16(2) : octets[3]!
    return result === UNSUPPORTED_VERSION ? { kind: 'otherVersion', version: version! } : undefined
  }
  if (octets.length < HEADER || octets.length % 4 !== 0) return undefined
  const code = octets[3]!
  if (code === UNSUPPORTED_VERSION) return { kind: 'otherVersion', version: PCP_VERSION }
  if (octets.length < MAP_LENGTH || octets[1] !== (RESPONSE | MAP)) return undefined
  const transport = octets[36] === PROTOCOL.udp ? 'udp' : octets[36] === PROTOCOL.tcp ? 'tcp' : undefined
  if (!transport) return undefined
  const port = { transport, port: view.getUint16(40) } as const
  const given = octets.subarray(HEADER, HEADER + NONCE)
  if (!timingSafeEqual(nonce(port).subarray(0, NONCE), given)) return undefined
  const [lifetime, epoch] = [view.getUint32(4), view.getUint32(8)]
  if (code !== 0) {
    return { kind: 'refused', why: REFUSALS[code] ?? 'failed', code, of: port, lifetime, epoch }
  }
  const { ip } = address(octets.slice(44, 60), 0)
  // A mapping between the families was not asked for, and no peer could be told of it.
  if (ip.length !== addressLength) return undefined
  return { kind: 'mapped', port, outside: { port: view.getUint16(42), ip }, lifetime, epoch }
}

/** An IPv4 address is sent as the IPv6 one that it is mapped to (RFC 6887 §5). */
function sixteen(ip: Uint8Array): Uint8Array {
  if (ip.length === 16) return ip
  const octets = new Uint8Array(16)
  octets.fill(0xff, 10, 12)
  octets.set(ip, 12)
  return octets
}
