import { address, formatIp, parseIp } from '../base/address.ts'
import type { Time } from '../base/time.ts'
import { parseServerName, type ServerName } from '../homeserver/matrix-id.ts'
import { type Exchanged, jsonObject } from '../http/exchange.ts'
import { BoundedMap } from '../limits/bounded-map.ts'

/** The domain name system. Empty lists where there is nothing; rejects when nobody answers. */
export interface NameResolver {
  addresses(host: string): Promise<readonly Uint8Array[]>
  services(name: string): Promise<readonly HomeserverService[]>
}

/** An SRV record. */
export interface HomeserverService {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** Where a server is reached, and how it is to be spoken to. */
export interface HomeserverTarget {
  /** Checked: no private address. */
  readonly ip: Uint8Array
  readonly port: number
  /** The name that the certificate must have; absent: the address. */
  readonly servername?: string
  /** The Host header. */
  readonly host: string
}

/** Sends a GET over TLS. */
export type Get = (target: HomeserverTarget, path: string, signal: AbortSignal) => Promise<Exchanged>

/** Where to try, best first; or why nowhere. */
export type Found =
  | { readonly kind: 'targets'; readonly targets: readonly HomeserverTarget[] }
  | { readonly kind: 'failed'; readonly why: string }

/** Milliseconds that `.well-known` is believed: by default, at the most, and when it was not there. */
const HOUR = 3_600_000
const KEEP = 24 * HOUR
const KEEP_MOST = 48 * HOUR
const KEEP_LEAST = 60_000
const KEEP_FAULT = HOUR / 6
const MOST_REDIRECTS = 5
const MOST_REMEMBERED = 1000
/** Addresses that are tried of one server. */
const MOST_TARGETS = 4
const FEDERATION_PORT = 8448

/**
 * Finds the server behind a Matrix server name (Server-Server API, "Resolving
 * server names"). Names are looked up here, every address is judged by
 * `mayConnect`, and connections go to those addresses: between the check and
 * the connection there is no second look-up that could say something else.
 */
export class Discovery {
  readonly #names: NameResolver
  readonly #get: Get
  readonly #mayConnect: (ip: Uint8Array) => boolean
  readonly #now: () => Time
  /** What `.well-known` delegates to; null where it delegates nothing. */
  readonly #delegations = new BoundedMap<string, ServerName | null>(MOST_REMEMBERED)

  constructor(names: NameResolver, get: Get, mayConnect: (ip: Uint8Array) => boolean, now: () => Time) {
    this.#names = names
    this.#get = get
    this.#mayConnect = mayConnect
    this.#now = now
  }

  /** Steps 1 and 2 of the specification; then 3, or 4 to 6 for a server without delegation. */
  async find(server: ServerName, signal: AbortSignal): Promise<Found> {
    if (server.ip || server.port !== undefined) return this.#direct(server)
    const delegated = await this.#delegation(server, signal)
    if (delegated?.ip || delegated?.port !== undefined) return this.#direct(delegated)
    return this.#byService(delegated ?? server)
  }

  /** An address, or a name with a port: nothing to look up but its addresses. */
  async #direct({ host, ip, port }: ServerName): Promise<Found> {
    if (!ip) return this.#named(host, port!, host, `${host}:${port}`)
    const literal = ip.length === 4 ? formatIp(ip) : `[${formatIp(ip)}]`
    const suffix = port === undefined ? '' : `:${port}`
    return this.#judged([{ ip, port: port ?? FEDERATION_PORT, host: `${literal}${suffix}` }], literal)
  }

  /** SRV records by the new name and the old one, else port 8448. The certificate is for `host` in any case. */
  async #byService({ host }: ServerName): Promise<Found> {
    for (const service of ['_matrix-fed._tcp', '_matrix._tcp']) {
      const records = await this.#services(`${service}.${host}`)
      if (records.length === 0) continue
      const found = await Promise.all(
        records.slice(0, MOST_TARGETS).map(({ name, port }) => this.#named(name, port, host, host)),
      )
      const targets = found.flatMap(one => (one.kind === 'targets' ? one.targets : []))
      return targets.length > 0 ? { kind: 'targets', targets: targets.slice(0, MOST_TARGETS) } : found[0]!
    }
    return this.#named(host, FEDERATION_PORT, host, host)
  }

  async #services(name: string): Promise<readonly HomeserverService[]> {
    try {
      const records = await this.#names.services(name)
      return records
        .filter(record => record.name !== '' && record.name !== '.')
        .toSorted((a, b) => a.priority - b.priority || b.weight - a.weight)
    } catch {
      return []
    }
  }

  async #named(name: string, port: number, servername: string, host: string): Promise<Found> {
    let ips: readonly Uint8Array[]
    try {
      const literal = parseIp(name)
      ips = literal ? [literal] : await this.#names.addresses(name)
    } catch {
      return { kind: 'failed', why: `the name ${name} cannot be looked up` }
    }
    return this.#judged(
      ips.map(ip => ({ ip: address(ip, 0).ip, port, servername, host })),
      name,
    )
  }

  #judged(targets: readonly HomeserverTarget[], name: string): Found {
    if (targets.length === 0) return { kind: 'failed', why: `the name ${name} has no address` }
    const allowed = targets.filter(target => this.#mayConnect(target.ip)).slice(0, MOST_TARGETS)
    if (allowed.length === 0) return { kind: 'failed', why: `${name} leads to a private address` }
    return { kind: 'targets', targets: allowed }
  }

  /** What `https://server/.well-known/matrix/server` delegates to. */
  async #delegation(server: ServerName, signal: AbortSignal): Promise<ServerName | undefined> {
    const known = this.#delegations.get(server.host, this.#now())
    if (known !== undefined) return known ?? undefined
    const answer = await this.#wellKnown(server.host, signal)
    // Given up by us, which says nothing about the server.
    if (signal.aborted) return undefined
    const delegated = answer && readDelegation(answer.body)
    const keep = answer && delegated ? lifetime(answer) : KEEP_FAULT
    this.#delegations.set(server.host, delegated ?? null, (this.#now() + keep) as Time)
    return delegated
  }

  async #wellKnown(host: string, signal: AbortSignal): Promise<Answered | undefined> {
    let url = new URL(`https://${host}/.well-known/matrix/server`)
    for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
      const answer = await this.#fetch(url, signal)
      if (answer?.kind !== 'answer') return undefined
      if (answer.status === 200) return answer
      const location = answer.header('location')
      const isRedirect = [301, 302, 303, 307, 308].includes(answer.status) && location !== undefined
      if (!isRedirect || !URL.canParse(location, url.href)) return undefined
      url = new URL(location, url)
      if (url.protocol !== 'https:' || url.username !== '' || url.password !== '') return undefined
    }
    return undefined
  }

  async #fetch(url: URL, signal: AbortSignal): Promise<Exchanged | undefined> {
    const name = parseServerName(url.host)
    if (!name) return undefined
    const port = name.port ?? 443
    const found = name.ip
      ? this.#judged([{ ip: name.ip, port, host: url.host }], name.text)
      : await this.#named(name.host, port, name.host, url.host)
    if (found.kind === 'failed') return undefined
    return firstAnswer(this.#get, found.targets, `${url.pathname}${url.search}`, signal)
  }
}

/** Tries the targets in order until one answers over HTTP. */
export async function firstAnswer(
  get: Get,
  targets: readonly HomeserverTarget[],
  path: string,
  signal: AbortSignal,
): Promise<Exchanged> {
  let last: Exchanged = { kind: 'failed', why: { key: 'exchange.noAddress' }, unreached: true }
  for (const target of targets) {
    last = await get(target, path, signal)
    if (last.kind === 'answer' || !last.unreached || signal.aborted) return last
  }
  return last
}

type Answered = Extract<Exchanged, { readonly kind: 'answer' }>

function readDelegation(body: string): ServerName | undefined {
  const name = jsonObject(body)?.['m.server']
  return typeof name === 'string' ? parseServerName(name) : undefined
}

function lifetime({ header }: Answered): number {
  const control = header('cache-control') ?? ''
  const maxAge = /(?:^|[\s,])max-age=([0-9]{1,9})/i.exec(control)?.[1]
  const expires = Date.parse(header('expires') ?? '') - Date.parse(header('date') ?? '')
  const asked = maxAge !== undefined ? Number(maxAge) * 1000 : Number.isNaN(expires) ? KEEP : expires
  if (/no-store|no-cache/i.test(control)) return KEEP_LEAST
  return Math.min(Math.max(asked, KEEP_LEAST), KEEP_MOST)
}
