import { type Address, formatAddress } from '../../src/base/address.ts'
import { Counters } from '../../src/base/counters.ts'
import type { RouteId } from '../../src/base/ids.ts'
import { Lifetimes } from '../../src/base/lifetimes.ts'
import type { Carried, Route } from '../../src/base/route.ts'
import { after, type Time } from '../../src/base/time.ts'
import { KernelForwarder } from '../../src/forward/kernel/kernel-forwarder.ts'
import type { ProgramKind } from '../../src/kernel/bpf.ts'
import { Meters } from '../../src/limits/meters.ts'
import { NoForwarder } from '../../src/shard/no-forwarder.ts'
import { type Frame, type FrameOptions, readFrame, writeFrame } from './frames.ts'
import { KernelProgram, type Said } from './kernel-program.ts'
import { addressOf, NOW, type RouteOptions, route } from './route-table-rig.ts'

export const KINDS = ['tc', 'xdp'] as const satisfies readonly ProgramKind[]

export interface Seen {
  readonly said: Said
  /** What left; only where it said `send`. */
  readonly frame?: Frame
}

/** Routes in the kernel by their forwarder, and the programs to run on frames; time stands still unless moved. */
export class KernelRig {
  now: Time = NOW
  readonly program: KernelProgram
  readonly lifetimes = new Lifetimes()
  readonly counters = new Counters()
  readonly meters = new Meters()
  readonly forwarder: KernelForwarder
  /** Figures that were owed, as they were told. */
  readonly settled: [number, Carried][] = []
  readonly #sockets = new Map<number, Address>()
  readonly #routes = new Map<number, Route>()

  constructor() {
    // A millisecond of the rig is a second of the kernel's, so that what ends in a moment does not end meanwhile.
    this.program = KernelProgram.open({ now: () => this.now }, 1000)
    this.forwarder = new KernelForwarder({
      behind: new NoForwarder(),
      counters: this.counters,
      meters: this.meters,
      lifetimes: this.lifetimes,
      now: () => this.now,
      boundTo: socket => this.#sockets.get(socket),
      settled: (_by, id, carried) => this.settled.push([id, carried]),
      later: () => {},
      soon: () => {},
    })
    this.forwarder.connect(this.program.maps)
  }

  /** Says what a socket is bound to. */
  bind(socket: number, at: string): this {
    this.#sockets.set(socket, addressOf(at))
    return this
  }

  add(options: RouteOptions = {}): Route {
    const ends = { expires: after(this.now, 300), relayedExpires: after(this.now, 3600) }
    const made = route({ ...ends, ...options }, this.lifetimes)
    this.#routes.set(made.id, made)
    this.forwarder.add(made)
    return made
  }

  remove(id: number): Carried | undefined {
    return this.forwarder.remove(id as RouteId)
  }

  read(id: number): Carried {
    return this.forwarder.read(id as RouteId)
  }

  /** Takes all routes out. */
  reset(): void {
    for (const id of this.#routes.keys()) this.forwarder.remove(id as RouteId)
    this.#routes.clear()
    this.advance(1000)
    this.forwarder.settle()
  }

  /** Moves the time, by which the kernel's moments move the other way. */
  advance(milliseconds: number): void {
    this.now = (this.now + milliseconds) as Time
    for (const { relayedLifetime, peerLifetime } of this.#routes.values()) {
      for (const id of [relayedLifetime, peerLifetime]) this.lifetimes.set(id, this.lifetimes.until(id))
    }
  }

  /** Lets a datagram come in by the network. Throws if the program passed it up, but not as it was. */
  arrive(kind: ProgramKind, from: string, to: string, payload: Uint8Array, options: FrameOptions = {}): Seen {
    return this.run(kind, writeFrame(addressOf(from), addressOf(to), payload, options))
  }

  run(kind: ProgramKind, bytes: Buffer): Seen {
    const { said, frame } = this.program.run(kind, bytes)
    if (said !== 'send') {
      if (said === 'pass' && !frame.equals(bytes)) throw new Error('what was passed up had been touched')
      return { said }
    }
    const read = readFrame(frame)
    if (!read) throw new Error(`what left is not a datagram: ${frame.toString('hex')}`)
    return { said, frame: read }
  }
}

/** What left, as one line: from, to, payload in hexadecimal. */
export function lineOf({ said, frame }: Seen): string {
  if (!frame) return said
  return `${formatAddress(frame.from)} > ${formatAddress(frame.to)} ${frame.payload.toString('hex')} ${frame.checksums}`
}
