import { type Address, address } from '../../base/address.ts'
import type { SocketId } from '../../base/ids.ts'
import { type Result, succeeded } from '../../base/result.ts'
import type { StreamTransport } from '../../net/stream/stream-transport.ts'
import type { BoundSocket, UdpTransport } from '../../net/transport.ts'
import type { ListenerPlan } from './listeners.ts'

/** The sockets of one shard that clients talk to: binds them, or adopts those that are bound. */
export class ShardListeners {
  readonly #udp: UdpTransport
  readonly #streams: StreamTransport
  readonly #boundUdp = new Map<SocketId, Address>()

  constructor(udp: UdpTransport, streams: StreamTransport) {
    this.#udp = udp
    this.#streams = streams
  }

  /** UDP sockets that were bound or adopted. */
  get boundUdp(): ReadonlyMap<SocketId, Address> {
    return this.#boundUdp
  }

  readonly listen: ListenerPlan = ({ transport, address, proxy, web }, done, bound) => {
    const { fd, socket } = bound ?? {}
    const adopted = { ...(fd !== undefined && { fd }), ...(socket !== undefined && { socket }) }
    const local =
      transport === 'udp'
        ? this.#udp.bind({ address, purpose: 'listener', ...adopted }).then(result => this.#listens(result))
        : this.#streams.listen({ address, transport, proxy, web, ...adopted })
    void local.then(result => (result.ok ? done(null, result.value) : done(result.error)))
  }

  /** Adopts a UDP socket, under the id that it had with the shard before this one if there was one. */
  async adopt(at: Address, fd: number, socket?: SocketId): Promise<SocketId> {
    const adopted = { address: at, purpose: 'listener', fd, ...(socket && { socket }) } as const
    const bound = await this.#udp.bind(adopted)
    if (!bound.ok) throw bound.error
    this.#listens(bound)
    return bound.value.socket
  }

  /** Binds a relay address once, as a call would: better to learn now than then that it is not there. */
  tryRelay(local: Uint8Array, done: (error: NodeJS.ErrnoException | null) => void): void {
    void this.#udp.bind({ address: address(local, 0), purpose: 'relay' }).then(result => {
      if (result.ok) this.#udp.close(result.value.socket)
      done(result.ok ? null : result.error)
    })
  }

  #listens<E>(result: Result<BoundSocket, E>): Result<Address, E> {
    if (!result.ok) return result
    const { socket, local } = result.value
    this.#boundUdp.set(socket, local)
    return succeeded(local)
  }
}
