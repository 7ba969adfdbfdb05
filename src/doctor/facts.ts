import { password } from '../auth/shared-secret.ts'
import { type Address, formatAddress } from '../base/address.ts'
import type { Loaded } from '../config/load.ts'
import type { TurnUri, UriTransport } from '../homeserver/turn-uri.ts'
import type { Scope } from '../net/ports/relay-addresses.ts'
import { type HomeserverKind, kindOf } from './homeserver-kinds.ts'
import type { HttpAnswer } from './http.ts'
import type { KnownSecret } from './secret-forms.ts'
import type { Credential, TurnSession } from './turn-session.ts'

/** How to be somebody at the homeserver. */
export type Login = { readonly token: string } | { readonly user: string; readonly password: string }

/** What the doctor was asked to look at, and from where. */
export interface Subject {
  /** The relay's own configuration; we are on its machine, unless `fromOutside`. */
  readonly config?: Loaded
  readonly homeserver?: { readonly url: URL; readonly login?: Login }
  /** URIs to test as they are. */
  readonly uris?: readonly string[]
  /** A shared secret, and the file that it came from. */
  readonly secret?: { readonly value: string; readonly raw: string }
  readonly user?: Credential
  /** Leaves out what only makes sense on the relay's machine. */
  readonly fromOutside: boolean
  /** Addresses to take for names, instead of asking DNS. */
  readonly resolve: ReadonlyMap<string, readonly Uint8Array[]>
  /** A STUN server elsewhere, that can tell how the relay is seen. */
  readonly stun?: { readonly host: string; readonly port: number }
  readonly livekit?: { readonly file: string; readonly text: string }
}

/** Where the credential under test comes from: the one who made it must fix it. */
export type Issuer = 'homeserver' | 'config' | 'secret' | 'user'

/** One URI at one address. */
export interface TurnEndpoint {
  readonly uri: TurnUri
  readonly transport: UriTransport
  /** Where to go: the address of the URI, or a listener behind it that this machine can reach. */
  readonly address: Address
  /** Whom the URI is for. */
  readonly audience: Scope
  /** True where the same host also has an address of the other family. */
  readonly isSecondFamily: boolean
  /** What is being tested, in short. */
  readonly label: string
  /** Set by the checks, in their order. */
  state: {
    reached: boolean
    allocated: boolean
    /** The code that Allocate was refused with. */
    refused?: number
    detour?: Address
    /** True where the address is known to be another machine's. */
    elsewhere?: boolean
    /** Two allocations to test with. */
    pair?: readonly [TurnSession, TurnSession]
  }
}

/** Facts that one check learns and others need, see `DoctorCheck`. */
export type FactName =
  | 'uris'
  | 'endpoints'
  | 'lookups'
  | 'base'
  | 'kind'
  | 'wellKnown'
  | 'turnServer'
  | 'ttl'
  | 'credential'
  | 'issuer'
  | 'isSecretRight'
  | 'clockAhead'

/** What the checks have learnt so far. */
export class Facts {
  readonly subject: Subject
  uris: readonly TurnUri[] = []
  endpoints: TurnEndpoint[] = []
  /** What the names in `relay.addresses` stand for. */
  readonly lookups = new Map<string, readonly Uint8Array[]>()
  /** The homeserver's client API. */
  base: URL | undefined
  kind: HomeserverKind = kindOf(undefined).kind
  wellKnown: Readonly<Record<string, unknown>> | undefined
  /** What `/voip/turnServer` said. */
  turnServer: HttpAnswer | undefined
  ttl: number | undefined
  credential: Credential | undefined
  issuer: Issuer | undefined
  /** True once the credential's HMAC is known to be of a secret that the relay should have. */
  isSecretRight = false
  /** The homeserver's clock less ours, milliseconds. */
  clockAhead: number | undefined
  report: (what: string) => void = () => undefined

  constructor(subject: Subject) {
    this.subject = subject
  }

  /** True on the relay's machine. */
  get isOnRelay(): boolean {
    return this.subject.config !== undefined && !this.subject.fromOutside
  }

  /** Every secret that the relay should take. */
  get secrets(): KnownSecret[] {
    const { config, secret } = this.subject
    const configured = (config?.settings.homeservers ?? []).flatMap(({ name, secrets, secretFile }) =>
      secrets.map(({ value, algorithm }, place) => ({
        homeserver: name,
        value,
        algorithm,
        place,
        ...(secretFile !== undefined && place === 0 && { file: secretFile }),
      })),
    )
    if (!secret) return configured
    return [...configured, { homeserver: '', value: secret.value, algorithm: 'sha1', place: 0 }]
  }

  /** Makes a credential with the newest secret, valid until `seconds` from now; undefined where no secret is known. */
  issue(seconds: number): Credential | undefined {
    const [secret] = this.secrets
    if (!secret) return undefined
    return credentialOf(Buffer.from(secret.value), seconds, secret.algorithm, secret.homeserver)
  }
}

/** Makes a credential for the doctor itself. */
export function credentialOf(
  secret: Buffer,
  seconds: number,
  algorithm: 'sha1' | 'sha256' = 'sha1',
  homeserver = '',
): Credential {
  const user = homeserver === '' ? 'doctor' : `@doctor:${homeserver}`
  const username = `${Math.floor(Date.now() / 1000) + seconds}:${user}`
  return { username, password: password(secret, username, algorithm) }
}

/** Names an endpoint for a reader: the URI, and the address behind a name. */
export function labelOf(uri: TurnUri, address: Address): string {
  return uri.ip ? uri.text : `${uri.text} (${formatAddress(address)})`
}
