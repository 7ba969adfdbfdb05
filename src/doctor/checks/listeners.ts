import { type Address, address, formatAddress, parseIp } from '../../base/address.ts'
import { contains } from '../../base/range.ts'
import type { Settings } from '../../config/settings.ts'
import { formatListener, type Listener } from '../../config/values/listener.ts'
import { isBrowserPort } from '../../homeserver/turn-uri.ts'
import { localProxyHeader } from '../../net/proxy/write-proxy-header.ts'
import type { DoctorCheck } from '../check.ts'
import { type Finding, finding } from '../finding.ts'
import { openLink } from '../open.ts'
import { holderOf, listedSockets, openFilesLimit } from '../proc.ts'
import { TurnSession } from '../turn-session.ts'

/** The relay answers where its configuration says that it listens. */
export const listeners: DoctorCheck = {
  name: 'listeners',
  async run(facts) {
    const { config } = facts.subject
    if (!config || !facts.isOnRelay) return []
    const { realm, proxy } = config.settings
    const unseen = config.settings.listen.filter(
      one => one.proxy && !isProxy(reachable(one.address).ip, proxy),
    )
    const listen = config.settings.listen.filter(one => !unseen.includes(one))
    const silent: Listener[] = []
    await Promise.all(
      listen.map(async listener => {
        if (!(await answers(listener, realm))) silent.push(listener)
      }),
    )
    // Of a port behind a proxy, clients see the proxy's.
    const ports = new Set(listen.filter(one => !one.proxy).map(one => one.address.port))
    const low = [...ports].filter(port => !isBrowserPort(port)).map(port => finding('port-browser', { port }))
    const names = unseen.map(formatListener).join(', ')
    if (unseen.length > 0) low.push(finding('listener-unseen', { listeners: names }))
    if (listen.length === 0) return low
    return [...judged(listen, silent), ...low]
  },
}

function judged(listen: readonly Listener[], silent: readonly Listener[]): Finding[] {
  if (silent.length === 0) return [finding('listeners-ok', { count: listen.length })]
  // The IPv6 wildcard of a machine without IPv6 is not a fault that anybody notices.
  const matters = silent.filter(one => !isWildcard6(one) || silent.length === listen.length)
  if (matters.length === 0) return [finding('listeners-ok', { count: listen.length - silent.length })]
  const listeners = silent.map(formatListener).join(', ')
  return [finding(silent.length === listen.length ? 'not-running' : 'listener-silent', { listeners })]
}

/** The web server answers to which connections are passed on. */
export const webServer: DoctorCheck = {
  name: 'web-server',
  async run(facts) {
    const { config } = facts.subject
    const web = config?.settings.web
    if (!web || !facts.isOnRelay || !config.settings.listen.some(one => one.web)) return []
    const values = { address: formatAddress(web.to) }
    const link = await openLink('tcp', web.to, '')
    if (link.ok) link.value.close()
    return [link.ok ? finding('web-ok', values) : finding('web-silent', values)]
  },
}

/** There are ports and files enough for the calls that the limits allow. */
export const room: DoctorCheck = {
  name: 'room',
  run(facts) {
    const { config } = facts.subject
    if (!config || !facts.isOnRelay) return []
    const { relay, limits, listen } = config.settings
    const { from, to, shared } = relay.ports
    const ports = to - from + 1
    const enough = Math.max(100, Math.min(limits.allocationsPerUser, limits.allocations))
    const values = { from, to, count: ports, enough }
    const first = shared
      ? finding('range-shared', { ports: shared.join(', ') })
      : finding(ports < enough ? 'range-small' : 'range-ok', values)
    const held = listedSockets('udp').find(({ port }) => listen.some(one => one.address.port === port))
    const pid = held && holderOf(held.inode)
    const files = pid === undefined ? undefined : openFilesLimit(pid)
    const wanted = Math.min(shared?.length ?? ports, limits.allocations) + 256
    if (files === undefined || files >= wanted) return [first]
    return [first, finding('files-few', { files, wanted })]
  },
}

async function answers(listener: Listener, realm: string): Promise<boolean> {
  const preface = listener.proxy && localProxyHeader()
  const link = await openLink(listener.transport, reachable(listener.address), realm, preface)
  if (!link.ok) return false
  const session = new TurnSession(link.value)
  try {
    const answer = await session.ask((client, now) => client.binding(now), 1500)
    return answer.kind !== 'silent'
  } finally {
    session.close()
  }
}

/** Where this machine reaches a listener: a wildcard on loopback. */
export function reachable(listener: Address): Address {
  if (!listener.ip.every(octet => octet === 0)) return listener
  return address(parseIp(listener.family === 4 ? '127.0.0.1' : '::1')!, listener.port)
}

function isWildcard6({ address: { family, ip } }: Listener): boolean {
  return family === 6 && ip.every(octet => octet === 0)
}

/** Whether a connection from this address is taken for that of a proxy. */
function isProxy(ip: Uint8Array, proxy: Settings['proxy']): boolean {
  return proxy?.from.some(range => contains(range, ip)) ?? false
}
