import { formatAddress, formatIp } from '../base/address.ts'
import type { Loaded } from '../config/load.ts'
import { clientHost, synapseLines } from '../homeserver/synapse-lines.ts'
import { scopeOf } from '../net/ports/relay-addresses.ts'
import type { Language } from '../texts/language.ts'
import { type RunningKey, type RunningText, sayRunning } from '../texts/running.ts'

/** What came of the configuration once everything was bound. */
export interface BoundListener {
  /** `udp://203.0.113.7:3478`, as many as there are sockets. */
  readonly listening: readonly string[]
  readonly relays: readonly { readonly local: Uint8Array; readonly public: Uint8Array }[]
  readonly udp: 'native' | 'dgram'
  readonly workers: number
}

/** How the relay was started by hand. */
export interface Launch {
  /** What runs taciturn here: `taciturn`, `npx taciturn` or `node dist/cli/main.js`. */
  readonly command: string
  /** True where Ctrl-C reaches the relay. */
  readonly isTerminal: boolean
  readonly language: Language
}

/** Tells how this command was run, by what npm and npx leave in the environment. */
export function commandOf(env: Readonly<Record<string, string | undefined>>): string {
  if (env.npm_command === 'exec') return 'npx taciturn'
  return env.npm_lifecycle_event === 'start' ? 'node dist/cli/main.js' : 'taciturn'
}

/** Writes what somebody who starts the relay by hand wants to know. */
export function banner(version: string, loaded: Loaded, bound: BoundListener, launch: Launch): string {
  const { settings } = loaded
  const { from, to, shared } = settings.relay.ports
  const say: Say = (key, values) => sayRunning({ key, ...(values && { values }) }, launch.language)
  const { command } = launch
  const realm = { realm: settings.realm }
  const builtIn = loaded.environment.length > 0 ? 'banner.environment' : 'banner.builtIn'
  const rows: readonly (readonly [string, readonly string[]])[] = [
    [say('banner.listens'), bound.listening],
    [
      say('banner.relays'),
      bound.relays.map(relay => {
        const at = relayName(relay, say)
        return shared
          ? say('banner.sharedPorts', { at, ports: shared.join(', ') })
          : say('banner.ports', { at, from, to })
      }),
    ],
    [say('banner.realm'), [loaded.defaults.realm ? say('banner.realmDefault', realm) : settings.realm]],
    [
      say('banner.homeservers'),
      [settings.homeservers.map(homeserver => homeserver.name).join(', ') || say('banner.none')],
    ],
    [
      say('banner.metrics'),
      [settings.metrics ? `http://${formatAddress(settings.metrics.listen)}/metrics` : say('banner.off')],
    ],
    [say('banner.settings'), [loaded.source ?? say(builtIn, { command })]],
    [say('banner.state'), [settings.state]],
  ]
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  const lines = rows.flatMap(([name, values]) =>
    values.map((value, i) => `  ${(i === 0 ? name : '').padEnd(width)}${value}`),
  )
  const missing = whatIsMissing(loaded, bound, launch.language).map(text => `  • ${text}`)
  const head = [`taciturn ${version}`, '', ...lines]
  return [
    ...head,
    ...(missing.length > 0 ? ['', say('banner.missing'), ...missing] : []),
    '',
    say('banner.next'),
    ...nextSteps(loaded, launch, say).map(([step, what]) => `  ${step.padEnd(32)}${what}`),
    '',
  ].join('\n')
}

type Say = (key: RunningKey, values?: Readonly<Record<string, string | number>>) => string

/** What can be done with a relay that runs. */
function nextSteps(
  { settings, source }: Loaded,
  { command, isTerminal }: Launch,
  say: Say,
): (readonly [string, string])[] {
  const config = source === null ? '' : ` --config ${source}`
  return [
    [`${command} doctor${config}`, say('banner.doctor')],
    ...(settings.console ? [[`${command} console${config}`, say('banner.console')] as const] : []),
    ...(isTerminal ? [[say('banner.ctrlC'), say('banner.stops')] as const] : []),
  ]
}

/** What keeps some clients from using this relay, each with how to fix it. */
export function whatIsMissing(
  { settings }: Loaded,
  { relays }: BoundListener,
  language: Language = 'en',
): string[] {
  const missing: RunningText[] = []
  if (!settings.tls) missing.push({ key: 'banner.noTls' })
  const seen = relays.filter(relay => relay.public.length === 4)
  if (seen.length > 0 && seen.every(relay => isPrivate(relay.public))) {
    missing.push({ key: 'banner.onlyPrivate4', values: { local: formatIp(seen[0]!.local) } })
  }
  if (relays.length > 0 && relays.every(relay => relay.public.length === 16 && isPrivate(relay.public))) {
    missing.push({ key: 'banner.noPublic' })
  }
  return missing.map(text => sayRunning(text, language))
}

/**
 * Writes the lines to paste into Synapse, for a relay that made its own secret.
 * `undefined` where the secret is the operator's, who has it.
 */
export function linesToPaste(loaded: Loaded, { relays }: BoundListener): string | undefined {
  const { settings, defaults } = loaded
  const secret = settings.homeservers[0]?.secrets[0]?.value
  if (!defaults.secret || secret === undefined) return undefined
  return synapseLines({
    host: publicHost(loaded, relays),
    settings,
    secret,
  })
}

/** The name clients are to use, as all of this relay says it: banner, snippets and test page. */
export function publicHost(
  loaded: Pick<Loaded, 'settings' | 'defaults'>,
  relays: BoundListener['relays'],
): string {
  return clientHost(loaded, relays, ip => !isPrivate(ip))
}

function relayName(relay: BoundListener['relays'][number], say: Say): string {
  const local = formatIp(relay.local)
  const ip = formatIp(relay.public)
  if (ip !== local) return say('banner.mapped', { at: ip, local })
  return isPrivate(relay.public) ? say('banner.private', { ip }) : ip
}

/** Addresses that nobody on the Internet reaches us by. */
function isPrivate(ip: Uint8Array): boolean {
  return scopeOf(ip) !== 'public'
}
