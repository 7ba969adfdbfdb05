import { formatIp } from '../base/address.ts'
import type { Time } from '../base/time.ts'
import { type ServerName, splitUserId } from '../homeserver/matrix-id.ts'
import { exchange, jsonObject } from '../http/exchange.ts'
import { sayRunning } from '../texts/running.ts'
import { Discovery, firstAnswer, type Get, type NameResolver } from './discovery.ts'
import { type Learnt, Remembered } from './remembered.ts'

/** Whose OpenID token it is. */
export type Verified =
  | { readonly kind: 'user'; readonly user: string }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'failed'; readonly why: string }

/** Milliseconds for discovery and question together, and for a single connection. */
const DEADLINE = 10_000
const ONE_DEADLINE = 4_000
const KEEP_USER = 60_000
const KEEP_UNKNOWN = 15_000
const KEEP_FAILED = 10_000

export interface OpenIdOptions {
  readonly names: NameResolver
  /** False for addresses that no request may go to. Takes IPv4-mapped addresses as IPv4. */
  readonly mayConnect: (ip: Uint8Array) => boolean
  readonly now: () => Time
  readonly get?: Get
  /** Milliseconds for everything about one token. */
  readonly deadline?: number
}

/** Checks OpenID tokens with the servers that made them (Server-Server API, `/openid/userinfo`). */
export class OpenId {
  readonly #discovery: Discovery
  readonly #remembered: Remembered<Verified>
  readonly #get: Get
  readonly #deadline: number

  constructor({ names, mayConnect, now, get = getOverTls, deadline = DEADLINE }: OpenIdOptions) {
    this.#get = get
    this.#deadline = deadline
    this.#discovery = new Discovery(names, get, mayConnect, now)
    this.#remembered = new Remembered(now)
  }

  /**
   * Asks `server` whose token it is, and believes it only about users of its
   * own. `listed` is the entry of the allow-list that names it, a domain
   * perhaps: all servers below it share their places.
   */
  async verify(server: ServerName, token: string, listed: string = server.text): Promise<Verified> {
    const learn = () => this.#learn(server, token)
    const verified = await this.#remembered.ask(server.text, token, learn, listed)
    if (verified.ok) return verified.value
    return { kind: 'failed', why: 'too many requests wait for this server' }
  }

  async #learn(server: ServerName, token: string): Promise<Learnt<Verified>> {
    const value = await this.#ask(server, token)
    const keep = { user: KEEP_USER, unknown: KEEP_UNKNOWN, failed: KEEP_FAILED }[value.kind]
    return { value, keep, good: value.kind === 'user' }
  }

  async #ask(server: ServerName, token: string): Promise<Verified> {
    const end = new AbortController()
    const timer = setTimeout(() => end.abort(), this.#deadline)
    const late = new Promise<Verified>(resolve => {
      end.signal.addEventListener('abort', () =>
        resolve({ kind: 'failed', why: sayRunning({ key: 'exchange.late' }, 'en') }),
      )
    })
    try {
      return await Promise.race([this.#askBy(server, token, end.signal), late])
    } finally {
      clearTimeout(timer)
    }
  }

  async #askBy(server: ServerName, token: string, signal: AbortSignal): Promise<Verified> {
    const found = await this.#discovery.find(server, signal)
    if (found.kind === 'failed') return found
    const path = `/_matrix/federation/v1/openid/userinfo?access_token=${encodeURIComponent(token)}`
    const answer = await firstAnswer(this.#get, found.targets, path, signal)
    if (answer.kind === 'failed') return { kind: 'failed', why: sayRunning(answer.why, 'en') }
    const { status, body } = answer
    if (status === 401 || status === 403) return { kind: 'unknown' }
    if (status !== 200) {
      const isElsewhere = status >= 300 && status < 400
      return { kind: 'failed', why: isElsewhere ? 'it sends us elsewhere' : `it answered ${status}` }
    }
    const id = splitUserId(jsonObject(body)?.sub)
    if (!id) return { kind: 'failed', why: 'its answer names no user' }
    if (id.server.text !== server.text) return { kind: 'failed', why: 'it names a user of another server' }
    return { kind: 'user', user: id.user }
  }
}

/** Sends a GET to an address that was checked, under the name that the certificate must have. */
export const getOverTls: Get = ({ ip, port, servername, host }, path, signal) =>
  exchange({
    url: new URL(`https://${host}${path}`),
    headers: { host },
    connect: { ip: formatIp(ip), port },
    ...(servername !== undefined && { servername }),
    deadline: ONE_DEADLINE,
    signal,
  })
