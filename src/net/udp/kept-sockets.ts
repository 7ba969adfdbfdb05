import type { SocketId } from '../../base/ids.ts'
import { loadAddon } from '../../system/native-addon.ts'

/** Ids that a shard can have sockets with; those beyond do not outlive it. Memory that is not used costs nothing. */
const MOST = 1 << 20
export const KEPT_OCTETS = MOST * Uint32Array.BYTES_PER_ELEMENT

/**
 * The descriptors of all sockets of a native transport, in memory that outlives
 * its thread. If that breaks, the addon leaves its sockets open: what arrives
 * waits in them until another thread adopts them, under the same ids. The main
 * thread may look at any time.
 */
export class KeptSockets {
  readonly #words: Uint32Array

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Uint32Array(memory)
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(KEPT_OCTETS)
  }

  /** The descriptor of a socket; undefined once it is closed. */
  descriptor(socket: SocketId): number | undefined {
    const word = this.#words[socket] ?? 0
    return word === 0 ? undefined : word - 1
  }

  /** Closes what nobody adopts. Only when the thread whose sockets these are has gone, or is this one. */
  closeAllBut(adopted: (socket: SocketId) => boolean): void {
    const addon = loadAddon()
    if (!addon.ok) return
    for (const [socket, word] of this.#words.entries()) {
      if (word === 0 || adopted(socket as SocketId)) continue
      this.#words[socket] = 0
      addon.value.release(word - 1)
    }
  }
}
