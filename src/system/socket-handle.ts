import { type Server, Socket, type SocketConstructorOpts } from 'node:net'
import { loadAddon } from './native-addon.ts'

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

/**
 * A connection of which there is a descriptor, of which nothing is read before it is resumed. Node.js does so with what
 * a server accepts whose connections are to be paused (`pauseOnConnect`), by an option that has no documentation.
 */
export function adoptUnread(fd: number): Socket {
  const options: SocketConstructorOpts & { readonly pauseOnCreate: true } = {
    fd,
    readable: true,
    writable: true,
    pauseOnCreate: true,
  }
  return new Socket(options)
}

/** Whether this Node.js adopts connections without reading them, tried with a pair of sockets. */
export function canAdoptUnread(): boolean {
  const addon = loadAddon()
  if (!addon.ok) return false
  const pair = new Int32Array(2).fill(-1)
  if (addon.value.socketPair(pair) < 0) return false
  const socket = adoptUnread(pair[0]!)
  const isUnread = handleOf(socket)?.reading === false
  socket.on('error', () => {})
  socket.destroy()
  addon.value.release(pair[1]!)
  return isUnread
}

function handleOf(socket: Socket | Server): Handle | null | undefined {
  return (socket as unknown as { readonly _handle?: Handle | null })._handle
}
