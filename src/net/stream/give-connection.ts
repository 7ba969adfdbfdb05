import { descriptorOf } from '../../system/socket-handle.ts'
import { duplicate } from '../udp/native-group.ts'
import type { StreamConnection } from './connection.ts'
import type { GivenConnection } from './given.ts'

/**
 * Lets go of a plain TCP connection, which stays open by a descriptor of its own; undefined where another process
 * could not go on with it.
 */
export function giveConnection(connection: StreamConnection): GivenConnection | undefined {
  const open = isPlain(connection) ? descriptorOf(connection.raw) : undefined
  if (open === undefined) return undefined
  const { state, remote, port, outbox } = connection
  const id = state.kind === 'turn' ? { id: state.id } : {}
  // Before the connection lets go of its own.
  const fd = duplicate(open)
  const { dropped } = outbox
  return { fd, remote, ...id, tlsOnly: port.tlsOnly, ...connection.give(), dropped }
}

/** The same where there is no time: `close` is to be called afterwards. */
export function giveQuickly(
  connection: StreamConnection,
): (GivenConnection & { readonly close: () => void }) | undefined {
  const given = duplicateConnection(connection)
  if (!given) return undefined
  return { ...given, ...connection.giveQuickly(), dropped: connection.outbox.dropped }
}

/** The same while the connection goes on here: nothing of it is half read or half written yet. */
export function duplicateConnection(connection: StreamConnection): GivenConnection | undefined {
  const open = isPlain(connection) ? descriptorOf(connection.raw) : undefined
  if (open === undefined) return undefined
  const { state, remote, port } = connection
  const id = state.kind === 'turn' ? { id: state.id } : {}
  const none = new Uint8Array(0)
  return {
    fd: duplicate(open),
    remote,
    ...id,
    tlsOnly: port.tlsOnly,
    unread: none,
    unsent: none,
    dropped: 0,
  }
}

/**
 * Whether a connection can go on in another process: what TLS has agreed on cannot, nor one of which it has to be
 * found out first whose it is.
 */
function isPlain({ state, port }: StreamConnection): boolean {
  if (state.kind === 'accepted') return !port.proxy && !port.web
  return (state.kind === 'ready' || state.kind === 'turn') && state.via === 'tcp'
}
