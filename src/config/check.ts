import { formatIp } from '../base/address.ts'
import { compare, formatRange, portsIn, type Range } from '../base/range.ts'
import { LONGEST_SOCKET_PATH } from '../base/socket-path.ts'
import { checkBudgets } from './budgets.ts'
import { checkConsole } from './control.ts'
import { checkFront } from './front.ts'
import { checkIssuing } from './issued-for.ts'
import type { ConfigReport } from './messages/report.ts'
import type { Settings } from './settings.ts'
import type { Path } from './source.ts'
import { formatListener, isAny, isLoopback, type Listener, overlap } from './values/listener.ts'
import { formatPorts } from './values/port-range.ts'
import {
  formatRelayAddress,
  isOfRouter,
  publicKey,
  publicName,
  type RelayAddress,
  relayKey,
} from './values/relay-address.ts'
import { isPrivate, openedBy } from './values/special-ranges.ts'

/** How many ports are so few that the next call may find none. */
const FEW_PORTS = 32

/** Octets of the longest name in the folder of the kernel forwarder (`/loader.sock`). */
const LONGEST_KERNEL_SOCKET = 12

/** Checks what two keys say together. Sections in `broken` were not understood and are left out. */
export function checkTogether(settings: Settings, report: ConfigReport, broken: ReadonlySet<string>): void {
  if (!broken.has('listen')) checkListeners(settings, report, broken)
  if (!broken.has('listen')) checkFront(settings, report, broken)
  if (!broken.has('relay')) checkRelay(settings, report)
  if (!broken.has('relay')) checkPortMapping(settings, report)
  if (!broken.has('relay') && !broken.has('listen')) checkShared(settings, report)
  if (!broken.has('homeservers') && !broken.has('users')) checkIssuers(settings, report)
  if (!broken.has('peers')) checkPeers(settings.peers, report)
  if (!broken.has('homeservers') && !broken.has('issue')) checkIssuing(settings, report)
  if (!broken.has('console')) checkConsole(settings, report)
  if (settings.alternate) checkAlternate(settings.alternate, report)
  if (!broken.has('budgets') && !broken.has('ledger')) checkBudgets(settings, report, broken)
  const { workers, udp, kernel } = settings
  if (workers !== 'auto' && workers > 1 && udp === 'dgram') {
    report.error(['workers'], 'workers-dgram', { given: workers })
  }
  const length = Buffer.byteLength(kernel) + LONGEST_KERNEL_SOCKET
  if (kernel !== 'off' && kernel !== 'auto' && length > LONGEST_SOCKET_PATH)
    report.error(['kernel'], 'kernel-path-long', { given: kernel, length, max: LONGEST_SOCKET_PATH })
}

function checkListeners(
  { listen, tls, metrics }: Settings,
  report: ConfigReport,
  broken: ReadonlySet<string>,
): void {
  for (const [i, listener] of listen.entries()) {
    if (listener.transport === 'tls' && !tls && !broken.has('tls')) {
      report.error(['listen', i], 'listener-tls', { given: formatListener(listener) })
    }
    const taken = listen.slice(0, i).find(other => overlap(other, listener))
    if (taken) {
      const names = { given: formatListener(listener), other: formatListener(taken) }
      report.error(['listen', i], 'listener-overlap', names)
    }
  }
  checkFamilies(listen, report)
  if (tls && !listen.some(({ transport, web }) => transport === 'tls' || web))
    report.warn(['tls'], 'tls-unused')
  const has443 = listen.some(({ transport, address }) => transport !== 'udp' && address.port === 443)
  if (tls?.acme?.challenge === 'tls-alpn-01' && !has443)
    report.warn(['tls', 'acme', 'challenge'], 'acme-port')
  if (metrics) checkMetrics(metrics.listen, listen, report)
}

/** Other relays take IPv4 at `[::]` too. */
function checkFamilies(listen: readonly Listener[], report: ConfigReport): void {
  for (const [i, listener] of listen.entries()) {
    const { transport, address } = listener
    if (address.family !== 6 || !isAny(listener)) continue
    if (listen.some(other => other.transport === transport && other.address.family === 4)) continue
    const fix = `${transport}://0.0.0.0:${address.port}`
    report.warn(['listen', i], 'listener-six-alone', {
      given: formatListener(listener),
      transport,
      fix,
    })
  }
}

function checkMetrics(at: Listener['address'], listen: readonly Listener[], report: ConfigReport): void {
  const page: Listener = { transport: 'tcp', address: at }
  const taken = listen.find(listener => overlap(listener, page))
  if (taken) report.error(['metrics'], 'metrics-overlap', { other: formatListener(taken) })
  if (!isLoopback(at)) report.warn(['metrics'], 'metrics-open', { given: formatIp(at.ip) })
}

/** Home routers have room for some hundred mappings, and each is asked for by itself. */
const MOST_MAPPED = 256

function checkPortMapping({ relay }: Settings, report: ConfigReport): void {
  const { from } = relay.ports
  const n = portsIn(relay.ports).length
  if (relay.portMapping === 'off' || n <= MOST_MAPPED) return
  report.error(['relay', 'ports'], 'ports-to-map', {
    given: formatPorts(relay.ports),
    n,
    max: MOST_MAPPED,
    fix: formatPorts({ from, to: from + MOST_MAPPED - 1 }),
  })
}

function checkRelay({ relay }: Settings, report: ConfigReport): void {
  const seen = new Set<number | string>()
  const publics = new Set<number | string>()
  for (const [i, address] of relay.addresses.entries()) {
    const key = relayKey(address)
    const isTwice = seen.has(key)
    if (isTwice) {
      const given = formatRelayAddress(address).replace(/=.*/, '')
      report.error(['relay', 'addresses', i], 'relay-address-twice', { given })
    }
    seen.add(key)
    const shown = publicKey(address)
    if (shown !== undefined && publics.has(shown) && !isTwice) {
      report.error(['relay', 'addresses', i], 'relay-public-twice', { given: publicName(address) })
    }
    if (shown !== undefined) publics.add(shown)
    checkMapping(address, ['relay', 'addresses', i], report)
    if (isOfRouter(address) && relay.portMapping === 'off')
      report.error(['relay', 'addresses', i], 'relay-address-router', { given: formatRelayAddress(address) })
  }
  const ports = relay.ports.to - relay.ports.from + 1
  if (!relay.ports.shared && ports < FEW_PORTS) report.warn(['relay', 'ports'], 'ports-scarce', { ports })
}

/** Relay ports that all allocations share: a UDP listener has none of them, and only one thread relays. */
function checkShared({ relay, listen, workers }: Settings, report: ConfigReport): void {
  const { shared } = relay.ports
  if (!shared) return
  for (const port of shared) {
    const taken = listen.find(({ transport, address }) => transport === 'udp' && address.port === port)
    if (!taken) continue
    const fix = [port + 1, port + 2].find(one => !shared.includes(one))
    report.error(['relay', 'ports'], 'ports-listener', {
      given: port,
      other: formatListener(taken),
      fix: fix ?? 0,
    })
  }
  if (workers !== 'auto' && workers > 1) report.error(['workers'], 'workers-shared', { given: workers })
}

/** An address behind 1:1 NAT is private, and what it stands for is public. */
function checkMapping(address: 'auto' | RelayAddress, path: Path, report: ConfigReport): void {
  if (address === 'auto' || !(address.public instanceof Uint8Array) || !isPrivate(address.public)) return
  const { local, public: outside } = address
  const given = formatRelayAddress(address)
  if (local === 'auto' || isPrivate(local)) report.warn(path, 'relay-public-private', { given })
  else report.warn(path, 'relay-swapped', { given, fix: `${formatIp(outside)}=${formatIp(local)}` })
}

/** Without anybody who may issue credentials, the relay serves nobody; it is never open to all. */
function checkIssuers({ homeservers, users }: Settings, report: ConfigReport): void {
  if (homeservers.length === 0 && users.length === 0) report.error([], 'no-issuer')
  else if (users.length === 0 && homeservers.every(({ paused }) => paused)) {
    report.warn(['homeservers'], 'all-paused')
  }
}

function checkPeers({ deny, allow, only }: Settings['peers'], report: ConfigReport): void {
  if (!deny.includes('recommended') && only.length === 0) report.warn(['peers', 'deny'], 'peers-open')
  const lists: readonly (readonly [string, readonly ('recommended' | Range)[]])[] = [
    ['deny', deny],
    ['allow', allow],
    ['only', only],
  ]
  for (const [list, ranges] of lists) {
    for (const [i, range] of ranges.entries()) {
      const isMapped = range !== 'recommended' && formatRange(range) === '::ffff:0:0/96'
      if (isMapped) report.warn(['peers', list, i], 'range-mapped')
    }
  }
  const denied = deny.filter(entry => entry !== 'recommended')
  for (const [i, range] of allow.entries()) {
    // One address is a decision; a range that has such addresses in it is mostly an oversight.
    if (compare(range.from, range.to) === 0) continue
    const special = openedBy(range, denied).map(formatRange).join(', ')
    if (special !== '')
      report.warn(['peers', 'allow', i], 'allow-special', { given: formatRange(range), special })
  }
}

/** ALTERNATE-SERVER must be of the family that the client came by (RFC 8489 §14.15), so one each is of use. */
function checkAlternate({ servers }: NonNullable<Settings['alternate']>, report: ConfigReport): void {
  const families = new Set<number>()
  for (const [i, { family }] of servers.entries()) {
    if (families.has(family))
      report.warn(['alternate', 'servers', i], 'alternate-family', { family: `IPv${family}` })
    families.add(family)
  }
}
