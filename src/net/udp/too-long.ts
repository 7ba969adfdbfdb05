import { type Address, ipKey } from '../../base/address.ts'
import type { SocketId } from '../../base/ids.ts'
import type { Unreachable } from '../../core/input.ts'

/**
 * Remembers which datagrams the kernel refused for their length, until its
 * error queue tells the MTU: for IPv4 that tells the peer's address and no port.
 */
export class TooLong {
  #refused: { readonly socket: SocketId; readonly to: Address }[] = []

  add(socket: SocketId, to: Address): void {
    if (this.#refused.length === MOST) this.#refused.shift()
    this.#refused.push({ socket, to })
  }

  /** Completes an error whose peer has no port; `undefined` when nothing is known of such a datagram. */
  complete(error: Unreachable): Unreachable | undefined {
    const ip = ipKey(error.peer.ip)
    const at = this.#refused.findIndex(({ socket, to }) => socket === error.socket && ipKey(to.ip) === ip)
    if (at < 0) return undefined
    const [refused] = this.#refused.splice(at, 1)
    return { ...error, peer: refused!.to }
  }
}

/** No more can wait than one turn of the event loop sends. */
const MOST = 64
