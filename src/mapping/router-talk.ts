import { randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { type Family, formatIp, parseIp } from '../base/address.ts'
import type { Gateway } from '../net/kernel/gateway.ts'
import { type MappedPort, type RouterRequest, requestOctets } from './answer.ts'
import { natPmpDialect } from './nat-pmp.ts'
import { pcpDialect } from './pcp.ts'
import { type MappingWay, PortMappings } from './port-mappings.ts'
import { IgdClient } from './upnp/igd-client.ts'

export interface RouterTalkOptions {
  readonly family: Family
  readonly gateway: Gateway
  /** UDP port of the router. */
  readonly routerPort: number
  /** UDP port at which it is searched by UPnP, where that is not the usual one. */
  readonly searchPort?: number | undefined
  /** The address to map; unless it is given, the one that the kernel sends to the router from. */
  readonly local?: Uint8Array | undefined
  readonly ways: readonly MappingWay['name'][]
  readonly ports: readonly MappedPort[]
  /** Twelve octets for a mapping, the same whenever it is asked for. */
  readonly nonce: (port: MappedPort) => Uint8Array
  /** Milliseconds that only go forward. */
  readonly now: () => number
  /** Is told after anything that may have changed what is mapped. */
  readonly heard: () => void
}

/** Steps into which a pause is cut that is chosen at random. */
const STEPS = 1000

/** Carries what one address of this machine and its router say to each other. */
export class RouterTalk {
  readonly gateway: Gateway
  readonly #options: RouterTalkOptions
  readonly #socket: Socket
  #mappings: PortMappings | undefined
  #igd: IgdClient | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #released: (() => void) | undefined
  /** The address that is mapped, once that is known. */
  local: Uint8Array | undefined
  /** True where no packet could be sent to the router at all. */
  isBroken = false

  constructor(options: RouterTalkOptions) {
    this.gateway = options.gateway
    this.#options = options
    this.#socket = createSocket(options.family === 4 ? 'udp4' : 'udp6').unref()
    this.#socket.on('error', () => this.#refused())
    this.#socket.on('message', datagram => {
      this.#mappings?.received(datagram, options.now())
      this.#go()
    })
    if (options.local) this.#socket.bind(0, formatIp(options.local), () => this.#connect())
    else this.#connect()
  }

  get mappings(): PortMappings | undefined {
    return this.#mappings
  }

  /** Gives the mappings back, and resolves when the router has said so, or has had some seconds for it. */
  async release(): Promise<void> {
    if (!this.#mappings || this.#isClosed) return
    const { now } = this.#options
    this.#mappings.release(now())
    const released = new Promise<void>(resolve => {
      this.#released = resolve
    })
    this.#go()
    await released
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#igd?.close()
    this.#socket.close()
    this.#released?.()
  }

  /** From now on the kernel delivers nothing but what comes from the router's port. */
  #connect(): void {
    const { gateway, family, routerPort } = this.#options
    const ip = formatIp(gateway.ip)
    const isNear = family === 6 && gateway.ip[0] === 0xfe
    this.#socket.connect(routerPort, isNear ? `${ip}%${gateway.device}` : ip, (error?: Error) => {
      if (this.#isClosed) return
      if (error) this.#refused()
      else this.#begin()
    })
  }

  #begin(): void {
    const { ways, ports, nonce, now, gateway, searchPort } = this.#options
    const client = parseIp(this.#socket.address().address.replace(/%.*$/, ''))
    if (!client) return
    this.local = client
    const dialects = { pcp: pcpDialect({ client, nonce }), 'nat-pmp': natPmpDialect }
    const all = ways.map(name => (name === 'upnp' ? { name } : { name, dialect: dialects[name] }))
    const [router, local] = [formatIp(gateway.ip), formatIp(client)]
    this.#igd = new IgdClient({
      gateway: router,
      local,
      ...(searchPort && { searchPort }),
      now,
      answered: answer => this.#told(mappings => mappings.answered(answer, now())),
      missing: () => this.#told(mappings => mappings.unreachable(now())),
    })
    this.#mappings = new PortMappings({ ways: all, ports, random: () => randomInt(STEPS) / STEPS }, now())
    this.#go()
  }

  #refused(): void {
    if (this.#isClosed) return
    if (!this.#mappings) {
      this.isBroken = true
      this.#options.heard()
      return
    }
    // The word may be late, about a way that has been left.
    if (this.#mappings.way.dialect) this.#mappings.unreachable(this.#options.now())
    this.#go()
  }

  /** Passes on what UPnP has led to, unless that was left meanwhile. */
  #told(what: (mappings: PortMappings) => void): void {
    if (this.#isClosed || this.#mappings?.way.name !== 'upnp') return
    what(this.#mappings)
    this.#go()
  }

  #send(request: RouterRequest, { dialect }: MappingWay): void {
    // What cannot be sent is sent again, as if it had been lost.
    if (dialect) this.#socket.send(requestOctets(dialect, request), () => {})
    else this.#igd?.ask(request)
  }

  /** Sends what is due, and comes again when the next is. */
  #go(): void {
    const mappings = this.#mappings
    if (!mappings || this.#isClosed) return
    const now = this.#options.now()
    for (const request of mappings.tick(now)) this.#send(request, mappings.way)
    clearTimeout(this.#timer)
    this.#options.heard()
    if (mappings.isReleased) {
      this.#released?.()
      return
    }
    this.#timer = setTimeout(() => this.#go(), mappings.next(now) - now)
    // Once they are given back, the process waits for the router's word.
    if (!this.#released) this.#timer.unref()
  }
}
