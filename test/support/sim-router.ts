import {
  type MappedPort,
  mappedPortKey,
  type RouterAnswer,
  type RouterRequest,
  requestOctets,
} from '../../src/mapping/answer.ts'
import { natPmpDialect } from '../../src/mapping/nat-pmp.ts'
import { pcpDialect } from '../../src/mapping/pcp.ts'
import { type MappingWay, PortMappings } from '../../src/mapping/port-mappings.ts'

export const CLIENT = Uint8Array.of(192, 168, 1, 5)

/** A nonce that a test can foretell: the port's number, twice six octets wide. */
export function nonceOf({ port }: MappedPort): Uint8Array {
  return new Uint8Array(12).fill(port & 255)
}

export const PCP = { name: 'pcp', dialect: pcpDialect({ client: CLIENT, nonce: nonceOf }) } as const
export const UPNP = { name: 'upnp' } as const
export const NAT_PMP = { name: 'nat-pmp', dialect: natPmpDialect } as const

export function udp(port: number): MappedPort {
  return { transport: 'udp', port }
}

/** A router that answers PCP and NAT-PMP as their RFCs say, and what UPnP leads to, in simulated time. Times are milliseconds. */
export class SimRouter {
  address = [80, 1, 1, 7]
  /** What it speaks; to anything else it is silent, but for PCP, which a NAT-PMP router refuses. */
  speaks: 'both' | 'nat-pmp' | 'nothing' = 'both'
  /** Whether a search by UPnP finds it. */
  hasUpnp = false
  startedAt = 0
  /** Seconds that it grants at most. */
  longest = 7200
  /** What its clock says instead of the time, in seconds. */
  clock: (() => number) | undefined
  /** Refuses everything by this number of PCP or NAT-PMP. */
  refuses = 0
  /** Ports that somebody else has outside. */
  readonly taken = new Set<number>()
  /** By transport and port, until when. */
  readonly table = new Map<string, number>()
  /** Requests, each as `pcp udp 3478`. */
  readonly heard: string[] = []

  /** Loses all it knew. */
  restart(now: number): void {
    this.table.clear()
    this.startedAt = now
  }

  answer(request: Uint8Array, now: number): Uint8Array | undefined {
    if (this.speaks === 'nothing') return undefined
    const epoch = this.clock?.() ?? Math.floor((now - this.startedAt) / 1000)
    if (request[0] === 2 && this.speaks === 'nat-pmp') {
      this.heard.push('pcp?')
      return words([0x0080 | (request[1]! & 1 ? 1 : 0), 1], [epoch])
    }
    return request[0] === 2 ? this.#pcp(request, epoch, now) : this.#natPmp(request, epoch, now)
  }

  upnp({ port, lifetime }: RouterRequest, now: number): RouterAnswer {
    const epoch = Math.floor((now - this.startedAt) / 1000)
    this.heard.push(`upnp ${port ? mappedPortKey(port) : 'address'}`)
    if (!port) return { kind: 'address', ip: Uint8Array.from(this.address), epoch }
    const granted = lifetime === 0 ? 0 : Math.min(lifetime, this.longest)
    if (granted === 0) this.table.delete(mappedPortKey(port))
    else this.table.set(mappedPortKey(port), now + granted * 1000)
    return { kind: 'mapped', port, outside: { port: port.port }, lifetime: granted, epoch }
  }

  #pcp(request: Uint8Array, epoch: number, now: number): Uint8Array {
    const answer = request.slice()
    const view = new DataView(answer.buffer)
    const port: MappedPort = { transport: answer[36] === 17 ? 'udp' : 'tcp', port: view.getUint16(40) }
    this.heard.push(`pcp ${mappedPortKey(port)}`)
    answer[1]! |= 0x80
    answer[3] = this.refuses
    view.setUint32(8, epoch)
    answer.fill(0, 12, 24)
    const lifetime = this.#map(port, view.getUint32(4), now)
    view.setUint32(4, this.refuses ? 60 : lifetime)
    view.setUint16(42, port.port + (this.taken.has(port.port) ? 1 : 0))
    answer.set([0xff, 0xff, ...this.address], 54)
    return answer
  }

  #natPmp(request: Uint8Array, epoch: number, now: number): Uint8Array {
    const opcode = request[1]!
    if (opcode === 0) {
      this.heard.push('nat-pmp address')
      const answer = words([0x0080, this.refuses], [epoch, 0])
      answer.set(this.address, 8)
      return answer
    }
    const view = new DataView(request.buffer, request.byteOffset)
    const port: MappedPort = { transport: opcode === 1 ? 'udp' : 'tcp', port: view.getUint16(4) }
    this.heard.push(`nat-pmp ${mappedPortKey(port)}`)
    const lifetime = this.#map(port, view.getUint32(8), now)
    const outside = port.port + (this.taken.has(port.port) ? 1 : 0)
    return words([0x0080 | opcode, this.refuses], [epoch, (port.port << 16) | outside, lifetime])
  }

  #map(port: MappedPort, wanted: number, now: number): number {
    const lifetime = Math.min(wanted, this.longest)
    if (this.refuses) return 0
    if (lifetime === 0) this.table.delete(mappedPortKey(port))
    else this.table.set(mappedPortKey(port), now + lifetime * 1000)
    return lifetime
  }
}

/** Octets of 16-bit words and then of 32-bit words. */
function words(short: readonly number[], long: readonly number[]): Uint8Array {
  const octets = new Uint8Array(short.length * 2 + long.length * 4)
  const view = new DataView(octets.buffer)
  for (const [i, word] of short.entries()) view.setUint16(i * 2, word)
  for (const [i, word] of long.entries()) view.setUint32(short.length * 2 + i * 4, word >>> 0)
  return octets
}

/** Mappings and a router whose time passes as a test says. */
export class SimHome {
  now = 1_000_000
  readonly router = new SimRouter()
  readonly mappings: PortMappings
  /** When each datagram was sent, in milliseconds since the beginning. */
  readonly sentAt: number[] = []
  /** Whether the network loses everything. */
  isDown = false

  constructor(ports: readonly MappedPort[], ways: readonly MappingWay[] = [PCP, NAT_PMP]) {
    this.mappings = new PortMappings({ ways, ports, random: () => 0.5 }, this.now)
    this.router.startedAt = this.now - 500_000
  }

  /** Lets seconds pass. */
  pass(seconds: number): void {
    const until = this.now + seconds * 1000
    for (;;) {
      this.#exchange()
      const next = this.mappings.next(this.now)
      if (next > until) break
      this.now = Math.max(next, this.now + 1)
    }
    this.now = until
    this.#exchange()
  }

  #exchange(): void {
    for (let turn = 0; turn < 1000; turn++) {
      const requests = this.mappings.tick(this.now)
      if (requests.length === 0) return
      const { dialect } = this.mappings.way
      for (const request of requests) {
        this.sentAt.push(this.now - 1_000_000)
        if (dialect) this.#send(requestOctets(dialect, request))
        else if (this.isDown || !this.router.hasUpnp) this.mappings.unreachable(this.now)
        else this.mappings.answered(this.router.upnp(request, this.now), this.now)
      }
    }
    throw new Error('mappings and router never come to an end')
  }

  #send(datagram: Uint8Array): void {
    const answer = this.isDown ? undefined : this.router.answer(datagram, this.now)
    if (answer) this.mappings.received(answer, this.now)
  }
}
