import { Agent as PlainAgent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import type { Time } from '../base/time.ts'
import { splitUserId } from '../homeserver/matrix-id.ts'
import { type Exchanged, exchange, jsonObject } from '../http/exchange.ts'
import { sayRunning } from '../texts/running.ts'
import { type Learnt, Remembered } from './remembered.ts'

/** Whose access token it is. */
export type Who =
  | { readonly kind: 'user'; readonly user: string; readonly guest: boolean }
  /** The homeserver does not take the token; `errcode` and `soft_logout` are its own, since clients act on them. */
  | { readonly kind: 'unknown'; readonly errcode: string; readonly softLogout: boolean }
  | { readonly kind: 'limited'; readonly seconds: number }
  | { readonly kind: 'failed'; readonly why: string }

/** Milliseconds for an answer, and for how long answers count: a token may be revoked. */
const DEADLINE = 5_000
const KEEP_USER = 60_000
const KEEP_UNKNOWN = 15_000
/** A homeserver that is in trouble is not asked about the same token again and again. */
const KEEP_FAILED = 2_000

const BUSY: Who = { kind: 'failed', why: 'too many requests wait for the homeserver' }

/** Asks homeservers whose access token it is (Client-Server API, `/account/whoami`). */
export class Whoami {
  readonly #remembered: Remembered<Who>
  readonly #deadline: number
  readonly #agents = {
    'http:': new PlainAgent({ keepAlive: true, maxSockets: 32, maxFreeSockets: 4, timeout: 30_000 }),
    'https:': new SecureAgent({ keepAlive: true, maxSockets: 32, maxFreeSockets: 4, timeout: 30_000 }),
  }

  /** `deadline` is in milliseconds, for one answer. */
  constructor(now: () => Time, deadline = DEADLINE) {
    this.#deadline = deadline
    this.#remembered = new Remembered(now)
  }

  /** Asks the homeserver whose client API is at `url`. */
  async ask(url: string, token: string): Promise<Who> {
    const who = await this.#remembered.ask(url, token, () => this.#learn(url, token))
    return who.ok ? who.value : BUSY
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }

  async #learn(base: string, token: string): Promise<Learnt<Who>> {
    const url = new URL(`${base}/_matrix/client/v3/account/whoami`)
    const agent = this.#agents[url.protocol as 'http:' | 'https:']
    const headers = { authorization: `Bearer ${token}` }
    const value = judge(await exchange({ url, headers, agent, deadline: this.#deadline }))
    const keep = { user: KEEP_USER, unknown: KEEP_UNKNOWN, limited: 0, failed: KEEP_FAILED }[value.kind]
    return { value, keep, good: value.kind === 'user' }
  }
}

function judge(answer: Exchanged): Who {
  if (answer.kind === 'failed') return { kind: 'failed', why: sayRunning(answer.why, 'en') }
  const { status, header, body } = answer
  const said = jsonObject(body)
  if (status === 200) return known(said)
  if (status === 401 || status === 403) {
    const errcode = String(said?.errcode ?? '')
    // A proxy or firewall that says no is not the homeserver, and no reason to log anybody out.
    if (!/^M_[A-Z_]{1,40}$/.test(errcode))
      return { kind: 'failed', why: `it answered ${status} without Matrix` }
    return { kind: 'unknown', errcode, softLogout: said?.soft_logout === true }
  }
  if (status === 429) {
    const wait = Number(header('retry-after') ?? Number(said?.retry_after_ms) / 1000)
    return { kind: 'limited', seconds: Number.isFinite(wait) ? Math.min(Math.max(wait, 1), 300) : 5 }
  }
  const isElsewhere = status >= 300 && status < 400
  return { kind: 'failed', why: isElsewhere ? 'it sends us elsewhere' : `it answered ${status}` }
}

function known(said: Readonly<Record<string, unknown>> | undefined): Who {
  const id = splitUserId(said?.user_id)
  if (!id) return { kind: 'failed', why: 'its answer names no user' }
  return { kind: 'user', user: id.user, guest: said?.is_guest === true }
}
