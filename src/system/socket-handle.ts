import type { Server, Socket } from 'node:net'

/**
 * What Node.js keeps to itself of a socket: no documented call tells its descriptor, or what has yet to leave, and a
 * socket that is paused is read until its buffer is full.
 */
interface Handle {
  readonly fd: number
  /** Whether libuv reads; Node.js looks at it before it has libuv go on. */
  reading?: boolean
  readonly readStop?: () => number
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

/** Has nothing more read of a paused connection until it is resumed; false where Node.js does not offer it. */
export function stopReading(socket: Socket): boolean {
  const handle = handleOf(socket)
  if (!handle?.readStop || handle.reading === undefined) return false
  handle.reading = false
  return handle.readStop() === 0
}

function handleOf(socket: Socket | Server): Handle | null | undefined {
  return (socket as unknown as { readonly _handle?: Handle | null })._handle
}
