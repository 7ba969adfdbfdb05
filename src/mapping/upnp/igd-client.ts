import { createSocket } from 'node:dgram'
import { exchange } from '../../http/exchange.ts'
import { type MappedPort, mappedPortKey, type RouterAnswer, type RouterRequest } from '../answer.ts'
import { type IgdService, readDescription, readFound, SSDP, searches } from './discovery.ts'
import {
  addPortMapping,
  addressIn,
  deletePortMapping,
  GET_ADDRESS,
  GET_STATUS,
  getPortMapping,
  insideOf,
  readSoap,
  refusalOf,
  type SoapAction,
  type SoapAnswer,
  statusIn,
  UPNP_ERROR,
  writeSoap,
} from './soap.ts'

export interface IgdClientOptions {
  /** Addresses of the router and of this machine, as text. */
  readonly gateway: string
  readonly local: string
  /** UDP port of the router that is searched at. */
  readonly searchPort?: number
  /** Milliseconds that only go forward. */
  readonly now: () => number
  readonly answered: (answer: RouterAnswer) => void
  /** Is told when a search has found no router that maps ports. */
  readonly missing: () => void
}

/**
 * Milliseconds that a search may take, after which it is sent again, and for which others
 * are waited for after an answer.
 */
const SEARCH = 1800
const SEARCH_AGAIN = 600
const SEARCH_MORE = 200
/** Milliseconds that a request may take. */
const DEADLINE = 5000
/** Descriptions that are read of one router: it may have one for each version of the protocol. */
const MOST_DESCRIPTIONS = 4
/** Seconds by which the epoch falls when the router has lost its mappings. */
const FALL = 1000
/** Seconds by which an uptime may be less than the one before without meaning anything. */
const JITTER = 2
const STATUS = { ok: 200, unauthorized: 401, forbidden: 403 } as const

/**
 * Asks a router by UPnP (Internet Gateway Device). Whatever it answers, nothing is thrown; what cannot be
 * read counts as silence.
 */
export class IgdClient {
  readonly #options: IgdClientOptions
  readonly #stop = new AbortController()
  /** What is being asked. */
  readonly #asked = new Set<string>()
  /** What was asked last, for which the next request waits. */
  #last: Promise<void> = Promise.resolve()
  #service: Promise<IgdService | undefined> | undefined
  /** A mapping that the router has made, by which it is seen whether it still has them. */
  #known: MappedPort | undefined
  #uptime: number | undefined
  /** Seconds that the epoch is ahead of the clock. */
  #ahead = 0
  #isPermanentOnly = false

  constructor(options: IgdClientOptions) {
    this.#options = options
  }

  /** Asks, one after another; `answered` is called if the router does. What is still being asked is not asked again. */
  ask(request: RouterRequest): void {
    const key = `${request.port ? mappedPortKey(request.port) : 'address'} ${request.lifetime === 0}`
    if (this.#asked.has(key) || this.#stop.signal.aborted) return
    this.#asked.add(key)
    this.#last = this.#last.then(async () => {
      const answer = this.#stop.signal.aborted ? undefined : await this.#answer(request)
      this.#asked.delete(key)
      if (answer && !this.#stop.signal.aborted) this.#options.answered(answer)
    })
  }

  close(): void {
    this.#stop.abort()
  }

  /** The router names no epoch, so this is a clock, which falls when it seems to have lost its mappings. */
  get #epoch(): number {
    return Math.floor(this.#options.now() / 1000) + this.#ahead
  }

  #answer({ port, lifetime }: RouterRequest): Promise<RouterAnswer | undefined> {
    if (!port) return this.#address()
    return lifetime === 0 ? this.#delete(port) : this.#add(port, lifetime)
  }

  async #add(port: MappedPort, lifetime: number): Promise<RouterAnswer | undefined> {
    const add = (seconds: number) => this.#do(addPortMapping(port, this.#options.local, seconds))
    let answer = await add(this.#isPermanentOnly ? 0 : lifetime)
    if (answer?.kind === 'error' && answer.code === UPNP_ERROR.onlyPermanent && !this.#isPermanentOnly) {
      this.#isPermanentOnly = true
      answer = await add(0)
    }
    if (!answer) return undefined
    if (answer.kind === 'error') return refusalOf(answer.code, port, this.#epoch)
    this.#known = port
    return { kind: 'mapped', port, outside: { port: port.port }, lifetime, epoch: this.#epoch }
  }

  async #delete(port: MappedPort): Promise<RouterAnswer | undefined> {
    const gone = {
      kind: 'mapped',
      port,
      outside: { port: port.port },
      lifetime: 0,
      epoch: this.#epoch,
    } as const
    const before = await this.#do(getPortMapping(port))
    if (before && this.#isOthers(before)) return gone
    const answer = await this.#do(deletePortMapping(port))
    if (!answer) return undefined
    if (answer.kind === 'error' && answer.code !== UPNP_ERROR.noSuchEntry)
      return refusalOf(answer.code, port, this.#epoch)
    return gone
  }

  /** Whether a mapping that the router has leads to another device: routers let one take the port of another. */
  #isOthers(mapping: SoapAnswer): boolean {
    const inside = mapping.kind === 'done' ? insideOf(mapping.values) : undefined
    return inside !== undefined && inside !== this.#options.local
  }

  /** The public address, and whether the router still knows what it has mapped. */
  async #address(): Promise<RouterAnswer | undefined> {
    const answer = await this.#do(GET_ADDRESS)
    if (!answer) return undefined
    if (answer.kind === 'error') return refusalOf(answer.code, 'address', this.#epoch)
    const ip = addressIn(answer.values)
    if (!ip) return undefined
    if (await this.#hasLost()) {
      this.#ahead -= FALL
      this.#known = undefined
    }
    return { kind: 'address', ip, epoch: this.#epoch }
  }

  async #hasLost(): Promise<boolean> {
    const status = await this.#do(GET_STATUS)
    const before = this.#uptime ?? 0
    const uptime = status?.kind === 'done' ? statusIn(status.values).uptime : undefined
    this.#uptime = uptime ?? before
    if (this.#uptime + JITTER < before) return true
    const known = this.#known && (await this.#do(getPortMapping(this.#known)))
    if (!known) return false
    return known.kind === 'error' ? known.code === UPNP_ERROR.noSuchEntry : this.#isOthers(known)
  }

  /** Asks the router's service, which is searched for anew when it no longer answers. */
  async #do(action: SoapAction): Promise<SoapAnswer | undefined> {
    const searched = (this.#service ??= this.#find())
    const service = await searched
    if (!service && !this.#stop.signal.aborted) this.#options.missing()
    const answer = service && (await this.#call(service, action))
    if (!answer && this.#service === searched) this.#service = undefined
    return answer
  }

  async #call({ type, control }: IgdService, action: SoapAction): Promise<SoapAnswer | undefined> {
    const answer = await exchange({
      url: control,
      method: 'POST',
      body: writeSoap(type, action),
      headers: {
        accept: 'text/xml',
        'content-type': 'text/xml; charset="utf-8"',
        soapaction: `"${type}#${action.name}"`,
      },
      deadline: DEADLINE,
      signal: this.#stop.signal,
    })
    if (answer.kind === 'failed') return undefined
    const read = readSoap(answer.body, action)
    if (read?.kind === 'done') return answer.status === STATUS.ok ? read : undefined
    const isForbidden = answer.status === STATUS.unauthorized || answer.status === STATUS.forbidden
    return read ?? (isForbidden ? { kind: 'error', code: UPNP_ERROR.notAuthorized } : undefined)
  }

  /** The first service whose connection is up, of all that the router describes. */
  async #find(): Promise<IgdService | undefined> {
    const services: IgdService[] = []
    for (const url of await this.#search()) {
      const answer = await exchange({
        url,
        headers: { accept: 'text/xml' },
        deadline: DEADLINE,
        signal: this.#stop.signal,
      })
      if (answer.kind === 'answer' && answer.status === STATUS.ok)
        services.push(...readDescription(answer.body, url))
      if (services.length > 0) break
    }
    if (services.length < 2) return services[0]
    for (const service of services) {
      const status = await this.#call(service, GET_STATUS)
      if (status?.kind === 'done' && statusIn(status.values).isConnected) return service
    }
    return services[0]
  }

  /** Where the router says that its descriptions are. Others that answer are not heard. */
  #search(): Promise<readonly URL[]> {
    const { gateway, local, searchPort = SSDP.port } = this.#options
    const { signal } = this.#stop
    return new Promise(resolve => {
      const found = new Map<string, URL>()
      if (signal.aborted) return resolve([])
      const socket = createSocket('udp4')
      const send = () => {
        for (const host of [gateway, SSDP.group]) {
          for (const search of searches(host)) socket.send(search, searchPort, host, () => {})
        }
      }
      const end = () => {
        clearTimeout(timer)
        clearTimeout(again)
        signal.removeEventListener('abort', end)
        socket.removeAllListeners('message')
        socket.close()
        resolve([...found.values()])
      }
      let timer = setTimeout(end, SEARCH)
      let again: NodeJS.Timeout | undefined
      signal.addEventListener('abort', end)
      // What cannot be sent is lost, like a datagram.
      socket.on('error', () => {})
      socket.on('message', (datagram, { address }) => {
        const url = address === gateway ? readFound(datagram, gateway) : undefined
        if (!url || found.size >= MOST_DESCRIPTIONS) return
        if (found.size === 0) {
          clearTimeout(timer)
          timer = setTimeout(end, SEARCH_MORE)
        }
        found.set(url.href, url)
      })
      socket.bind(0, local, () => {
        try {
          socket.setMulticastInterface(local)
          socket.setMulticastTTL(2)
        } catch {
          // The router is asked by its own address as well.
        }
        send()
        again = setTimeout(send, SEARCH_AGAIN)
      })
    })
  }
}
