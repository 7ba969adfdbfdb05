import { timingSafeEqual } from 'node:crypto'
import { parseIp } from '../base/address.ts'
import type { ConfigReport } from './messages/report.ts'
import { type Place, readSecretOrFile } from './place.ts'
import type { Written } from './schema/schema.ts'
import type { Backend, Homeserver, Settings } from './settings.ts'
import type { Path } from './source.ts'
import { formatDuration } from './values/duration.ts'
import { formatHttpAddress } from './values/host-port.ts'
import { formatListener, isLoopback, type Listener, overlap } from './values/listener.ts'

type WrittenHomeserver = Written['homeservers'][number]

export function readBackends(
  { backends }: WrittenHomeserver,
  path: Path,
  place: Place,
  report: ConfigReport,
): Backend[] {
  const found: Backend[] = []
  for (const [i, { name, apiKey, apiKeyFile }] of backends.entries()) {
    const at = [...path, 'backends', i]
    if ((apiKey === undefined) === (apiKeyFile === undefined)) {
      report.error(at, 'api-key-one-of')
      continue
    }
    const key = readSecretOrFile({ value: apiKey, file: apiKeyFile }, place)
    const isUsed = found.some(other => other.name === name)
    if (isUsed) report.error([...at, 'name'], 'backend-twice', { given: name })
    if (key.ok) found.push({ name, apiKey: key.value })
    else report.fault([...at, apiKey === undefined ? 'apiKeyFile' : 'apiKey'], key.error)
  }
  return found
}

/** Gives a stand-in the names that it goes by where the configuration names none. */
export function withHosts<H extends Pick<WrittenHomeserver, 'name' | 'standIn'>>(homeserver: H) {
  const { standIn, ...rest } = homeserver
  if (!standIn) return rest
  return { ...rest, standIn: { ...standIn, hosts: standIn.hosts ?? hostsOf(rest.name, standIn.url) } }
}

/** The names that clients most likely reach a homeserver by. */
function hostsOf(name: string, url: string): string[] {
  return [...new Set([name.toLowerCase().replace(/:[0-9]+$/, ''), new URL(url).hostname])]
}

/** Checks who is issued for against how it is done. */
export function checkIssuing(settings: Settings, report: ConfigReport): void {
  const { homeservers, issue } = settings
  const served = homeservers.filter(isIssuedFor)
  for (const [i, homeserver] of homeservers.entries()) {
    if (!issue && isIssuedFor(homeserver))
      report.error(['homeservers', i], 'issue-off', { given: homeserver.name })
    const { standIn } = homeserver
    if (standIn && isPlainFar(standIn.url))
      report.warn(['homeservers', i, 'standIn', 'url'], 'stand-in-plain')
  }
  checkNames(homeservers, report)
  checkKeys(homeservers, report)
  if (!issue) return
  if (served.length === 0) report.warn(['issue'], 'issue-unused')
  checkListener(settings, issue.listen, report)
  const { maxLifetime } = settings.credentials
  if (issue.lifetime > maxLifetime) {
    const values = { given: formatDuration(issue.lifetime), max: formatDuration(maxLifetime) }
    report.error(['issue', 'lifetime'], 'issue-lifetime-long', values)
  }
}

/** True where credentials are handed out to the users of a homeserver, or to its backends. */
export function isIssuedFor({
  standIn,
  backends,
  openid,
}: {
  readonly standIn?: unknown
  readonly backends: readonly unknown[]
  readonly openid: readonly unknown[]
}): boolean {
  return standIn !== undefined || backends.length > 0 || openid.length > 0
}

function checkListener({ listen, metrics }: Settings, at: Listener['address'], report: ConfigReport): void {
  const page: Listener = { transport: 'tcp', address: at }
  const taken = listen.find(listener => overlap(listener, page))
  if (taken) report.error(['issue'], 'issue-overlap', { other: formatListener(taken) })
  if (metrics && overlap({ transport: 'tcp', address: metrics.listen }, page)) {
    report.error(['issue'], 'issue-overlap', { other: formatHttpAddress(metrics.listen) })
  }
  if (!isLoopback(at)) report.warn(['issue', 'listen'], 'issue-open', { given: formatHttpAddress(at) })
}

/** True where access tokens would cross a network unencrypted; containers' names have no dot. */
function isPlainFar(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'http:' || !hostname.includes('.')) return false
  return !parseIp(hostname) && !hostname.endsWith('.localhost') && !hostname.endsWith('.internal')
}

/** A Host header and a Matrix server must lead to one homeserver only. */
function checkNames(homeservers: readonly Homeserver[], report: ConfigReport): void {
  const once = (seen: Map<string, number>, name: string, i: number, path: Path) => {
    const first = seen.get(name)
    if (first === undefined) seen.set(name, i)
    else if (first !== i) report.error(path, 'issue-name-twice', { given: name, first })
  }
  const hosts = new Map<string, number>()
  const servers = new Map<string, number>()
  for (const [i, { standIn, openid }] of homeservers.entries()) {
    for (const host of standIn?.hosts ?? []) once(hosts, host, i, ['homeservers', i, 'standIn'])
    for (const [j, server] of openid.entries()) once(servers, server, i, ['homeservers', i, 'openid', j])
  }
}

/** Of two backends with the same key, nobody could tell which one asked. */
function checkKeys(homeservers: readonly Homeserver[], report: ConfigReport): void {
  const seen: Buffer[] = []
  for (const [i, { backends }] of homeservers.entries()) {
    for (const [j, { apiKey }] of backends.entries()) {
      const key = Buffer.from(apiKey)
      const isTaken = seen.some(other => other.length === key.length && timingSafeEqual(other, key))
      if (isTaken) report.error(['homeservers', i, 'backends', j], 'api-key-shared')
      seen.push(key)
    }
  }
}
