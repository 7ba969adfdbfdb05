import type * as client from 'openid-client'
import type { Rights } from '../visitor.ts'

/** What is asked of the provider, and who may come. */
export interface OidcSettings {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret?: string
  /** By itself the usual ones that the provider has. */
  readonly scope?: string
  readonly allowed: readonly { readonly claim: string; readonly value: string; readonly rights: Rights }[]
  /** Seconds. */
  readonly lifetime: number
}

/** What has to be known again when the browser comes back. */
export interface OidcAttempt {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** Somebody who has an account at the provider. `rights` is absent where that is not enough. */
export interface OidcPerson {
  readonly who: string
  /** The provider's name of the account, which nobody can choose. */
  readonly subject: string
  readonly rights: Rights | undefined
}

/** Seconds that the provider may take to answer. */
const PATIENCE = 10
/** Milliseconds that the provider's discovery document is believed, and that a failure is. */
const FRESH = 3_600_000
const FAILED = 5_000
const LONGEST_NAME = 64

/**
 * An OpenID Connect provider, by the authorization code flow with PKCE.
 * The library is loaded with the first sign-in.
 */
export class OidcProvider {
  readonly settings: OidcSettings
  readonly #now: () => number
  #found: { readonly configuration: Promise<client.Configuration>; until: number } | undefined

  /** `now` is milliseconds of a clock that nobody sets. */
  constructor(settings: OidcSettings, now: () => number = () => performance.now()) {
    this.settings = settings
    this.#now = now
  }

  /** Where to send the browser, and what to know again. Rejects where the provider does not answer. */
  async begin(redirectUri: string): Promise<{ readonly url: string; readonly attempt: OidcAttempt }> {
    const oidc = await import('openid-client')
    const configuration = await this.#discover(oidc)
    const attempt = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      verifier: oidc.randomPKCECodeVerifier(),
    }
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: this.settings.scope ?? usualScope(configuration.serverMetadata().scopes_supported),
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
    })
    return { url: url.href, attempt }
  }

  /** Who came back. Rejects where the provider refuses, or what it says is not good. */
  async finish(callback: URL, { state, nonce, verifier }: OidcAttempt): Promise<OidcPerson> {
    const oidc = await import('openid-client')
    const configuration = await this.#discover(oidc)
    const tokens = await oidc.authorizationCodeGrant(configuration, callback, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    })
    const identity = tokens.claims()!
    const hasMore = configuration.serverMetadata().userinfo_endpoint !== undefined
    const more = hasMore ? await oidc.fetchUserInfo(configuration, tokens.access_token, identity.sub) : {}
    // What is signed beats what is only told.
    return this.#person({ ...more, ...identity })
  }

  #person(claims: Readonly<Record<string, unknown>>): OidcPerson {
    const granted = this.settings.allowed.filter(({ claim, value }) => holds(claims, claim, value))
    const rights = granted.some(one => one.rights === 'act') ? 'act' : granted[0]?.rights
    const names = ['preferred_username', 'username', 'email'].map(claim => claims[claim])
    const name = names.find(one => typeof one === 'string' && one !== '')
    // People may choose their names; the subject is the provider's, and no token's name has a space.
    const who =
      name === undefined ? `oidc ${printed(claims.sub)}` : `oidc ${printed(name)} (${printed(claims.sub)})`
    return { who, subject: String(claims.sub), rights }
  }

  #discover(oidc: typeof client): Promise<client.Configuration> {
    const now = this.#now()
    if (this.#found && this.#found.until > now) return this.#found.configuration
    const { issuer, clientId, clientSecret } = this.settings
    const server = new URL(issuer)
    const authentication = clientSecret === undefined ? oidc.None() : undefined
    const execute = server.protocol === 'http:' ? [oidc.allowInsecureRequests] : []
    const configuration = oidc.discovery(server, clientId, clientSecret, authentication, {
      execute,
      timeout: PATIENCE,
    })
    const found = { configuration, until: now + FRESH }
    this.#found = found
    configuration.catch(() => {
      found.until = this.#now() + FAILED
    })
    return configuration
  }
}

/** For an id and a name. Some providers refuse a request for a scope that they do not have. */
function usualScope(supported: readonly string[] | undefined): string {
  return supported?.includes('profile') === false ? 'openid' : 'openid profile'
}

/** Without control characters, and without those that hide or reorder what stands beside them. */
function printed(name: unknown): string {
  return String(name)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '?')
    .slice(0, LONGEST_NAME)
}

/** Whether a claim has this value, or a list of it. An address of mail counts when the provider has verified it. */
function holds(claims: Readonly<Record<string, unknown>>, claim: string, value: string): boolean {
  if (!Object.hasOwn(claims, claim)) return false
  if (claim === 'email' && claims.email_verified !== true) return false
  const given = claims[claim]
  return given === value || (Array.isArray(given) && given.includes(value))
}
