import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Authority, makeAuthority } from './authority.ts'
import { Child } from './child.ts'
import { type Homeserver, type HomeserverOptions, PASSWORD, startHomeserver, TOKEN } from './homeserver.ts'
import { MAIN, type RelayOptions, type RunningRelay, startRelay } from './relay.ts'

export interface Shown {
  readonly id: string
  readonly severity: 'ok' | 'info' | 'warn' | 'error'
  readonly title: string
  readonly problem?: string
  readonly effect?: string
  readonly fix?: string
  readonly at: readonly string[]
}

export interface Visit {
  readonly code: number | null
  readonly findings: readonly Shown[]
  /** The ids of errors and warnings. */
  readonly complaints: readonly string[]
  readonly output: string
}

/** A whole installation on loopback: a relay with a good certificate, and a homeserver that hands it out. */
export interface Installation {
  readonly relay: RunningRelay
  readonly homeserver: Homeserver
  readonly authority: Authority
  readonly uris: readonly string[]
  /** The certificate of the relay, and its key. */
  readonly tls: { readonly certificate: string; readonly key: string }
}

export interface InstallationOptions extends RelayOptions {
  /** Changes the homeserver, given what the URIs of the relay are. */
  readonly homeserver?: (uris: readonly string[], relay: RunningRelay) => Partial<HomeserverOptions>
  readonly certificate?: Parameters<Authority['issue']>[0]
  /** What the URIs call the relay. */
  readonly host?: string
}

const PLACES = { names: ['localhost', 'turn.example.org'], ips: ['127.0.0.1', '::1'] }

/** Sets up an installation, healthy but for what the options change. */
export async function install(t: Test, options: InstallationOptions = {}): Promise<Installation> {
  const authority = makeAuthority()
  const folder = t.testdir({})
  const tls = { certificate: join(folder, 'fullchain.pem'), key: join(folder, 'key.pem') }
  const issued = authority.issue({ ...PLACES, ...options.certificate })
  writeFileSync(tls.certificate, issued.certificate)
  writeFileSync(tls.key, issued.key, { mode: 0o600 })
  writeFileSync(join(folder, 'root.pem'), authority.root)
  const relay = await startRelay({ against: 'taciturn', ...options, settings: { tls, ...options.settings } })
  t.teardown(() => relay.stop())
  const uris = urisOf(relay, options.host ?? '127.0.0.1')
  const changed = options.homeserver?.(uris, relay)
  const homeserver = await startHomeserver({ uris, secret: relay.secret, ...changed })
  t.teardown(() => homeserver.stop())
  return { relay, homeserver, authority, uris, tls }
}

export function urisOf({ port, tlsPort }: RunningRelay, host: string): string[] {
  return [
    `turn:${host}:${port}?transport=udp`,
    `turn:${host}:${port}?transport=tcp`,
    `turns:${host}:${tlsPort}?transport=tcp`,
  ]
}

/** Lets the doctor look at an installation, with the relay's configuration at hand. */
export function examineHere(t: Test, installation: Installation, ...more: string[]): Promise<Visit> {
  const { relay, homeserver } = installation
  return visit(t, ['--config', relay.config!, '--homeserver', homeserver.url, ...more], installation)
}

/** Lets the doctor look at it as anybody could who has an account. */
export function examineFromOutside(t: Test, installation: Installation, ...more: string[]): Promise<Visit> {
  return visit(t, ['--from-outside', '--homeserver', installation.homeserver.url, ...more], installation)
}

/** Runs the doctor in a process of its own, and holds what it prints against what it must never print. */
export async function visit(
  t: Test,
  argv: readonly string[],
  { authority, relay }: Pick<Installation, 'authority' | 'relay'>,
  env: Readonly<Record<string, string>> = { TACITURN_DOCTOR_TOKEN: TOKEN },
): Promise<Visit> {
  const root = join(relay.folder, 'root.pem')
  writeFileSync(root, authority.root)
  // No PATH, so that what is installed on the machine of the test has no say.
  const child = new Child(process.execPath, [MAIN, 'doctor', '--json', ...argv], {
    cwd: relay.folder,
    env: { PATH: '', LANG: 'C', TACITURN_STATE: relay.folder, NODE_EXTRA_CA_CERTS: root, ...env },
  })
  t.teardown(() => child.stop())
  const { code } = await child.exited
  for (const secret of [TOKEN, PASSWORD, relay.secret, ...Object.values(env)])
    t.notOk(child.output.includes(secret), 'no secret is printed')
  t.notMatch(child.stdout, /\{\w+\}/, 'every placeholder is filled in')
  const findings = child.stdout === '' ? [] : (JSON.parse(child.stdout).findings as Shown[])
  const complaints = findings.filter(({ severity }) => severity === 'error' || severity === 'warn')
  return { code, findings, complaints: complaints.map(({ id }) => id), output: child.output }
}
