import type { Plain } from '../base/plain.ts'
import type { Costs } from './schema/costs.ts'
import type { Written } from './schema/schema.ts'

/*
 * The configuration as values: what the file says, with every default filled
 * in, every secret file read and every path absolute. Plain data, so that it
 * can be handed to a worker as it is. Keys, types and defaults are those of
 * `schema/`; named here is only what reading other files and looking at the
 * machine adds.
 */

type File = Plain<Written>
type With<T, Added> = Readonly<Omit<T, keyof Added>> & Readonly<Added>

/** Durations are seconds, rates bytes a second; what is unlimited is Infinity. */
export type Settings = With<
  Omit<File, '$schema'>,
  {
    realm: string
    listen: NonNullable<File['listen']>
    homeservers: readonly Homeserver[]
    /** `lenient`: nobody chose it, so failing to have it does not prevent a start. */
    control: false | { readonly path: string; readonly lenient: boolean }
    console: false | Console
    notify?: Notify
    tls?: TlsFiles
    /** What the file of `ledger.costs` says; absent where there is none, or none that can be used. */
    costs?: Costs
    /** Users of the test page; made when the relay starts, and in no file. */
    testing?: Testing
    /** Users whom an operator has blocked while the relay ran; in no configuration file. */
    blocked?: readonly BlockedUser[]
  }
>

/**
 * Paths of PEM files. With `acme` they are the relay's own, both the same one, and it may not be
 * there yet; `names` is never empty then.
 */
export type TlsFiles = Readonly<{ certificate: string; key: string; acme?: Acme }>

type Acme = NonNullable<NonNullable<File['tls']>['acme']>

/** Where console and API are served over HTTP, and to whom. `lenient` as in `control`. */
export type Console = With<
  Exclude<NonNullable<File['console']>, false>,
  { tokens: readonly ConsoleToken[]; lenient: boolean; oidc?: Oidc }
>

/** An OpenID Connect provider, whose accounts may sign in to the console. */
export type Oidc = Omit<NonNullable<Exclude<NonNullable<File['console']>, false>['oidc']>, 'clientSecretFile'>

export type ConsoleToken = Readonly<{ name: string; rights: 'read' | 'act'; token: string }>

export type Homeserver = With<
  File['homeservers'][number],
  { secrets: readonly Secret[]; backends: readonly Backend[]; standIn?: StandIn }
>

/** A shared secret, and the hash that makes passwords of it. */
export type Secret = Readonly<{ value: string; algorithm: 'sha1' | 'sha256' }>

/** Answers `/voip/turnServer` in the homeserver's place; `hosts` are in lower case, and never empty. */
export type StandIn = With<NonNullable<File['homeservers'][number]['standIn']>, { hosts: readonly string[] }>

/** A program that may ask for credentials of any user by TURN REST. */
export type Backend = Readonly<{ name: string; apiKey: string }>

/** Who is told when something is wrong, and how; its secrets are read. */
export type Notify = With<
  NonNullable<File['notify']>,
  {
    webhooks: readonly NotifyTarget[]
    ntfy: readonly NotifyTarget[]
    email?: Omit<NonNullable<NonNullable<File['notify']>['email']>, 'passwordFile'>
    matrix?: Readonly<{ homeserver: string; room: string; token: string }>
  }
>

/** Where a notification is posted to, and the token that is shown there. */
export type NotifyTarget = Readonly<{ url: string; token?: string }>

/** How credentials are handed out over HTTP. */
export type Issue = NonNullable<Settings['issue']>

/** A long-term user, with a password or with the keys made from it (RFC 8489 §9.2.2), in hexadecimal. */
export type User = Settings['users'][number]

/** A user who gets nothing from the relay, until a moment of the wall clock or for ever. */
export interface BlockedUser {
  /** The name in the credential. */
  readonly user: string
  /** Absent for every homeserver; `''` for `users` of the configuration. */
  readonly homeserver?: string
  /** Milliseconds since the epoch. */
  readonly until?: number
}

/** What users may do who test the relay by a link: a little, and only with the relay itself. */
export interface Testing {
  /** Stands where the homeserver's name would; none can have it. */
  readonly tenant: string
  readonly secret: string
  readonly allocations: number
  /** Bytes a second. */
  readonly bitrate: number
}
