import assert from 'node:assert'
import type { Address } from '../../base/address.ts'
import type { SocketId } from '../../base/ids.ts'
import type { Datagram } from '../../core/input.ts'
import { releaseSocket } from '../../net/ports/parked-port.ts'
import type { ConnectionRest, GivenConnection, GivenListener } from '../../net/stream/given.ts'
import type { StreamTransport } from '../../net/stream/stream-transport.ts'
import type { UdpTransport } from '../../net/transport.ts'
import { duplicate } from '../../net/udp/native-group.ts'
import type { GivenReservation, GivenShard, GivenUdp } from './given-shard.ts'
import type { CopyOfShard } from './shard-copy.ts'

export interface LendingParts {
  readonly udp: UdpTransport
  readonly streams: StreamTransport
  /** UDP sockets that clients talk to. */
  readonly listeners: ReadonlyMap<SocketId, Address>
  /** Ports that wait for their tokens. */
  readonly reserved: () => Iterable<GivenReservation>
}

/** What another process has descriptors of, and what has been given of it since. */
interface Lent {
  readonly sockets: readonly SocketId[]
  readonly listeners: readonly GivenListener[]
  readonly connections: ReturnType<StreamTransport['giveRest']>
  readonly waiting: readonly Datagram[]
}

/**
 * The sockets of a shard that another process has as well, by descriptors of its own, while they are read here. TCP
 * listeners are the exception: a process that listens accepts, so neither does until one of the two goes on.
 */
export class Lending {
  readonly #udp: UdpTransport
  readonly #streams: StreamTransport
  readonly #listeners: LendingParts['listeners']
  readonly #reserved: LendingParts['reserved']
  #lent: Lent | undefined

  constructor({ udp, streams, listeners, reserved }: LendingParts) {
    this.#udp = udp
    this.#streams = streams
    this.#listeners = listeners
    this.#reserved = reserved
  }

  /** Descriptors of everything that can go on elsewhere, but for what went ahead in copies. */
  lend(copy: CopyOfShard | undefined, relays: readonly SocketId[]): Omit<GivenShard, 'snapshot'> {
    const reserved = [...this.#reserved()]
    const closed = copy?.close(this.#udp, relays)
    const udp = [
      ...Array.from(this.#listeners.keys(), id => this.#copyOf(id, 'listener')),
      ...relays.filter(id => !copy?.has(id)).map(id => this.#copyOf(id, 'relay')),
    ].filter(one => one !== undefined)
    const listeners = this.#streams.giveListeners()
    this.#lent = { sockets: udp.map(({ id }) => id), listeners, connections: [], waiting: [] }
    return {
      ...(closed && { closed }),
      udp,
      listeners: listeners.map(listener => ({ ...listener, fd: duplicate(listener.fd) })),
      connections: this.#streams.duplicateConnections(),
      reserved,
      doors: [],
    }
  }

  /** What is half read and half written of the connections that were lent; only while nothing is read. */
  giveRest(waiting: readonly Datagram[]): (ConnectionRest | undefined)[] {
    assert(this.#lent, 'something was lent')
    const connections = this.#streams.giveRest()
    this.#lent = { ...this.#lent, connections, waiting }
    return connections.map(one => one && restOf(one))
  }

  /** Listens again; returns what goes on here beside that. */
  async takeBack(): Promise<{
    readonly connections: readonly GivenConnection[]
    readonly waiting: readonly Datagram[]
  }> {
    const { listeners = [], connections = [], waiting = [] } = this.#forget()
    for (const listener of listeners) await this.#streams.listen(listener)
    return { connections: connections.filter(one => one !== undefined), waiting }
  }

  /** The other process goes on: closes what it has. */
  leave(): void {
    const { sockets = [], listeners = [], connections = [] } = this.#forget()
    for (const socket of sockets) if (this.#udp.boundTo(socket)) releaseSocket(this.#udp.give(socket))
    for (const { fd } of [...listeners, ...connections.filter(one => one !== undefined)]) releaseSocket(fd)
  }

  /** Closes what was given in haste; its descriptors stay open. */
  #forget(): Partial<Lent> {
    const lent = this.#lent
    this.#lent = undefined
    for (const one of lent?.connections ?? []) one?.close()
    return lent ?? {}
  }

  #copyOf(id: SocketId, purpose: GivenUdp['purpose']): GivenUdp | undefined {
    const [local, fd] = [this.#udp.boundTo(id), this.#udp.duplicate(id)]
    return local && fd !== undefined ? { id, purpose, local, fd } : undefined
  }
}

function restOf({ id, unread, unsent, dropped }: GivenConnection): ConnectionRest {
  return { ...(id !== undefined && { id }), unread, unsent, dropped }
}
