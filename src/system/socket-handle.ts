import type { Server, Socket } from 'node:net'

/** What Node.js keeps to itself of a socket: no documented call tells its descriptor, or what has yet to leave. */
interface Handle {
  readonly fd: number
  /** Octets that libuv holds, as the kernel has not taken them yet. */
  readonly writeQueueSize?: number
  /** Octets that libuv has been handed so far, those it holds included. */
  readonly bytesWritten?: number
}

/** The descriptor of a connection or a listener that is open; undefined where Node.js does not tell. */
export function descriptorOf(socket: Socket | Server): number | undefined {
  const fd = handleOf(socket)?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}

/** Octets written to a connection that the kernel has not taken; undefined where Node.js does not tell. */
export function unsentOctets(socket: Socket): number | undefined {
  const { writeQueueSize, bytesWritten } = handleOf(socket) ?? {}
  if (writeQueueSize === undefined || bytesWritten === undefined) return undefined
  return writeQueueSize + socket.bytesWritten - bytesWritten
}

function handleOf(socket: Socket | Server): Handle | null | undefined {
  return (socket as unknown as { readonly _handle?: Handle | null })._handle
}
