import { address, formatIp, ipKey } from '../../base/address.ts'
import { contains, formatRange, knownRange, type Range } from '../../base/range.ts'
import { formatPorts } from '../../config/values/port-range.ts'
import { isOfRouter } from '../../config/values/relay-address.ts'
import { ownAddresses } from '../../net/kernel/machine.ts'
import { type ResolvedRelayAddress, type Scope, scopeOf } from '../../net/ports/relay-addresses.ts'
import { compilePeers, RECOMMENDED } from '../../policy/peer-policy.ts'
import type { DoctorCheck } from '../check.ts'
import type { Facts } from '../facts.ts'
import { type Finding, finding } from '../finding.ts'
import { relayedFrom } from '../guessed-host.ts'
import { isContainer, kernelNumber } from '../proc.ts'
import { audienceOf, reaches } from '../scope.ts'

/** What peers are told to send to can be reached by everybody whom the relay is for. */
export const relayedAddresses: DoctorCheck = {
  name: 'relayed-addresses',
  needs: ['endpoints', 'lookups'],
  run(facts) {
    const { config } = facts.subject
    if (!config || !facts.isOnRelay) return []
    const addresses = relayed(facts)
    // What a router says is only known to the relay that it maps ports for.
    if (addresses.length === 0)
      return config.settings.relay.addresses.some(isOfRouter) ? [] : [finding('relay-none')]
    const audience = audienceHere(facts)
    const own = new Set(ownAddresses().map(ipKey))
    const found: Finding[] = []
    for (const { local, public: shown } of addresses) {
      if (!own.has(ipKey(local))) found.push(finding('relay-not-here', { local: formatIp(local) }))
      else if (!reaches(shown, audience)) {
        const isSpare =
          shown.length === 16 && addresses.some(one => one.family === 4 && reaches(one.public, audience))
        // Nobody is given the IPv6 address who does not ask for it.
        found.push({ ...unreachableFinding(shown), ...(isSpare && { severity: 'warn' as const }) })
      }
    }
    if (found.length > 0) return found
    const list = addresses.map(({ public: shown }) => formatIp(shown)).join(', ')
    return [finding('relay-addresses-ok', { addresses: list }), ...limited(audience, list)]
  },
}

/** Names the address that peers cannot reach; from outside, the relay's answers show the same. */
export function unreachableFinding(shown: Uint8Array): Finding {
  return finding(scopeOf(shown) === 'cgnat' ? 'relay-cgnat' : 'relay-private', { relayed: formatIp(shown) })
}

/** The relayed address is one that the relay's name stands for. */
export const sameRelayAddress: DoctorCheck = {
  name: 'same-relay-address',
  needs: ['endpoints', 'lookups'],
  run(facts) {
    const { config } = facts.subject
    if (!config || !facts.isOnRelay) return []
    const found: Finding[] = []
    for (const { public: shown, family } of relayed(facts)) {
      const named = facts.endpoints.filter(({ address: at, uri }) => at.family === family && !uri.ip)
      const hosts = [...new Set(named.map(({ uri }) => uri.host))]
      for (const host of hosts) {
        // Said already, and no address to relay from.
        if (named.some(({ uri, state }) => uri.host === host && state.elsewhere)) continue
        const theirs = named.filter(({ uri }) => uri.host === host).map(({ address: at }) => at.ip)
        if (scopeOf(shown) !== 'public' || theirs.some(ip => ipKey(ip) === ipKey(shown))) continue
        const addresses = [...new Set(theirs.map(formatIp))].join(', ')
        found.push(finding('relay-elsewhere', { relayed: formatIp(shown), host, addresses }))
      }
    }
    return found
  },
}

/** The peer policy keeps what is private out of reach, and lets both ends of a call be relayed. */
export const peerPolicy: DoctorCheck = {
  name: 'peer-policy',
  needs: ['lookups'],
  run(facts) {
    const { config } = facts.subject
    if (!config || !facts.isOnRelay) return []
    const { deny, allow, only } = config.settings.peers
    const found: Finding[] = []
    if (!deny.includes('recommended') && only.length === 0) found.push(finding('peers-open'))
    for (const range of allow) {
      if (RECOMMENDED.some(text => overlap(range, knownRange(text)))) {
        found.push(finding('peers-allowed', { range: formatRange(range) }))
      }
    }
    const own = new Set(ownAddresses().map(ipKey))
    const addresses = relayed(facts).map(({ public: shown }) => shown)
    const reach = compilePeers({
      deny: deny.filter(entry => entry !== 'recommended'),
      allow,
      only,
      recommended: deny.includes('recommended'),
      isOwn: ip => own.has(ipKey(ip)),
      relays: relayed(facts),
      endpoints: [],
    })
    for (const ip of addresses) {
      const range = deny.find(entry => entry !== 'recommended' && contains(entry, ip))
      if (reach(address(ip, 0)) !== 'no') continue
      found.push(
        finding('own-denied', {
          relayed: formatIp(ip),
          range: range && range !== 'recommended' ? formatRange(range) : only.map(formatRange).join(', '),
        }),
      )
    }
    return found.length > 0 ? found : [finding('peers-ok')]
  },
}

/** Nothing around the process cuts calls: a container's network, the kernel's table of connections. */
export const surroundings: DoctorCheck = {
  name: 'surroundings',
  run(facts) {
    const { config } = facts.subject
    if (!config || !facts.isOnRelay) return []
    const found: Finding[] = []
    const isBridged = isContainer() && ownAddresses().every(ip => scopeOf(ip) !== 'public')
    if (isBridged && audienceHere(facts) === 'public') {
      found.push(finding('container-network', { ports: formatPorts(config.settings.relay.ports) }))
    }
    const used = kernelNumber('/proc/sys/net/netfilter/nf_conntrack_count')
    const most = kernelNumber('/proc/sys/net/netfilter/nf_conntrack_max')
    if (used !== undefined && most !== undefined && used > most * 0.8) {
      found.push(finding('conntrack-full', { used, most, more: most * 4 }))
    }
    return found
  },
}

/** Addresses that the relay relays from, by its configuration; none without one. */
export function relayed({ subject: { config }, lookups }: Facts): readonly ResolvedRelayAddress[] {
  return config ? relayedFrom(config.settings, lookups) : []
}

/** Whom the relay is for: the widest audience of its URIs, or of its listeners where it has none. */
export function audienceHere({ endpoints, subject: { config } }: Facts): Scope {
  const named = endpoints.map(({ audience }) => audience)
  if (named.length === 0) {
    const bound = config?.settings.listen.map(({ address: at }) => at.ip) ?? []
    const isWild = bound.length === 0 || bound.some(ip => ip.every(octet => octet === 0))
    return isWild ? 'public' : audienceOf(formatIp(bound[0]!), bound)
  }
  const order: readonly Scope[] = ['public', 'cgnat', 'private', 'link-local', 'loopback']
  return order.find(scope => named.includes(scope)) ?? 'public'
}

/** Says so where an installation is not meant for the world. */
function limited(audience: Scope, addresses: string): Finding[] {
  return audience === 'public'
    ? []
    : [finding(audience === 'loopback' ? 'only-here' : 'only-nearby', { addresses })]
}

function overlap(a: Range, b: Range): boolean {
  return contains(a, b.from) || contains(b, a.from)
}
