import { isDeepStrictEqual } from 'node:util'
import type { Address } from '../base/address.ts'
import type { Settings } from '../config/settings.ts'

/** Keys that sockets, threads and folders were made from. A restart is needed to change them. */
const FIXED = ['realm', 'listen', 'metrics', 'control', 'workers', 'udp', 'state'] as const

/** What of new settings a running relay can take on. */
export interface Merged {
  /** The new settings, with the old values where only a restart can change them. */
  readonly settings: Settings
  /** Those keys, for the operator. */
  readonly restart: readonly string[]
}

/** Splits new settings into what can be applied under live allocations and what has to wait. */
export function merge(running: Settings, next: Settings): Merged {
  const restart: string[] = FIXED.filter(key => !isDeepStrictEqual(running[key], next[key]))
  const { relay, log } = running
  if (!isDeepStrictEqual(relay.addresses, next.relay.addresses)) restart.push('relay.addresses')
  if (!isDeepStrictEqual(relay.ports, next.relay.ports)) restart.push('relay.ports')
  if (log.format !== next.log.format) restart.push('log.format')
  // Paths may change, but a relay that had no certificate has no listener for one.
  if ((running.tls === undefined) !== (next.tls === undefined)) restart.push('tls')
  // The same goes for the listener that hands out credentials.
  if (!isDeepStrictEqual(running.issue?.listen, next.issue?.listen)) restart.push('issue.listen')
  // Who may use the console can change, where it listens cannot.
  const isConsoleMoved = !isDeepStrictEqual(listenOf(running.console), listenOf(next.console))
  if (isConsoleMoved) restart.push('console.listen')
  const console = isConsoleMoved ? running.console : next.console
  const { tls: _, issue: __, ...rest } = next
  const issue = running.issue && { ...(next.issue ?? running.issue), listen: running.issue.listen }
  const tls = running.tls && (next.tls ?? running.tls)
  const settings: Settings = {
    ...rest,
    ...(tls && { tls }),
    ...(issue && { issue }),
    realm: running.realm,
    listen: running.listen,
    metrics: running.metrics,
    control: running.control,
    console,
    workers: running.workers,
    udp: running.udp,
    state: running.state,
    relay: { ...next.relay, addresses: relay.addresses, ports: relay.ports },
    log: { ...next.log, format: log.format },
  }
  return { settings, restart }
}

function listenOf(console: Settings['console']): Address | undefined {
  return console ? console.listen : undefined
}
