import { randomBytes, randomInt } from 'node:crypto'
import { type Address, address, type Family, ipKey } from '../../base/address.ts'
import type { AllocationId, SocketId } from '../../base/ids.ts'
import type { PortSpan } from '../../base/range.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import type { Claim } from '../../core/command.ts'
import type { Opened, Refused } from '../../core/input.ts'
import type { FailedFamily, RelaySocket } from '../../core/relay-socket.ts'
import { descriptors } from '../../system/descriptors.ts'
import type { BoundSocket, UdpTransport } from '../transport.ts'
import { duplicate } from '../udp/native-group.ts'
import { type ParkedPort, parkSocket, releaseSocket } from './parked-port.ts'
import { type PortMarks, PortPool } from './port-pool.ts'
import { type PortFault, PortSearch } from './port-search.ts'
import { isSameRelay, type ResolvedRelayAddress } from './relay-addresses.ts'
import { SharedSockets } from './shared-sockets.ts'

/** Where several shards share the ports: is given the reserved port of a claim that opens, for any of them to adopt. */
export type KeepParked = (allocation: AllocationId, parked: ParkedPort) => void

/**
 * Opens relay sockets on unpredictable ports (RFC 8656 §7.2, RFC 6056).
 *
 * The kernel is the book of ports: a port that binds is ours. What this shard
 * holds is noted all the same, so that a range that is nearly full is searched
 * without asking the kernel for every port of ours again.
 */
export class RelayPorts {
  #udp: UdpTransport
  #pools: readonly PortPool[]
  #keepParked: KeepParked | undefined
  readonly #ports: PortSpan
  /** Where all allocations share a few ports. */
  readonly #shared: SharedSockets | undefined
  readonly #marksOf: (relay: ResolvedRelayAddress) => PortMarks | undefined
  #held = new Map<SocketId, { readonly pool: PortPool; readonly port: number }>()

  /**
   * `marksOf` says who else holds ports of an address, where shards share it.
   * Throws a RangeError when the range is empty or has ports below 1024 in it.
   */
  constructor(
    udp: UdpTransport,
    addresses: readonly ResolvedRelayAddress[],
    ports: PortSpan,
    marksOf: (relay: ResolvedRelayAddress) => PortMarks | undefined = () => undefined,
    keepParked?: KeepParked,
  ) {
    if (!(ports.from >= 1024 && ports.to >= ports.from && ports.to <= 65_535)) {
      throw new RangeError(`relay ports ${ports.from}–${ports.to}: must lie within 1024–65535`)
    }
    this.#udp = udp
    this.#keepParked = keepParked
    this.#ports = ports
    this.#shared = ports.shared && new SharedSockets(udp, ports.shared)
    this.#marksOf = marksOf
    this.#pools = addresses.map(relay => new PortPool(relay, ports, marksOf(relay)))
  }

  /** Opens on these addresses from now on. Returns the sockets on others, which nobody can reach any more. */
  setAddresses(addresses: readonly ResolvedRelayAddress[]): Set<SocketId> {
    const before = this.#pools
    this.#pools = addresses.map(
      relay =>
        before.find(pool => isSameRelay(pool.relay, relay)) ??
        new PortPool(relay, this.#ports, this.#marksOf(relay)),
    )
    const lost = new Set<SocketId>(this.#shared?.without(this.#pools.map(({ relay }) => relay)))
    // Mostly none has gone, and there may be thousands of sockets.
    if (before.every(pool => this.#pools.includes(pool))) return lost
    for (const [socket, { pool }] of this.#held) if (!this.#pools.includes(pool)) lost.add(socket)
    return lost
  }

  /**
   * Binds what the claim asks for, or says why that is not possible. Of two
   * families one may fail, and the answer names it (RFC 8656 §7.2 step 9): 440
   * if there is no address of it, 508 if there is no port. `parked` is the port
   * of the claim's token, which stays open for the one who gives it.
   */
  async open(claim: Claim, parked?: ParkedPort): Promise<Result<Opened, Refused>> {
    const { allocation } = claim
    if (parked) return this.#adopt(allocation, parked)
    if (claim.reserved) return succeeded({ allocation, relays: [claim.reserved.relay] })
    if (!descriptors.takeOne()) {
      return failed({ allocation, code: 508, why: 'too few file descriptors are left', cause: 'descriptors' })
    }
    if (this.#shared && claim.port !== 'any') {
      const why = 'all allocations share the ports of relay.ports, so none can be chosen or reserved'
      return failed({ allocation, code: 508, why, cause: 'shared-port' })
    }
    const relays: RelaySocket[] = []
    let lacking: FailedFamily | undefined
    let fault: PortFault = { why: '' }
    let reserved: RelaySocket | undefined
    let token: Buffer | undefined
    for (const family of [...claim.families].sort()) {
      const found = await this.#openFamily(family, claim.port)
      if (found.ok) {
        relays.push(found.value.relay)
        reserved = found.value.reserved
        if (found.value.parked) {
          token = randomBytes(8)
          this.#keepParked?.(allocation, { token, ...found.value.parked })
        }
      } else {
        fault = found.error
        lacking = { family, code: this.#poolsOf(family).length > 0 ? 508 : 440 }
      }
    }
    if (relays.length === 0) return failed({ allocation, code: 508, ...fault })
    return succeeded({
      allocation,
      relays,
      ...(lacking && { failed: lacking }),
      ...(reserved && { reserved }),
      ...(token && { token }),
    })
  }

  /** Takes note of a relay socket of another process; a port that is not in our range is only not counted. */
  takeOver({ socket, local }: BoundSocket): void {
    const pool = this.#pools.find(({ relay }) => ipKey(relay.local) === ipKey(local.ip))
    const { from, to } = this.#ports
    if (pool && this.#shared?.takeOver(pool.relay, { socket, local })) return
    if (!pool || local.port < from || local.port > to) return
    pool.adopt(local.port)
    this.#held.set(socket, { pool, port: local.port })
  }

  /** The local address of a relayed address that clients were told; undefined where we relay from none such. */
  localOf({ ip, port }: Address): Address | undefined {
    const shown = ipKey(ip)
    const pool = this.#pools.find(({ relay }) => ipKey(relay.public) === shown)
    return pool && address(pool.relay.local, port)
  }

  /** Whether new allocations could relay from this local address by this public one (its `ipKey`). */
  isRelayed(local: Uint8Array, shown: number | string): boolean {
    return this.#pools.some(
      ({ relay }) => ipKey(relay.local) === ipKey(local) && ipKey(relay.public) === shown,
    )
  }

  /**
   * Adopts a relay socket that the shard before this one had, by its descriptor and under its id. False where it
   * cannot be adopted: it stays with its owner, or it is at no relay address any more and is closed.
   */
  async resume({ socket, address: at }: RelaySocket, fd: number): Promise<boolean> {
    const bound = await this.#udp.bind({ address: at, purpose: 'relay', fd, socket })
    if (!bound.ok) return false
    const { ip, port } = bound.value.local
    const pool = this.#pools.find(
      ({ relay }) => ipKey(relay.local) === ipKey(ip) && address(relay.public, port).key === at.key,
    )
    if (!pool) {
      this.#udp.close(socket)
      return false
    }
    pool.adopt(port)
    this.#hold(pool, bound.value)
    return true
  }

  /** The addresses that its sockets are bound to, by key. */
  get bound(): Set<Address['key']> {
    return new Set(Array.from(this.#held.values(), ({ pool, port }) => address(pool.relay.local, port).key))
  }

  /** Takes note that a socket of `open` is closed. Others are not known here and do no harm. */
  closed(socket: SocketId): void {
    this.#shared?.forget(socket)
    const held = this.#held.get(socket)
    if (!held) return
    this.#held.delete(socket)
    held.pool.free(held.port)
  }

  /** Sockets that all allocations share. They are bound whether or not anybody has one. */
  get shared(): readonly SocketId[] {
    return [...(this.#shared?.sockets ?? [])]
  }

  /** Closes those of these sockets that all allocations share, once nobody has them any more. */
  closeShared(sockets: Iterable<SocketId>): void {
    this.#shared?.close(sockets)
  }

  /** Ports held, over all relay addresses. */
  get inUse(): number {
    return this.#held.size + (this.#shared?.size ?? 0)
  }

  /** Ports that could be held at most, over all relay addresses. */
  get capacity(): number {
    return this.#pools.reduce((sum, pool) => sum + pool.size, 0)
  }

  #poolsOf(family: Family): PortPool[] {
    return this.#pools.filter(pool => pool.family === family)
  }

  /** Tries the addresses of a family one after the other, from a random one on. */
  async #openFamily(family: Family, shape: Claim['port']): Promise<Result<Found, PortFault>> {
    const pools = this.#poolsOf(family)
    const first = pools.length > 0 ? randomInt(pools.length) : 0
    let fault: PortFault = { why: `no IPv${family} relay address`, cause: 'relay-address' }
    for (let tried = 0; tried < pools.length; tried++) {
      const pool = pools[(first + tried) % pools.length]!
      if (this.#shared) {
        const relay = await this.#shared.open(pool.relay)
        if (relay.ok) return succeeded({ relay: relay.value })
        fault = relay.error
        continue
      }
      const found = await new PortSearch(this.#udp, pool, shape, this.#keepParked && parkSocket).run()
      if (found.ok) {
        const { bound, sibling, parked } = found.value
        const relay = this.#hold(pool, bound)
        if (parked) return succeeded({ relay, parked })
        return succeeded(sibling ? { relay, reserved: this.#hold(pool, sibling) } : { relay })
      }
      fault = found.error
    }
    return failed(fault)
  }

  async #adopt(allocation: AllocationId, { fd, local }: ParkedPort): Promise<Result<Opened, Refused>> {
    const pool = this.#pools.find(({ relay }) => ipKey(relay.local) === ipKey(local.ip))
    if (!pool) return failed({ allocation, code: 508, why: 'the reserved port is at no relay address' })
    const own = duplicate(fd)
    const bound = await this.#udp.bind({ address: local, purpose: 'relay', fd: own })
    if (!bound.ok) {
      releaseSocket(own)
      return failed({
        allocation,
        code: 508,
        why: `the reserved port cannot be taken: ${bound.error.message}`,
      })
    }
    pool.adopt(local.port)
    return succeeded({ allocation, relays: [this.#hold(pool, bound.value)] })
  }

  #hold(pool: PortPool, bound: BoundSocket): RelaySocket {
    const { port } = bound.local
    this.#held.set(bound.socket, { pool, port })
    return { family: pool.family, socket: bound.socket, address: address(pool.relay.public, port) }
  }
}

interface Found {
  readonly relay: RelaySocket
  readonly reserved?: RelaySocket
  readonly parked?: Omit<ParkedPort, 'token'>
}
