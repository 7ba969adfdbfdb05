import { formatAddress } from '../base/address.ts'
import { formatRange, type Range } from '../base/range.ts'
import type { Console, Homeserver, Settings, User } from './settings.ts'
import { formatDuration } from './values/duration.ts'
import { formatHttpAddress } from './values/host-port.ts'
import { formatListener } from './values/listener.ts'
import { formatRate } from './values/rate.ts'
import { formatRelayAddress } from './values/relay-address.ts'

/** Stands where a secret would. */
export const REDACTED = '(redacted)'

/** Writes the settings as the file would have them, every default spelled out and every secret redacted. */
export function effective(settings: Settings): Record<string, unknown> {
  const { relay, limits, credentials, alternate, issue, metrics } = settings
  const { bytesPerSecondPerUser, bytesPerSecond, lifetime, ...counts } = limits
  return {
    realm: settings.realm,
    listen: settings.listen.map(formatListener),
    ...(settings.tls && { tls: settings.tls }),
    relay: {
      addresses: relay.addresses.map(formatRelayAddress),
      ports: `${relay.ports.from}-${relay.ports.to}`,
      defaultFamily: relay.defaultFamily,
    },
    homeservers: settings.homeservers.map(redactedHomeserver),
    users: settings.users.map(redactedUser),
    peers: {
      deny: settings.peers.deny.map(entry => (entry === 'recommended' ? entry : formatRange(entry))),
      allow: ranges(settings.peers.allow),
      only: ranges(settings.peers.only),
    },
    limits: {
      ...counts,
      allocationsPerUserPerMinute: counts.allocationsPerUserPerMinute ?? 'unlimited',
      peersPerUserPerMinute: counts.peersPerUserPerMinute ?? 'unlimited',
      unverifiedAnswersPerNetwork: counts.unverifiedAnswersPerNetwork ?? 'unlimited',
      unverifiedAnswers: counts.unverifiedAnswers ?? 'unlimited',
      bitratePerUser: formatRate(bytesPerSecondPerUser),
      bitrate: formatRate(bytesPerSecond),
      lifetime: formatDuration(lifetime),
    },
    credentials: {
      grace: formatDuration(credentials.grace),
      strictExpiry: credentials.strictExpiry,
      backOff: credentials.backOff,
      maxLifetime:
        credentials.maxLifetime === undefined ? 'unlimited' : formatDuration(credentials.maxLifetime),
    },
    protocol: settings.protocol,
    ...(alternate && {
      alternate: {
        servers: alternate.addresses.map(formatAddress),
        ...(alternate.domain !== undefined && { domain: alternate.domain }),
      },
    }),
    ...(issue && {
      issue: {
        ...issue,
        listen: formatHttpAddress(issue.listen),
        lifetime: formatDuration(issue.lifetime),
        trustedProxies: ranges(issue.trustedProxies),
        reachable: ranges(issue.reachable),
      },
    }),
    metrics: metrics && { listen: formatHttpAddress(metrics.listen), coturnNames: metrics.coturnNames },
    control: settings.control === false ? false : settings.control.path,
    console: settings.console && redactedConsole(settings.console),
    workers: settings.workers,
    udp: settings.udp,
    log: settings.log,
    stop: { deadline: formatDuration(settings.stop.deadline) },
    state: settings.state,
  }
}

function redactedHomeserver({
  name,
  secrets,
  secretFile,
  paused,
  uris,
  limits,
  standIn,
  backends,
  openid,
}: Homeserver): Record<string, unknown> {
  return {
    name,
    secrets: secrets.map(({ algorithm }) => ({ value: REDACTED, algorithm })),
    ...(secretFile !== undefined && { secretFile }),
    paused,
    ...(uris && { uris }),
    ...(limits && {
      limits: {
        ...(limits.allocations !== undefined && { allocations: limits.allocations }),
        bitrate: formatRate(limits.bytesPerSecond),
      },
    }),
    ...(standIn && { standIn }),
    backends: backends.map(({ name }) => ({ name, apiKey: REDACTED })),
    openid,
  }
}

function redactedConsole({ listen, publicUrl, tokens, origins }: Console): Record<string, unknown> {
  return {
    listen: formatHttpAddress(listen),
    ...(publicUrl !== undefined && { publicUrl }),
    tokens: tokens.map(({ name, rights }) => ({ name, rights, token: REDACTED })),
    origins,
  }
}

/** Keys made from a password are as good as the password, so they are redacted too. */
function redactedUser({ name, password, keys }: User): Record<string, unknown> {
  return {
    name,
    ...(password !== undefined && { password: REDACTED }),
    ...(keys && { keys: { md5: REDACTED, ...(keys.sha256 !== undefined && { sha256: REDACTED }) } }),
  }
}

function ranges(list: readonly Range[]): string[] {
  return list.map(formatRange)
}
