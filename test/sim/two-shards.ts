import { type Address, address, parseIp } from '../../src/base/address.ts'
import type { Witness } from '../../src/core/decisions.ts'
import type { Siblings } from '../../src/core/environment.ts'
import { scansMemory, sharedScans } from '../../src/core/peers/scans.ts'
import { Sim, type SimOptions } from './sim.ts'
import { isRelayIp, RELAY_IP } from './sim-world.ts'

/** What relay sockets are bound to, behind 1:1 NAT: not what peers see, and denied to them. */
const LOCAL = parseIp('10.9.0.1')!
const RELAYED = parseIp(RELAY_IP[4])!

/**
 * Two shards of one server, each with clients of its own, whose relay sockets
 * reach each other by the addresses they are bound to. Without latency, so
 * that what one sends the other has at once.
 */
export class TwoShards {
  readonly shards: readonly [Sim, Sim]
  /** Datagrams that went from one shard to the other, by the addresses on the wire. */
  readonly crossed: { readonly from: Address; readonly to: Address }[] = []

  constructor(options: SimOptions = {}, witnesses: readonly Witness[] = []) {
    const sims: Sim[] = []
    const chargePeers = sharedScans(scansMemory(octets => octets.fill(0x5a)))
    const siblings = (own: number): Siblings => {
      const holds = (relayed: Address) =>
        isRelayIp(relayed) && sims[1 - own]?.world.socketAt(relayed) !== undefined
      return {
        wire: peer => (peer.family === 4 && holds(peer) ? address(LOCAL, peer.port) : undefined),
        mayReserve: () => true,
        mayHold: () => true,
        chargePeers,
        relayed: from => {
          const relayed = address(RELAYED, from.port)
          return from.key === address(LOCAL, from.port).key && holds(relayed) ? relayed : undefined
        },
      }
    }
    for (const own of [0, 1]) {
      const ports = own === 0 ? ([49_152, 50_000] as const) : ([50_001, 51_000] as const)
      sims.push(
        new Sim({
          ...options,
          ports,
          environment: { siblings: siblings(own) },
          ...(witnesses[own] && { witness: witnesses[own] }),
        }),
      )
    }
    this.shards = [sims[0]!, sims[1]!]
    for (const [own, { from, to }] of [
      [0, { from: 50_001, to: 51_000 }],
      [1, { from: 49_152, to: 50_000 }],
    ] as const) {
      for (let port = from; port <= to; port++) this.#connect(own, port)
    }
  }

  advance(milliseconds: number): void {
    for (const shard of this.shards) shard.advance(milliseconds)
  }

  /** What shard `own` sends to a port of the other arrives there, from the address its socket is bound to. */
  #connect(own: number, port: number): void {
    const to = address(LOCAL, port)
    const other = this.shards[1 - own]!
    this.shards[own]!.net.attach(to, (sender, bytes) => {
      const from = address(LOCAL, sender.port)
      this.crossed.push({ from, to })
      other.net.send(from, address(RELAYED, port), bytes)
      other.settle()
    })
  }
}
