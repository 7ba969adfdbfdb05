import type { Address } from '../../src/base/address.ts'
import type { LifetimeId } from '../../src/base/ids.ts'
import type { Time } from '../../src/base/time.ts'
import { KernelForwarder } from '../../src/forward/kernel/kernel-forwarder.ts'
import type { ProgramKind } from '../../src/kernel/bpf.ts'
import type { ForwarderParts, Sim } from '../sim/sim.ts'
import { readFrame, writeFrame } from './frames.ts'
import { KernelProgram } from './kernel-program.ts'

/**
 * Lets the programs in the kernel relay in simulated worlds, one after the other: each datagram that arrives is made a
 * frame, and what a program sends goes on through the world's network.
 */
export class KernelSim {
  readonly #program: KernelProgram
  #world: { readonly sim: Sim; readonly forwarder: KernelForwarder } | undefined
  /** Frames that the programs sent, in all worlds. */
  sent = 0

  constructor() {
    this.#program = KernelProgram.open({ now: () => this.#world?.sim.now ?? (0 as Time) }, 1000)
  }

  /** Makes the forwarder of a new world, whose datagrams go through this program. */
  enter(kind: ProgramKind, { sim, table, meters }: ForwarderParts): KernelForwarder {
    this.#world?.forwarder.disconnect()
    const forwarder = new KernelForwarder({
      behind: table,
      counters: sim.counters,
      meters,
      lifetimes: sim.lifetimes,
      now: () => sim.now,
      boundTo: socket => sim.world.boundTo(socket),
      settled: (by, route, carried) => sim.shard.settled(by, route, carried),
      later: milliseconds => sim.timeline.at((sim.now + milliseconds) as Time, () => forwarder.settle()),
      soon: () => sim.timeline.at(sim.now, () => forwarder.proceed()),
    })
    this.#world = { sim, forwarder }
    forwarder.connect(this.#program.maps)
    sim.net.intercept = (from, to, bytes) => this.#relay(kind, sim, from, to, bytes)
    const poll = () => {
      forwarder.poll()
      sim.timeline.at((sim.now + 500) as Time, poll)
    }
    poll()
    return forwarder
  }

  #relay(kind: ProgramKind, sim: Sim, from: Address, to: Address, bytes: Buffer): boolean {
    if (from.family !== to.family || bytes.length > 1400) return false
    // The kernel's clock went on while the world's stood still.
    const { lifetimes } = sim
    for (let id = 0; id < lifetimes.ends.length; id++) {
      lifetimes.set(id as LifetimeId, lifetimes.until(id as LifetimeId))
    }
    const { said, frame } = this.#program.run(kind, writeFrame(from, to, bytes))
    if (said !== 'send') return said === 'drop'
    const read = readFrame(frame)
    if (read?.checksums !== 'right') throw new Error(`not a right datagram: ${frame.toString('hex')}`)
    this.sent++
    sim.net.send(read.from, read.to, read.payload)
    return true
  }
}
