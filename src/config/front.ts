import { formatAddress } from '../base/address.ts'
import { formatRange, type Range } from '../base/range.ts'
import type { ConfigReport } from './messages/report.ts'
import type { Settings } from './settings.ts'
import { formatListener, isLoopback, type Listener, overlap } from './values/listener.ts'

/** Checks what stands in front of the listeners, and behind them, against the listeners. */
export function checkFront(settings: Settings, report: ConfigReport, broken: ReadonlySet<string>): void {
  const { listen, proxy, web } = settings
  for (const [i, listener] of listen.entries()) {
    const given = formatListener(listener)
    if (listener.proxy && !proxy && !broken.has('proxy')) report.error(['listen', i], 'proxy-from', { given })
    if (listener.web && !web && !broken.has('web')) report.error(['listen', i], 'web-to', { given })
  }
  if (proxy && !listen.some(listener => listener.proxy)) report.warn(['proxy'], 'proxy-unused')
  for (const [i, range] of proxy?.from.entries() ?? []) {
    if (isWide(range)) report.warn(['proxy', 'from', i], 'proxy-anybody', { given: formatRange(range) })
  }
  if (web) checkWeb(web, listen, report)
}

/** True for more than the largest private network has, 10.0.0.0/8 and fc00::/7: nobody has so many proxies. */
function isWide({ from, to }: Range): boolean {
  const [first, last] = [from, to].map(ip => BigInt(`0x${Buffer.from(ip).toString('hex')}`))
  return last! - first! >= 1n << (from.length === 4 ? 24n : 121n)
}

function checkWeb({ to }: NonNullable<Settings['web']>, listen: readonly Listener[], report: ConfigReport) {
  if (!listen.some(listener => listener.web)) report.warn(['web'], 'web-unused')
  // A wildcard has the port of this machine's addresses, and another machine has one of its own.
  const self = listen.find(
    listener =>
      overlap(listener, { transport: 'tcp', address: to }) &&
      (isLoopback(to) || listener.address.key === to.key),
  )
  if (self) report.error(['web', 'to'], 'web-loop', { given: formatAddress(to), other: formatListener(self) })
}
