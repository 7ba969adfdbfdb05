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

/**
 * Whether a connection can go on in another process: what TLS has agreed on cannot, nor one of which it has to be
 * found out first whose it is.
 */
function isPlain({ state, port }: StreamConnection): boolean {
  if (state.kind === 'accepted') return !port.proxy && !port.web
  return (state.kind === 'ready' || state.kind === 'turn') && state.via === 'tcp'
}
