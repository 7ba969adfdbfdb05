import assert from 'node:assert'
import { randomFillSync } from 'node:crypto'
import { anyOf } from '../auth/any-of.ts'
import { withBlocked } from '../auth/blocked.ts'
import { type SharedSecret, sharedSecrets } from '../auth/shared-secret.ts'
import { type StaticUser, staticUsers } from '../auth/static-users.ts'
import type { Address, Family } from '../base/address.ts'
import type { Random, Seconds } from '../base/time.ts'
import type { Settings, User } from '../config/settings.ts'
import type { Authenticate } from '../core/candidate.ts'
import type { RelayConfig } from '../core/config.ts'
import type { Environment } from '../core/environment.ts'
import { compilePeers } from '../policy/peer-policy.ts'
import type { RelayedAt } from '../policy/same-host.ts'
import type { Quotas } from './admission.ts'

/** What an allocation gets that asks for no lifetime (RFC 8656 §3.2). */
const DEFAULT_LIFETIME = 600 as Seconds
/** How long a nonce is good (RFC 8656 §5 asks for an hour at most). */
const NONCE_LIFETIME = 3600

/** What the relay stands on: known only once the sockets are bound. */
export interface RelaySurroundings {
  /** True where sockets can set DF. */
  readonly dontFragment: boolean
  /** Whether this machine itself takes what is sent to an IP address, at a port or, with 0, at none in particular. */
  readonly isOwn: (ip: Uint8Array, port: number) => boolean
  readonly relays: readonly RelayedAt[]
  /** Where this server can be reached itself, wildcards spelled out. */
  readonly endpoints: readonly Address[]
}

/** Makes the relay's configuration from the operator's. */
export function relayConfig(settings: Settings, around: RelaySurroundings): RelayConfig {
  const { protocol, limits, credentials } = settings
  const relayed = around.relays.map(relay => relay.public)
  return {
    realm: settings.realm,
    ...(protocol.software !== false && { software: protocol.software }),
    reasonPhrases: protocol.reasonPhrases,
    mappedAddress: protocol.mappedAddress,
    classicStun: protocol.classicStun,
    legacyChannelNumbers: protocol.legacyChannelNumbers,
    sha256: protocol.sha256,
    // A hashed name can only be looked up, so it is of no use to those who sign their names themselves.
    userhash: settings.homeservers.length === 0 && settings.users.length > 0,
    lifetime: { default: DEFAULT_LIFETIME, max: limits.lifetime },
    nonceLifetime: NONCE_LIFETIME as Seconds,
    families: families(relayed),
    defaultFamily: settings.relay.defaultFamily,
    dontFragment: around.dontFragment,
    mobility: protocol.mobility,
    ...(settings.relay.ports.shared && { sharedPorts: settings.relay.ports.shared }),
    strictExpiry: credentials.strictExpiry,
    limits: relayLimits(settings),
    ...(settings.alternate && {
      alternate: { ...settings.alternate, addresses: settings.alternate.servers },
    }),
    ...(settings.testing && { confined: { tenant: settings.testing.tenant, ips: relayed } }),
  }
}

/** Compiles the operator's peer policy. */
export function peerReach({ peers }: Settings, around: RelaySurroundings): Environment['reach'] {
  return compilePeers({
    deny: peers.deny.filter(entry => entry !== 'recommended'),
    allow: peers.allow,
    only: peers.only,
    recommended: peers.deny.includes('recommended'),
    isOwn: around.isOwn,
    relays: around.relays,
    ...(peers.sameHost && { sameHost: peers.sameHost }),
    endpoints: around.endpoints,
  })
}

/** What an allocation may have, and the bit rates of everybody. */
export function relayLimits(settings: Settings): RelayConfig['limits'] {
  const { limits } = settings
  const perTenant = limitsByHomeserver(settings, 'bitrate')
  return {
    permissionsPerAllocation: limits.permissionsPerAllocation,
    channelsPerAllocation: limits.channelsPerAllocation,
    permissionsPerUser: limits.permissionsPerUser,
    channelsPerUser: limits.channelsPerUser,
    permissions: limits.permissions,
    channels: limits.channels,
    backOff: settings.credentials.backOff,
    ...bounded({
      peersPerUserPerMinute: limits.peersPerUserPerMinute,
      requestsPerUserPerSecond: limits.requestsPerUserPerSecond,
      unverifiedAnswersPerNetwork: limits.unverifiedAnswersPerNetwork,
      unverifiedAnswers: limits.unverifiedAnswers,
      bytesPerSecondPerUser: limits.bitratePerUser,
      bytesPerSecond: limits.bitrate,
    }),
    ...(perTenant.size > 0 && { bytesPerSecondPerTenant: perTenant }),
  }
}

/** Where all unpredictable octets come from. */
export const random: Random = into => void randomFillSync(into)

/** Who is let in: users of the homeservers, and those of the list. */
export function authenticator(settings: Settings): Authenticate {
  const secrets = settings.homeservers.flatMap(homeserver =>
    homeserver.secrets.map(
      (secret): SharedSecret => ({
        tenant: homeserver.name,
        secret: Buffer.from(secret.value, 'utf8'),
        algorithm: secret.algorithm,
        paused: homeserver.paused,
      }),
    ),
  )
  const { testing } = settings
  if (testing) {
    const secret = Buffer.from(testing.secret, 'utf8')
    secrets.push({ tenant: testing.tenant, secret, algorithm: 'sha1', paused: false })
  }
  const known = anyOf(
    sharedSecrets(secrets, settings.credentials),
    staticUsers(settings.users.map(staticUser), settings.realm),
  )
  return withBlocked(settings.blocked ?? [], known)
}

export function quotas(settings: Settings): Quotas {
  return {
    perUser: settings.limits.allocationsPerUser,
    perAddress: settings.limits.allocationsPerAddress,
    perTenant: limitsByHomeserver(settings, 'allocations'),
    total: settings.limits.allocations,
    ...bounded({ perUserPerMinute: settings.limits.allocationsPerUserPerMinute }),
  }
}

/** Only the limits that are not unlimited. */
function bounded<T extends Readonly<Record<string, number>>>(limits: T): Partial<T> {
  const finite = Object.entries(limits).filter(([, limit]) => Number.isFinite(limit))
  return Object.fromEntries(finite) as Partial<T>
}

function limitsByHomeserver(
  settings: Settings,
  limit: 'allocations' | 'bitrate',
): ReadonlyMap<string, number> {
  const limits = new Map<string, number>()
  for (const { name, limits: own } of settings.homeservers) {
    const value = own?.[limit]
    if (value !== undefined && Number.isFinite(value)) limits.set(name, value)
  }
  if (settings.testing) limits.set(settings.testing.tenant, settings.testing[limit])
  return limits
}

function staticUser(user: User): StaticUser {
  if (user.password !== undefined) return { name: user.name, password: user.password }
  assert(user.keys, `user ${user.name} without password or keys`)
  const { md5, sha256 } = user.keys
  return {
    name: user.name,
    md5: Buffer.from(md5, 'hex'),
    ...(sha256 !== undefined && { sha256: Buffer.from(sha256, 'hex') }),
  }
}

function families(ips: readonly Uint8Array[]): Family[] {
  const found: Family[] = []
  if (ips.some(ip => ip.length === 4)) found.push(4)
  if (ips.some(ip => ip.length === 16)) found.push(6)
  return found
}
