import { randomInt } from 'node:crypto'
import { type Address, address, formatAddress } from '../../base/address.ts'
import type { SocketId } from '../../base/ids.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import type { RelaySocket } from '../../core/relay-socket.ts'
import type { BoundSocket, UdpTransport } from '../transport.ts'
import type { PortFault } from './port-search.ts'
import type { ResolvedRelayAddress } from './relay-addresses.ts'

/**
 * Relay sockets that all allocations share: one for each relay address and
 * port, bound when it is first wanted, and kept until its address is lost.
 */
export class SharedSockets {
  readonly ports: readonly number[]
  readonly #udp: UdpTransport
  /** By the address that they are bound to. */
  readonly #sockets = new Map<Address['key'], Promise<Result<BoundSocket, NodeJS.ErrnoException>>>()
  readonly #bound = new Map<SocketId, { readonly relay: ResolvedRelayAddress; readonly local: Address }>()

  constructor(udp: UdpTransport, ports: readonly number[]) {
    this.#udp = udp
    this.ports = ports
  }

  /** Those that are bound. */
  get sockets(): Iterable<SocketId> {
    return this.#bound.keys()
  }

  get size(): number {
    return this.#bound.size
  }

  /** Gives a socket at a relay address, at any of the ports. */
  async open(relay: ResolvedRelayAddress): Promise<Result<RelaySocket, PortFault>> {
    const first = randomInt(this.ports.length)
    let why = ''
    for (let tried = 0; tried < this.ports.length; tried++) {
      const port = this.ports[(first + tried) % this.ports.length]!
      const local = address(relay.local, port)
      const bound = await this.#bind(relay, local)
      if (bound.ok) {
        const { socket } = bound.value
        return succeeded({ family: relay.family, socket, address: address(relay.public, port) })
      }
      why = `${formatAddress(local)}: ${bound.error.message}`
    }
    return failed({ why, cause: 'ports' })
  }

  /** Takes over a socket that another process has bound; false where its port is not a shared one. */
  takeOver(relay: ResolvedRelayAddress, bound: BoundSocket): boolean {
    const { local, socket } = bound
    if (!this.ports.includes(local.port)) return false
    this.#sockets.set(local.key, Promise.resolve(succeeded(bound)))
    this.#bound.set(socket, { relay, local })
    return true
  }

  /** Those at relay addresses that are not among these any more. */
  without(relays: readonly ResolvedRelayAddress[]): SocketId[] {
    return [...this.#bound].filter(([, { relay }]) => !relays.includes(relay)).map(([socket]) => socket)
  }

  /** Closes those of these sockets that are shared ones. */
  close(sockets: Iterable<SocketId>): void {
    for (const socket of sockets) {
      if (!this.#bound.has(socket)) continue
      this.forget(socket)
      this.#udp.close(socket)
    }
  }

  /** Takes note that a socket is closed. */
  forget(socket: SocketId): void {
    const bound = this.#bound.get(socket)
    if (!bound) return
    this.#bound.delete(socket)
    this.#sockets.delete(bound.local.key)
  }

  /** Binds a socket, or gives the one that is bound there, or that somebody else is binding just now. */
  async #bind(
    relay: ResolvedRelayAddress,
    local: Address,
  ): Promise<Result<BoundSocket, NodeJS.ErrnoException>> {
    const known = this.#sockets.get(local.key)
    if (known) return known
    const binding = this.#udp.bind({ address: local, purpose: 'relay' })
    this.#sockets.set(local.key, binding)
    const result = await binding
    if (result.ok) this.#bound.set(result.value.socket, { relay, local })
    else this.#sockets.delete(local.key)
    return result
  }
}
