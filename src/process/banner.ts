import { formatAddress, formatIp } from '../base/address.ts'
import type { Loaded } from '../config/load.ts'
import { clientHost, synapseLines } from '../homeserver/synapse-lines.ts'
import { scopeOf } from '../net/ports/relay-addresses.ts'

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
}

/** Tells how this command was run, by what npm and npx leave in the environment. */
export function commandOf(env: Readonly<Record<string, string | undefined>>): string {
  if (env.npm_command === 'exec') return 'npx taciturn'
  return env.npm_lifecycle_event === 'start' ? 'node dist/cli/main.js' : 'taciturn'
}

/** Writes what somebody who starts the relay by hand wants to know. */
export function banner(version: string, loaded: Loaded, bound: BoundListener, launch: Launch): string {
  const { settings } = loaded
  const { from, to } = settings.relay.ports
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['listens on', bound.listening],
    ['relays from', bound.relays.map(relay => `${relayName(relay)}, UDP ports ${from}-${to}`)],
    [
      'realm',
      [settings.realm + (loaded.defaults.realm ? " (this machine's name; set `realm` to its DNS name)" : '')],
    ],
    ['homeservers', [settings.homeservers.map(homeserver => homeserver.name).join(', ') || 'none']],
    ['metrics', [settings.metrics ? `http://${formatAddress(settings.metrics.listen)}/metrics` : 'off']],
    ['settings', [loaded.source ?? `built in; \`${launch.command} init\` writes a file to start from`]],
    ['state', [settings.state]],
  ]
  const lines = rows.flatMap(([name, values]) =>
    values.map((value, i) => `  ${(i === 0 ? name : '').padEnd(12)}${value}`),
  )
  const missing = whatIsMissing(loaded, bound).map(text => `  • ${text}`)
  const head = [`taciturn ${version}`, '', ...lines]
  return [
    ...head,
    ...(missing.length > 0 ? ['', 'still missing:', ...missing] : []),
    '',
    'next:',
    ...nextSteps(loaded, launch).map(([command, what]) => `  ${command.padEnd(32)}${what}`),
    '',
  ].join('\n')
}

/** What can be done with a relay that runs. */
function nextSteps({ settings, source }: Loaded, { command, isTerminal }: Launch): [string, string][] {
  const config = source === null ? '' : ` --config ${source}`
  return [
    [`${command} doctor${config}`, 'tests this relay from end to end'],
    ...(settings.console
      ? [[`${command} console${config}`, 'makes a link to the console'] as [string, string]]
      : []),
    ...(isTerminal ? [['Ctrl-C', 'stops it'] as [string, string]] : []),
  ]
}

/** What keeps some clients from using this relay, each with how to fix it. */
export function whatIsMissing({ settings }: Loaded, { relays }: BoundListener): string[] {
  const missing: string[] = []
  if (!settings.tls) {
    missing.push(
      'no TLS certificate, so no turns: for clients behind strict firewalls; set tls.certificate and tls.key',
    )
  }
  const isIn = (family: 4 | 6) => relays.filter(relay => relay.public.length === (family === 4 ? 4 : 16))
  const seen = isIn(4)
  if (seen.length > 0 && seen.every(relay => isPrivate(relay.public))) {
    const local = formatIp(seen[0]!.local)
    missing.push(
      `only private IPv4 addresses to relay from; behind 1:1 NAT set relay.addresses to "${local}=your public address"`,
    )
  }
  if (relays.length > 0 && relays.every(relay => relay.public.length === 16 && isPrivate(relay.public))) {
    missing.push('no address that peers on the Internet can reach; set relay.addresses')
  }
  return missing
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
    host: clientHost(loaded, relays, ip => !isPrivate(ip)),
    settings,
    secret,
  })
}

function relayName(relay: BoundListener['relays'][number]): string {
  const local = formatIp(relay.local)
  const seen = formatIp(relay.public)
  const hint = isPrivate(relay.public) ? ' (private)' : ''
  return seen === local ? `${seen}${hint}` : `${seen} (here ${local})`
}

/** Addresses that nobody on the Internet reaches us by. */
function isPrivate(ip: Uint8Array): boolean {
  return scopeOf(ip) !== 'public'
}
