import { randomInt } from 'node:crypto'
import { address, type Family } from '../../base/address.ts'
import type { SocketId } from '../../base/ids.ts'
import type { Claim } from '../../core/command.ts'
import type { FailedFamily, Opened, Refused, RelaySocket } from '../../core/input.ts'
import { descriptors } from '../../system/descriptors.ts'
import type { BoundSocket, UdpTransport } from '../transport.ts'
import { type PortMarks, PortPool, type PortSpan } from './port-pool.ts'
import { PortSearch } from './port-search.ts'
import type { ResolvedRelayAddress } from './relay-addresses.ts'

/** Relay sockets for one claim, or why there are none. */
export type OpenAnswer = (opened: Opened | undefined, refused?: Refused) => void

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
  ) {
    if (!(ports.from >= 1024 && ports.to >= ports.from && ports.to <= 65_535)) {
      throw new RangeError(`relay ports ${ports.from}–${ports.to}: must lie within 1024–65535`)
    }
    this.#udp = udp
    this.#pools = addresses.map(relay => new PortPool(relay, ports, marksOf(relay)))
  }

  /**
   * Binds what the claim asks for and answers once, at once or later. Of two
   * families one may fail, and the answer names it (RFC 8656 §7.2 step 9): 440
   * if there is no address of it, 508 if there is no port.
   */
  open(claim: Claim, answer: OpenAnswer): void {
    if (claim.reserved) {
      answer({ allocation: claim.allocation, relays: [claim.reserved.relay] })
      return
    }
    if (!descriptors.takeOne()) {
      answer(undefined, { allocation: claim.allocation, code: 508, why: 'too few file descriptors are left' })
      return
    }
    const families = [...claim.families].sort()
    const relays: RelaySocket[] = []
    let failed: FailedFamily | undefined
    let why = ''
    let reserved: RelaySocket | undefined
    const next = (): void => {
      const family = families.shift()
      if (family !== undefined) {
        this.#openFamily(family, claim.port, (found, reason) => {
          if (found) {
            relays.push(found.relay)
            reserved = found.reserved
          } else {
            why = reason
            failed = { family, code: this.#poolsOf(family).length > 0 ? 508 : 440 }
          }
          next()
        })
      } else if (relays.length === 0) {
        answer(undefined, { allocation: claim.allocation, code: 508, why })
      } else {
        answer({
          allocation: claim.allocation,
          relays,
          ...(failed && { failed }),
          ...(reserved && { reserved }),
        })
      }
    }
    next()
  }

  /** Takes note that a socket of `open` is closed. Others are not known here and do no harm. */
  closed(socket: SocketId): void {
    const held = this.#held.get(socket)
    if (!held) return
    this.#held.delete(socket)
    held.pool.free(held.port)
  }

  /** Ports held, over all relay addresses. */
  get inUse(): number {
    return this.#held.size
  }

  /** Ports that could be held at most, over all relay addresses. */
  get capacity(): number {
    return this.#pools.reduce((sum, pool) => sum + pool.size, 0)
  }

  #poolsOf(family: Family): PortPool[] {
    return this.#pools.filter(pool => pool.family === family)
  }

  /** Tries the addresses of a family one after the other, from a random one on. */
  #openFamily(
    family: Family,
    shape: Claim['port'],
    done: (found: Found | undefined, why: string) => void,
  ): void {
    const pools = this.#poolsOf(family)
    const first = pools.length > 0 ? randomInt(pools.length) : 0
    let tried = 0
    const next = (why: string): void => {
      if (tried === pools.length) {
        done(undefined, why)
        return
      }
      const pool = pools[(first + tried++) % pools.length]!
      new PortSearch(this.#udp, pool, shape, (bound, sibling, reason) => {
        if (!bound) next(reason)
        else if (!sibling) done({ relay: this.#hold(pool, bound) }, '')
        else done({ relay: this.#hold(pool, bound), reserved: this.#hold(pool, sibling) }, '')
      }).run()
    }
    next(`no IPv${family} relay address`)
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
}
