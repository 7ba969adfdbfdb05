import type { MappingDialect, Refusal, RouterAnswer } from './answer.ts'

/* NAT Port Mapping Protocol, RFC 6886: the octets of requests and answers. */

const VERSION = 0
const ADDRESS = 0
const OPCODE = { udp: 1, tcp: 2 } as const
const RESPONSE = 0x80
/** Octets of an answer that names the address, of one that names a port, and of an error alone. */
const ADDRESS_LENGTH = 12
const MAP_LENGTH = 16
const ERROR_LENGTH = 8

/** RFC 6886 §3.5. */
const REFUSALS: Readonly<Record<number, Refusal>> = {
  2: 'refused',
  3: 'network',
  4: 'resources',
  5: 'unsupported',
}
const UNSUPPORTED_VERSION = 1

/** Asks by NAT-PMP, which is for IPv4 only. */
export const natPmpDialect: MappingDialect = {
  asksAddress: true,
  map({ transport, port }, lifetime) {
    const octets = new Uint8Array(12)
    const view = new DataView(octets.buffer)
    octets[0] = VERSION
    octets[1] = OPCODE[transport]
    view.setUint16(4, port)
    // What ends names no port outside (RFC 6886 §3.4).
    view.setUint16(6, lifetime === 0 ? 0 : port)
    view.setUint32(8, lifetime)
    return octets
  },
  address: () => Uint8Array.of(VERSION, ADDRESS),
  read(octets): RouterAnswer | undefined {
    if (octets.length < ERROR_LENGTH || octets[0] !== VERSION || !(octets[1]! & RESPONSE)) return undefined
    const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength)
    const [opcode, code, epoch] = [octets[1]! & ~RESPONSE, view.getUint16(2), view.getUint32(4)]
    if (code === UNSUPPORTED_VERSION) return { kind: 'otherVersion', version: VERSION }
    if (opcode === ADDRESS) {
      if (code !== 0) return refused(code, 'address', epoch)
      if (octets.length < ADDRESS_LENGTH) return undefined
      return { kind: 'address', ip: octets.slice(8, 12), epoch }
    }
    const transport = opcode === OPCODE.udp ? 'udp' : opcode === OPCODE.tcp ? 'tcp' : undefined
    if (!transport) return undefined
    // An error may end before it says which port it is about.
    if (code !== 0) {
      const of = octets.length < 10 ? undefined : ({ transport, port: view.getUint16(8) } as const)
      return refused(code, of, epoch)
    }
    if (octets.length < MAP_LENGTH) return undefined
    return {
      kind: 'mapped',
      port: { transport, port: view.getUint16(8) },
      outside: { port: view.getUint16(10) },
      lifetime: view.getUint32(12),
      epoch,
    }
  },
}

function refused(
  code: number,
  of: (RouterAnswer & { kind: 'refused' })['of'],
  epoch: number,
): RouterAnswer & { kind: 'refused' } {
  return { kind: 'refused', why: REFUSALS[code] ?? 'failed', code, of, lifetime: 0, epoch }
}
