import { createHmac } from 'node:crypto'
import { type Family, formatIp, ipKey } from '../base/address.ts'
import type { Log } from '../log/log.ts'
import { type Gateway, readGateway } from '../net/kernel/gateway.ts'
import { ownAddresses } from '../net/kernel/machine.ts'
import { scopeOf } from '../net/ports/relay-addresses.ts'
import type { WaitingText } from '../texts/waiting.ts'
import { isSameIp, type MappedPort, mappedPortKey } from './answer.ts'
import type { MappingFault, MappingWay } from './port-mappings.ts'
import { RouterTalk } from './router-talk.ts'

export interface PortMapperOptions {
  /** How the router may be asked, in this order. */
  readonly ways: readonly MappingWay['name'][]
  readonly ports: Readonly<Record<Family, readonly MappedPort[]>>
  /** Makes nonces; the process that goes on with the mappings needs the same one. */
  readonly key: Uint8Array
}

export interface PortMapperParts {
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Is told when the router has named another public address. */
  readonly moved: () => void
  /** Public IPv6 addresses of this machine, for which a firewall in the router is to be opened. */
  readonly ipv6?: () => readonly Uint8Array[]
  /** The addresses of this machine. */
  readonly own?: () => readonly Uint8Array[]
  readonly gateway?: (family: Family) => Gateway | undefined
  readonly routerPort?: number
  readonly searchPort?: number
}

/** RFC 6887 §19.3; NAT-PMP has the same. */
const ROUTER_PORT = 5351
const NONCE = 12
/** Milliseconds for which a start waits for the router's first word. */
const PATIENCE = 2000

/**
 * Has the router map ports to this machine, as long as it is not stopped. The
 * IPv4 mappings are what calls need; pinholes for IPv6 are asked for where the
 * router makes some, and nothing waits for them.
 */
export class PortMapper {
  readonly #options: PortMapperOptions
  readonly #parts: PortMapperParts
  #main: RouterTalk | undefined
  /** By local address. */
  readonly #pinholes = new Map<number | string, RouterTalk>()
  #external: Uint8Array | undefined
  #fault: WaitingText | undefined
  #isMapped = false
  #isStopped = false
  #settled: () => void = () => {}
  readonly #hasSettled = new Promise<void>(resolve => {
    this.#settled = resolve
  })

  constructor(options: PortMapperOptions, parts: PortMapperParts) {
    this.#options = options
    this.#parts = parts
  }

  /** The public IPv4 address, once the router has named one, or has had its time to. */
  async external(): Promise<Uint8Array | undefined> {
    await this.#hasSettled
    return this.#external
  }

  /** Why ports are not mapped. */
  get waiting(): WaitingText | undefined {
    return this.#fault
  }

  start(): void {
    setTimeout(this.#settled, PATIENCE).unref()
    this.look()
  }

  /** Looks where the router is. To be called now and then, and when the machine's addresses have changed. */
  look(): void {
    if (this.#isStopped) return
    const gateway = (this.#parts.gateway ?? readGateway)(4)
    if (!gateway || !this.#isUsable(this.#main, gateway)) {
      this.#main?.close()
      this.#isMapped = false
      this.#main = gateway && this.#talk(4, gateway)
    }
    this.#lookAtPinholes()
    this.#heard()
  }

  /** Ends it. `giveBack`: nobody goes on with the mappings. */
  async stop(giveBack: boolean): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    const talks = [this.#main, ...this.#pinholes.values()]
    if (giveBack) {
      await Promise.all(talks.map(talk => talk?.release()))
      if (this.#isMapped) this.#parts.log.info('port mappings given back')
    }
    for (const talk of talks) talk?.close()
  }

  #talk(family: Family, gateway: Gateway, local?: Uint8Array): RouterTalk {
    const { ways, ports, key } = this.#options
    const at = formatIp(local ?? gateway.ip)
    const nonce = (port: MappedPort) =>
      createHmac('sha256', key)
        .update(`${at} ${mappedPortKey(port)}`)
        .digest()
        .subarray(0, NONCE)
    return new RouterTalk({
      family,
      gateway,
      local,
      routerPort: this.#parts.routerPort ?? ROUTER_PORT,
      searchPort: this.#parts.searchPort,
      // The others know IPv4 only.
      ways: family === 4 ? ways : ['pcp'],
      ports: ports[family],
      nonce,
      now: () => performance.now(),
      heard: () => this.#heard(),
    })
  }

  /** Whether it leads to this router, from an address that this machine still has. */
  #isUsable(talk: RouterTalk | undefined, gateway: Gateway): boolean {
    if (!talk || talk.isBroken || !isSame(talk.gateway, gateway)) return false
    const { local } = talk
    return !local || (this.#parts.own ?? ownAddresses)().some(ip => isSameIp(ip, local))
  }

  #lookAtPinholes(): void {
    const gateway = (this.#parts.gateway ?? readGateway)(6)
    const wanted = gateway && this.#options.ways.includes('pcp') ? (this.#parts.ipv6?.() ?? []) : []
    const keys = new Set(wanted.map(ipKey))
    for (const [key, talk] of this.#pinholes) {
      if (keys.has(key) && gateway && this.#isUsable(talk, gateway)) continue
      talk.close()
      this.#pinholes.delete(key)
    }
    for (const ip of wanted) {
      if (!this.#pinholes.has(ipKey(ip))) this.#pinholes.set(ipKey(ip), this.#talk(6, gateway!, ip))
    }
  }

  /** Says what has changed. */
  #heard(): void {
    if (this.#isStopped) return
    const now = performance.now()
    const mappings = this.#main?.mappings
    const gateway = this.#main ? formatIp(this.#main.gateway.ip) : ''
    const fault = mappings?.fault(now)
    const why = mappings ? fault && textOf(fault, gateway) : startingText(this.#main, gateway)
    const before = this.#fault
    this.#fault = why
    if (why?.key !== 'mapping.asking') this.#settled()
    const { external } = mappings ?? {}
    if (external && !isSameIp(external, this.#external)) this.#moved(external, gateway)
    if (why) {
      if (why.key !== before?.key && why.key !== 'mapping.asking')
        this.#parts.log.warn({ key: 'warn.mapping', values: { why } })
      this.#isMapped &&= why.key === 'mapping.asking'
    } else if (mappings && !this.#isMapped) {
      this.#isMapped = true
      this.#parts.log.info('ports mapped in the router', {
        router: gateway,
        by: mappings.way.name,
        ports: mappings.held(now).length,
        ...(external && { public: formatIp(external) }),
      })
    }
  }

  #moved(external: Uint8Array, router: string): void {
    this.#external = external
    this.#settled()
    const ip = formatIp(external)
    if (scopeOf(external) !== 'public') {
      this.#parts.log.warn({ key: 'warn.mappedPrivate', values: { router, ip } })
    }
    this.#parts.moved()
  }
}

const TEXTS: Readonly<Record<MappingFault['why'], WaitingText['key']>> = {
  asking: 'mapping.asking',
  silent: 'mapping.silent',
  refused: 'mapping.refused',
  network: 'mapping.network',
  resources: 'mapping.resources',
  unsupported: 'mapping.unsupported',
  anotherNat: 'mapping.anotherNat',
  taken: 'mapping.taken',
  failed: 'mapping.failed',
}

function isSame(a: Gateway | undefined, b: Gateway | undefined): boolean {
  return a?.device === b?.device && isSameIp(a?.ip, b?.ip)
}

function startingText(talk: RouterTalk | undefined, router: string): WaitingText {
  if (!talk) return { key: 'mapping.noRouter', values: {} }
  return { key: talk.isBroken ? 'mapping.silent' : 'mapping.asking', values: { router } }
}

function textOf(fault: MappingFault, router: string): WaitingText {
  const key = TEXTS[fault.why]
  if (!('code' in fault)) return { key, values: { router } }
  const { code, port } = fault
  return {
    key,
    values: { router, code, port: port?.port ?? '', transport: port?.transport.toUpperCase() ?? '' },
  }
}
