import { Provider } from 'oidc-provider'
import type { Test } from 'tap'
import { freePort } from './ports.ts'

export const CLIENT = { clientId: 'taciturn', clientSecret: 'a secret of the provider and us' }

/** What the provider tells of a person, beside the name that was typed. */
const GROUPS: Readonly<Record<string, readonly string[]>> = { alice: ['staff', 'calls'], bob: ['members'] }

/** An OpenID Connect provider on loopback, where any name may log in with any password. */
export async function startProvider(
  t: Test,
  redirectUri: string,
  scopes: readonly string[] = ['openid', 'profile', 'offline_access'],
): Promise<string> {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const provider = new Provider(issuer, {
    clients: [
      { client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret, redirect_uris: [redirectUri] },
    ],
    claims: {
      openid: ['sub'],
      ...(scopes.includes('profile') && { profile: ['preferred_username', 'groups'] }),
    },
    scopes: [...scopes],
    pkce: { required: () => true },
    cookies: { keys: ['for tests'] },
    findAccount: (_: unknown, sub: string) => ({
      accountId: sub,
      claims: async () => ({ sub, preferred_username: `${sub}@example.org`, groups: GROUPS[sub] ?? [] }),
    }),
  })
  const server = await new Promise<ReturnType<Provider['listen']>>(resolve => {
    const listening = provider.listen(port, '127.0.0.1', () => resolve(listening))
  })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return issuer
}

/** A browser without a screen: follows redirects and keeps cookies by name and path. */
export class CookieJar {
  readonly #cookies = new Map<string, { readonly pair: string; readonly path: string }>()

  async fetch(url: string, form?: Readonly<Record<string, string>>): Promise<Response> {
    const { pathname } = new URL(url)
    const cookie = [...this.#cookies.values()]
      .filter(({ path }) => pathname.startsWith(path))
      .map(({ pair }) => pair)
      .join('; ')
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    })
    for (const line of response.headers.getSetCookie()) {
      const pair = line.split(';')[0]!
      const path = /; *path=([^;]*)/i.exec(line)?.[1] ?? '/'
      this.#cookies.set(`${pair.split('=')[0]} ${path}`, { pair, path })
    }
    return response
  }

  /** Goes where it is sent, until it is not sent on, or back to the page of the console. */
  async follow(url: string, form?: Readonly<Record<string, string>>): Promise<{ url: string; text: string }> {
    let at = url
    let response = await this.fetch(at, form)
    for (let hops = 0; hops < 20; hops++) {
      const location = response.headers.get('location')
      if (location === null) return { url: at, text: await response.text() }
      at = new URL(location, at).href
      if (at.includes('#')) return { url: at, text: '' }
      response = await this.fetch(at)
    }
    throw new Error(`sent on without end: ${at}`)
  }

  /** Logs in at the provider by its own pages, and agrees; where that leads is the answer. */
  async signIn(start: string, login: string): Promise<string> {
    const asked = await this.follow(start)
    const agreed = await this.follow(asked.url, { prompt: 'login', login, password: 'x' })
    if (agreed.url.includes('#')) return agreed.url
    return (await this.follow(agreed.url, { prompt: 'consent' })).url
  }
}
