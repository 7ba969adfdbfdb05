import type { Counters } from '../../base/counters.ts'
import type { Settings } from '../../config/settings.ts'
import type { SocketIds } from '../../net/socket-ids.ts'
import type { NetInbox, UdpTransport } from '../../net/transport.ts'
import { DgramTransport } from '../../net/udp/dgram.ts'
import { openNative } from '../../net/udp/native.ts'
import { StartError } from '../start-error.ts'

/** The UDP transport that was opened, and why it is not the native one if that was wished for. */
export interface OpenedUdp {
  readonly transport: UdpTransport
  readonly kind: 'native' | 'dgram'
  readonly fellBack?: string
}

/**
 * Opens the native transport where it loads, else node:dgram. Throws a
 * `StartError` when the operator insists on a native one that does not load.
 * `kept`: where the native one lets its sockets outlive the thread, see `KeptSockets`.
 */
export function openUdp(
  { udp: wish, udpWait }: Pick<Settings, 'udp' | 'udpWait'>,
  ids: SocketIds,
  inbox: NetInbox,
  counters: Counters,
  kept?: SharedArrayBuffer,
): OpenedUdp {
  const dgram = () => new DgramTransport(ids, inbox, counters)
  if (wish === 'dgram') return { transport: dgram(), kind: 'dgram' }
  const native = openNative(ids, inbox, counters, { longestWait: udpWait, kept })
  if (native.ok) return { transport: native.value, kind: 'native' }
  if (wish === 'native') throw new StartError({ key: 'start.native', values: { why: native.error } })
  return { transport: dgram(), kind: 'dgram', fellBack: native.error }
}
