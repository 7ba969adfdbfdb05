import { isDeepStrictEqual } from 'node:util'
import type { HttpRequest } from '../../http/request.ts'
import type { HttpReply } from '../../http/server.ts'
import { fault } from '../answer.ts'
import { type Desk, note } from '../call.ts'
import { type OidcAttempt, OidcProvider, type OidcSettings } from './oidc.ts'
import { Sealed } from './sealed.ts'

/** Where the browser is sent, and where it comes back to. */
export const OIDC_PATHS: ReadonlySet<string> = new Set(['/oidc/login', '/oidc/callback'])
/** Seconds that somebody may take at the provider. */
const ATTEMPT = 600
const COOKIE = 'taciturn-sign-in'

export interface OidcDoorParts {
  readonly desk: Pick<Desk, 'log' | 'tokens' | 'url'>
  /** Told why a sign-in did not work. */
  failed(error: Error): void
  readonly now?: () => number
}

/**
 * Signing in with an account at a provider. What belongs to an attempt is in a
 * sealed cookie of the browser that made it, so strangers make the relay keep
 * nothing, and nobody can end a sign-in that another browser began.
 */
export class OidcDoor {
  readonly #parts: OidcDoorParts
  readonly #sealed: Sealed
  #provider: OidcProvider | undefined

  constructor(parts: OidcDoorParts) {
    this.#parts = parts
    this.#sealed = new Sealed(parts.now)
  }

  /** Who signed in under other rules has to do so again. */
  configure(settings: OidcSettings | undefined): void {
    if (isDeepStrictEqual(settings, this.#provider?.settings)) return
    this.#provider = settings && new OidcProvider(settings)
    this.#parts.desk.tokens.revokeSignIns()
  }

  /** The host of the provider, for the button; undefined where there is none. */
  get provider(): string | undefined {
    return this.#provider && new URL(this.#provider.settings.issuer).host
  }

  async answer(request: HttpRequest): Promise<HttpReply> {
    if (request.method !== 'GET')
      return fault(405, 'method', { method: request.method, allow: 'GET' }, { allow: 'GET' })
    const url = this.#parts.desk.url()
    if (!this.#provider || url === undefined) return fault(404, 'noPage')
    try {
      return request.path === '/oidc/login'
        ? await this.#begin(this.#provider, url)
        : await this.#finish(this.#provider, url, request)
    } catch (error) {
      this.#parts.failed(error as Error)
      return back(url, 'failed')
    }
  }

  async #begin(provider: OidcProvider, url: string): Promise<HttpReply> {
    const { url: to, attempt } = await provider.begin(`${url}/oidc/callback`)
    const secure = url.startsWith('https:') ? '; Secure' : ''
    const sealed = this.#sealed.seal(attempt, ATTEMPT)
    const cookie = `${COOKIE}=${sealed}; Path=/oidc; HttpOnly; SameSite=Lax; Max-Age=${ATTEMPT}${secure}`
    return { status: 303, headers: { location: to, 'set-cookie': cookie } }
  }

  async #finish(provider: OidcProvider, url: string, request: HttpRequest): Promise<HttpReply> {
    const { log, tokens } = this.#parts.desk
    const attempt = this.#sealed.open(cookieOf(request)) as OidcAttempt | undefined
    if (!attempt) return back(url, 'expired')
    const callback = new URL(`${url}/oidc/callback?${request.query}`)
    const { who, subject, rights } = await provider.finish(callback, attempt)
    const visitor = { who, from: 'console', rights: rights ?? 'read' } as const
    if (rights === undefined) {
      note({ log }, visitor, 'sign-in', 'refused')
      return back(url, 'refused')
    }
    note({ log }, visitor, 'sign-in', 'done', rights)
    const { token } = tokens.signIn(who, rights, provider.settings.lifetime, subject)
    return back(url, `token=${token}`, true)
  }
}

/** Back to the console, with what came of it behind `#`, which no server sees. The cookie has done its work. */
function back(url: string, what: string, isToken = false): HttpReply {
  const location = `${url}/#${isToken ? what : `sign-in=${what}`}`
  return { status: 303, headers: { location, 'set-cookie': `${COOKIE}=; Path=/oidc; HttpOnly; Max-Age=0` } }
}

function cookieOf({ headers }: HttpRequest): string {
  const all = (headers.cookie ?? '').split(/; */)
  return all.find(one => one.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1) ?? ''
}
