import type { Address } from '../../base/address.ts'
import type { SocketId } from '../../base/ids.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import type { RelayPorts } from '../../net/ports/relay-ports.ts'
import type { UdpTransport } from '../../net/transport.ts'
import { NOT_OPEN } from '../../system/descriptors.ts'
import type { GivenShard } from './given-shard.ts'
import type { ShardCopy } from './shard-copy.ts'

/** A worker that broke was replaced, and the one in its place knows nothing of copies. */
const BEGUN_ANEW = 'it has begun anew in the middle of a hand-over'

/** The relay sockets that a shard takes over: those that are sent ahead, and those that are given. */
export class TakenSockets {
  readonly #udp: UdpTransport
  readonly #ports: RelayPorts
  /** What they are bound to. */
  readonly #locals = new Map<SocketId, Address>()
  #hasCopy = false

  constructor(udp: UdpTransport, ports: RelayPorts) {
    this.#udp = udp
    this.#ports = ports
  }

  /** The local address of one that was taken over. */
  local(socket: SocketId): Address | undefined {
    return this.#locals.get(socket)
  }

  /** Takes over what was sent ahead. Says why where that cannot be. */
  async receive({ isWhole, closed, sockets }: Omit<ShardCopy, 'state'>): Promise<Result<undefined, string>> {
    if (isWhole === this.#hasCopy) return failed(BEGUN_ANEW)
    this.#hasCopy = true
    for (const socket of closed) this.#close(socket)
    for (const { id, local, fd } of sockets) {
      const error = await this.#bind(id, local, fd)
      if (error) return failed(cannotTake(error))
    }
    return succeeded(undefined)
  }

  /** Takes over what was given. Says why where that cannot be. */
  async take({ closed, udp }: Pick<GivenShard, 'closed' | 'udp'>): Promise<Result<undefined, string>> {
    if (this.#hasCopy !== (closed !== undefined)) return failed(BEGUN_ANEW)
    for (const socket of closed ?? []) this.#close(socket)
    for (const { id, purpose, local, fd } of udp) {
      if (purpose !== 'relay' || this.#locals.has(id)) continue
      const address = fd === NOT_OPEN ? this.#ports.localOf(local) : local
      // Another program may have the port by now: the call is lost, but not the others.
      const error = address && (await this.#bind(id, address, fd))
      if (error && fd !== NOT_OPEN) return failed(cannotTake(error))
    }
    return succeeded(undefined)
  }

  async #bind(socket: SocketId, address: Address, fd: number): Promise<NodeJS.ErrnoException | undefined> {
    const bound = await this.#udp.bind({ address, purpose: 'relay', fd, socket })
    if (!bound.ok) return bound.error
    this.#ports.takeOver(bound.value)
    this.#locals.set(socket, bound.value.local)
    return undefined
  }

  #close(socket: SocketId): void {
    this.#locals.delete(socket)
    this.#ports.closed(socket)
    this.#udp.close(socket)
  }
}

function cannotTake({ message }: Error): string {
  return `a relay socket cannot be taken over: ${message}`
}
