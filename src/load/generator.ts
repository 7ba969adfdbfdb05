import { Counters } from '../base/counters.ts'
import type { SocketId } from '../base/ids.ts'
import { failed } from '../base/result.ts'
import { SocketIds } from '../net/socket-ids.ts'
import type { NetInbox, UdpTransport } from '../net/transport.ts'
import { DgramTransport } from '../net/udp/dgram.ts'
import { openNative } from '../net/udp/native.ts'
import { monotonicClock } from '../system/clock.ts'
import type { Dialogue, DialogueLink } from './dialogue.ts'
import { LoadError } from './fault.ts'
import { Flows, TO_CLIENT } from './flow.ts'
import { ownDrops } from './measure/own-drops.ts'
import { Opener } from './opening.ts'
import { Metronome } from './pace/metronome.ts'
import type { Load, Setup, TrafficTally } from './protocol.ts'
import { Receiver, stampNow } from './receiver.ts'
import { Sender } from './sender.ts'
import { StreamLink } from './stream-link.ts'

/** Requests under way at a time while allocations are opened or closed. */
const AT_ONCE = 32
/** Milliseconds between two looks at what must be sent again or renewed. */
const TICK = 20
/** Each allocation is checked for renewal every N ticks, so that renewals do not all come at once. */
const TICKS_OF_A_ROUND = 50
/** Milliseconds without an arrival after which what is under way counts as lost: in a flood, and at the end. */
const GIVE_UP = 20
const SETTLED = 150
/** The longest wait for what is under way at the end, in milliseconds. */
const PATIENCE = 2000

/**
 * Plays clients and peers, all in this process, so that one clock stamps what
 * leaves and what arrives. Packets are sent beat by beat; between two turns of
 * sending the event loop hands over what has arrived.
 */
export class Generator {
  readonly udpKind: 'native' | 'dgram'
  /** Why it is not the native transport. */
  readonly fellBack: string | undefined
  readonly #udp: UdpTransport
  readonly #flows = new Flows()
  readonly #receiver: Receiver
  readonly #sender: Sender
  readonly #opener: Opener
  readonly #metronome = new Metronome()
  readonly #timer: NodeJS.Timeout
  /** Dialogues of clients that are being opened or closed, and by socket those being opened. */
  readonly #young = new Set<Dialogue>()
  readonly #youngBySocket = new Map<SocketId, Dialogue>()
  #ticks = 0
  #run = 0
  #pump: (() => void) | undefined

  constructor(setup: Setup) {
    const inbox: NetInbox = {
      received: batch => {
        if (this.#youngBySocket.size > 0) this.#answer(batch)
        this.#receiver.datagrams(batch)
        this.#pump?.()
      },
      hungUp() {},
      unreachable() {},
    }
    const ids = new SocketIds()
    const counters = new Counters()
    const native =
      setup.udp === 'dgram'
        ? failed('dgram was asked for')
        : openNative(ids, inbox, counters, { gso: setup.offload, gro: setup.offload })
    this.udpKind = native.ok ? 'native' : 'dgram'
    this.fellBack = !native.ok && setup.udp === 'auto' ? native.error : undefined
    this.#udp = native.ok ? native.value : new DgramTransport(ids, inbox, counters)
    this.#receiver = new Receiver(this.#flows, (flow, bytes) => {
      this.#flows.all[flow]!.dialogue.take(Buffer.from(bytes), monotonicClock.now())
    })
    this.#sender = new Sender(this.#flows, this.#udp, setup.method)
    this.#opener = new Opener(setup, this.#udp, (dialogue, client, link) =>
      this.#begin(dialogue, client, link),
    )
    this.#timer = setInterval(() => this.#tick(), TICK)
  }

  get open(): number {
    return this.#flows.length
  }

  /** Octets of receive buffer that a socket gets. */
  async receiveBuffer(ip: string): Promise<number> {
    const { socket, receiveBuffer } = await this.#opener.bind(ip)
    this.#udp.close(socket)
    return receiveBuffer ?? 0
  }

  /** Opens allocations until there are `total`; throws a `LoadError` that says how many there are then. */
  async grow(total: number, progress: (open: number) => void): Promise<void> {
    let next = this.#flows.length
    let fault: LoadError | undefined
    const open = async () => {
      while (next < total && !fault) {
        try {
          const { flow, server, relayed } = await this.#opener.open(next++)
          this.#young.delete(flow.dialogue)
          if (flow.client !== undefined) this.#youngBySocket.delete(flow.client)
          const stream = this.#flows.length * 2 + TO_CLIENT
          this.#flows.add(flow, server, relayed)
          if (flow.link instanceof StreamLink) {
            flow.link.onFrame = bytes => this.#frame(stream, bytes)
          }
          progress(this.#flows.length)
        } catch (error) {
          fault ??= error as LoadError
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, open))
    if (!fault) return
    throw fault instanceof LoadError && 'opened' in fault.fault
      ? new LoadError({ ...fault.fault, opened: this.#flows.length })
      : fault
  }

  /** Ends allocations until `keep` are left. */
  async shrink(keep: number): Promise<void> {
    const close = async () => {
      while (this.#flows.length > keep) {
        const flow = this.#flows.all.at(-1)!
        const { dialogue, client } = flow
        this.#young.add(dialogue)
        if (client !== undefined) this.#youngBySocket.set(client, dialogue)
        if (flow.link instanceof StreamLink) flow.link.onFrame = bytes => this.#take(dialogue, bytes)
        this.#flows.remove()
        await this.#opener.close(flow)
        this.#young.delete(dialogue)
        if (client !== undefined) this.#youngBySocket.delete(client)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, close))
  }

  /** Sends a load and counts what comes of it. With `settle`, waits for what is under way at the end. */
  async run(load: Load, settle: boolean): Promise<TrafficTally> {
    const ports = new Set(this.#flows.all.slice(0, load.allocations).flatMap(flow => flow.ports))
    const dropsBefore = settle ? ownDrops(ports) : 0
    this.#run = (this.#run + 1) & 0xffff
    const receiver = this.#receiver
    const sender = this.#sender
    receiver.begin(this.#run, load.allocations * 2)
    const cpu = process.cpuUsage()
    const begin = performance.now()
    sender.begin(this.#run, load, begin)
    await this.#send(load, begin)
    const seconds = (performance.now() - begin) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const skipped = sender.skipped(begin + load.seconds * 1000)
    if (settle) await this.#settle()
    return {
      seconds,
      sent: sender.sent,
      received: receiver.received,
      octets: receiver.octets,
      reordered: receiver.reordered,
      duplicates: receiver.duplicates,
      corrupt: receiver.corrupt,
      misdelivered: receiver.misdelivered,
      skipped,
      held: sender.held,
      ownDrops: settle ? ownDrops(ports) - dropsBefore : 0,
      cpuMicros: user + system,
      latency: receiver.latency.counts,
      latencyMax: receiver.latency.max,
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#metronome.stop()
    for (const { link } of this.#flows.all) link.close()
    this.#udp.stop()
  }

  #send(load: Load, begin: number): Promise<void> {
    const { promise, resolve } = withResolvers()
    const end = begin + load.seconds * 1000
    const isFlood = load.sources.some(source => source.perSecond === 0)
    let lost = 0
    let seen = -1
    let seenAt = begin
    let isPlanned = false
    const underway = () => this.#sender.sent - lost - this.#receiver.received
    const pump = (): void => {
      isPlanned = false
      const now = performance.now()
      if (now >= end) {
        this.#metronome.pause()
        this.#pump = undefined
        resolve()
        return
      }
      if (isFlood) {
        if (this.#receiver.received !== seen) {
          seen = this.#receiver.received
          seenAt = now
        } else if (now - seenAt > GIVE_UP) {
          // What has not come for so long must not keep the window shut for good.
          lost = this.#sender.sent - this.#receiver.received
        }
      }
      if (this.#sender.tick(now, underway) && !isPlanned) {
        isPlanned = true
        setImmediate(again)
      }
    }
    const again = (): void => {
      if (isPlanned) pump()
    }
    if (isFlood) this.#pump = pump
    this.#metronome.start(pump)
    pump()
    return promise
  }

  /** Waits until nothing more arrives. */
  async #settle(): Promise<void> {
    const begin = performance.now()
    for (let seen = -1; seen !== this.#receiver.received && performance.now() - begin < PATIENCE; ) {
      seen = this.#receiver.received
      await new Promise(resolve => setTimeout(resolve, SETTLED))
    }
  }

  #begin(dialogue: Dialogue, client: SocketId | undefined, link: DialogueLink): void {
    this.#young.add(dialogue)
    if (client !== undefined) this.#youngBySocket.set(client, dialogue)
    if (link instanceof StreamLink) link.onFrame = bytes => this.#take(dialogue, bytes)
  }

  #frame(stream: number, bytes: Buffer): void {
    this.#receiver.frame(stream, bytes, 0, bytes.length, stampNow())
    this.#pump?.()
  }

  /** Hands answers to the dialogues that are not yet, or no longer, in the flows. */
  #answer(batch: {
    count: number
    socket: Uint32Array
    start: Uint32Array
    length: Uint32Array
    bytes: Buffer
  }): void {
    for (let i = 0; i < batch.count; i++) {
      const dialogue = this.#youngBySocket.get(batch.socket[i]! as SocketId)
      if (!dialogue) continue
      const start = batch.start[i]!
      this.#take(dialogue, batch.bytes.subarray(start, start + batch.length[i]!))
    }
  }

  #take(dialogue: Dialogue, bytes: Buffer): void {
    // Payload that is still under way when an allocation ends is not an answer.
    if (bytes.length > 0 && bytes[0]! < 4) dialogue.take(Buffer.from(bytes), monotonicClock.now())
  }

  #tick(): void {
    const now = monotonicClock.now()
    for (const dialogue of this.#young) dialogue.tick(now)
    const { all } = this.#flows
    for (let i = this.#ticks++ % TICKS_OF_A_ROUND; i < all.length; i += TICKS_OF_A_ROUND)
      all[i]!.dialogue.tick(now)
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>(done => {
    resolve = done
  })
  return { promise, resolve }
}
