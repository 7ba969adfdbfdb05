import { lookup } from 'node:dns/promises'
import {
  type Address,
  type AskedAddress,
  address,
  formatAsked,
  formatIp,
  ipKey,
  parseIp,
} from '../../base/address.ts'
import { failed, type Result, succeeded, successes } from '../../base/result.ts'
import { turnUris } from '../../homeserver/synapse-lines.ts'
import { readTurnUri, type TurnUri } from '../../homeserver/turn-uri.ts'
import { ownAddresses } from '../../net/kernel/machine.ts'
import { scopeOf } from '../../net/ports/relay-addresses.ts'
import { askStunAddress } from '../../net/ports/stun-address.ts'
import type { DoctorCheck } from '../check.ts'
import { type Facts, labelOf, type TurnEndpoint } from '../facts.ts'
import { type Finding, finding } from '../finding.ts'
import { guessedHost } from '../guessed-host.ts'
import { audienceOf } from '../scope.ts'

/** URIs that are tested; who hands out more has another problem, and is told of it. */
const MOST_URIS = 8
/** Addresses of a name that are tested. */
const MOST_ADDRESSES = 4
const PATIENCE = 5000

/** The names in the URIs stand for addresses that clients can use. Makes the endpoints that everything else tests. */
export const names: DoctorCheck = {
  name: 'names',
  needs: ['uris'],
  gives: ['uris', 'lookups', 'endpoints'],
  async run(facts) {
    await lookUpRelays(facts)
    if (facts.uris.length === 0) facts.uris = configured(facts)
    const uris = facts.uris.slice(0, MOST_URIS)
    const hosts = new Map<string, readonly Uint8Array[]>()
    const found: Finding[] = []
    for (const { host } of uris) {
      if (hosts.has(host)) continue
      const { ips, findings } = await resolve(host, facts)
      hosts.set(host, ips)
      found.push(...findings)
    }
    for (const uri of uris) facts.endpoints.push(...endpointsOf(uri, hosts.get(uri.host) ?? []))
    return found
  },
}

/** Looks up the names in `relay.addresses`, as the relay does. */
async function lookUpRelays(facts: Facts): Promise<void> {
  for (const entry of facts.subject.config?.settings.relay.addresses ?? []) {
    if (entry === 'auto' || entry.public === undefined || entry.public instanceof Uint8Array) continue
    if (typeof entry.public === 'object') {
      await askStun(entry.local, entry.public, facts)
      continue
    }
    const given = facts.subject.resolve.get(entry.public.toLowerCase())
    const found = given ? succeeded(given) : await lookUp(entry.public)
    if (found.ok) facts.lookups.set(entry.public, found.value)
  }
}

async function askStun(local: Uint8Array | 'auto', asked: AskedAddress, facts: Facts): Promise<void> {
  if (asked.from !== 'stun') return
  const from = local === 'auto' ? undefined : local
  const ip = await askStunAddress(asked, from?.length === 16 ? 6 : 4, from).catch(() => undefined)
  if (ip) facts.lookups.set(formatAsked(asked), [ip])
}

/** Without a homeserver to ask: what the configuration hands out, or would. */
function configured(facts: Facts): TurnUri[] {
  const { config, uris } = facts.subject
  let texts = uris ?? []
  if (texts.length === 0 && config) {
    const { settings } = config
    texts = settings.homeservers.find(one => one.uris)?.uris ?? []
    const host = guessedHost(config, facts.lookups)
    if (texts.length === 0) texts = turnUris(host, settings)
  }
  return successes(texts.map(readTurnUri))
}

async function resolve(
  host: string,
  { subject }: Facts,
): Promise<{ ips: readonly Uint8Array[]; findings: Finding[] }> {
  const literal = parseIp(host)
  if (literal) return { ips: [literal], findings: [] }
  const given = subject.resolve.get(host.toLowerCase())
  if (given)
    return {
      ips: given,
      findings: [finding('dns-given', { host, addresses: given.map(formatIp).join(', ') })],
    }
  const looked = await lookUp(host)
  if (!looked.ok) return { ips: [], findings: [finding(looked.error, { host })] }
  const ips = looked.value.slice(0, MOST_ADDRESSES)
  const addresses = ips.map(formatIp).join(', ')
  const isMeantForAll = audienceOf(host, ips) === 'public'
  const near = ips.filter(ip => scopeOf(ip) !== 'public')
  if (!isMeantForAll || near.length === 0) return { ips, findings: [finding('dns-ok', { host, addresses })] }
  const values = { host, addresses: near.map(formatIp).join(', ') }
  // Debian writes the machine's own name into /etc/hosts as 127.0.1.1; other machines do not see that.
  const own = new Set(ownAddresses().map(ipKey))
  const isHostsFile = near.every(ip => scopeOf(ip) === 'loopback' || own.has(ipKey(ip)))
  return { ips, findings: [finding(isHostsFile ? 'dns-hosts-file' : 'dns-private', values)] }
}

async function lookUp(host: string): Promise<Result<readonly Uint8Array[], 'dns-missing' | 'dns-failed'>> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<undefined>(done => {
    timer = setTimeout(() => done(undefined), PATIENCE)
  })
  try {
    const answers = await Promise.race([lookup(host, { all: true, verbatim: true }), tooLong])
    if (!answers) return failed('dns-failed')
    const ips = answers.map(answer => parseIp(answer.address.replace(/%.*$/, '')))
    return succeeded(ips.filter(ip => ip !== undefined))
  } catch (error) {
    return failed((error as NodeJS.ErrnoException).code === 'ENOTFOUND' ? 'dns-missing' : 'dns-failed')
  } finally {
    clearTimeout(timer)
  }
}

function endpointsOf(uri: TurnUri, ips: readonly Uint8Array[]): TurnEndpoint[] {
  const addresses = ips.map((ip): Address => address(ip, uri.port))
  const hasIp4 = addresses.some(({ family }) => family === 4)
  return addresses.map(at => ({
    uri,
    transport: uri.transport,
    address: at,
    audience: audienceOf(uri.host, ips),
    isSecondFamily: at.family === 6 && hasIp4,
    label: labelOf(uri, at),
    state: { reached: false, allocated: false },
  }))
}
