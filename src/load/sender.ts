import { type Batch, createBatch, HEADROOM, SEND } from '../base/batch.ts'
import type { SocketId } from '../base/ids.ts'
import type { UdpTransport } from '../net/transport.ts'
import { padded } from '../wire/header.ts'
import { type Flows, TO_PEER, type TrafficFlow, WORDS } from './flow.ts'
import { Pacer } from './pace/pacer.ts'
import { writeFiller, writePayload } from './payload.ts'
import type { TrafficSource } from './profile.ts'
import type { Load } from './protocol.ts'
import { stampNow } from './receiver.ts'

/** Packets between two looks at the clock, so that the stamp of the last is still true. */
const CHUNK = 16
/** Packets after which arrivals get their turn. */
const TURN = 64
/** Octets that may wait on a connection; what comes on top of that would only measure the wait. */
const BACKLOG = 256 << 10

interface Stage {
  readonly source: TrafficSource
  readonly batch: Batch
  /** Absent for a source without a pace. */
  readonly pacer: Pacer | undefined
  /** Bursts that are due and have not left. */
  owed: number
  /** The stream whose turn it is. */
  turn: number
}

/** Sends what a load asks for. */
export class Sender {
  sent = 0
  held = 0
  readonly #flows: Flows
  readonly #udp: UdpTransport
  readonly #method: 'channels' | 'indications'
  /** By octets of payload, and kept: the native transport knows few batches. */
  readonly #batches = new Map<number, Batch>()
  #stages: Stage[] = []
  #streams: Uint32Array = new Uint32Array()
  #sequences: Uint32Array = new Uint32Array()
  #window = 0
  #run = 0

  constructor(flows: Flows, udp: UdpTransport, method: 'channels' | 'indications') {
    this.#flows = flows
    this.#udp = udp
    this.#method = method
  }

  /** Packets that should have left by `end`, but this process was too late for them. */
  skipped(end: number): number {
    return this.#stages.reduce(
      (sum, { pacer, owed, source }) => sum + (pacer ? (pacer.missed(end) + owed) * source.burst : 0),
      0,
    )
  }

  /** Starts a run at `now`, in milliseconds. */
  begin(run: number, load: Load, now: number): void {
    const each = load.direction === 'both' ? 2 : 1
    const first = load.direction === 'to-client' ? 1 : 0
    this.#streams = Uint32Array.from({ length: load.allocations * each }, (_, i) =>
      each === 2 ? i : i * 2 + first,
    )
    this.#sequences = new Uint32Array(load.allocations * 2)
    this.#run = run
    this.#window = load.window
    this.sent = this.held = 0
    this.#stages = load.sources.map(source => ({
      source,
      batch: this.#batchOf(source),
      pacer: source.perSecond > 0 ? new Pacer(source.perSecond * this.#streams.length, now) : undefined,
      owed: 0,
      turn: 0,
    }))
  }

  /**
   * Sends what is due, or what the window lets through; `underway` says how many
   * packets are on their way. True if there is more to send at once.
   */
  tick(now: number, underway: () => number): boolean {
    let more = false
    if (this.#streams.length === 0) return false
    for (const stage of this.#stages) {
      const { burst } = stage.source
      if (stage.pacer) stage.owed += stage.pacer.due(now)
      else stage.owed = Math.max(0, Math.floor((this.#window - underway()) / burst))
      for (let left = TURN; left > 0 && stage.owed > 0; left -= CHUNK) {
        const bursts = Math.min(stage.owed, Math.max(1, Math.floor(CHUNK / burst)))
        stage.owed -= bursts
        this.#send(stage, bursts)
      }
      more ||= stage.owed > 0
    }
    return more
  }

  #send(stage: Stage, bursts: number): void {
    const { batch, source } = stage
    const stamp = stampNow()
    batch.count = 0
    for (let i = 0; i < bursts; i++) {
      const stream = this.#streams[stage.turn]!
      stage.turn = stage.turn + 1 === this.#streams.length ? 0 : stage.turn + 1
      const flow = this.#flows.all[stream >> 1]!
      if ((stream & 1) === TO_PEER && flow.client === undefined) this.#write(flow, stream, source, stamp)
      else for (let k = 0; k < source.burst; k++) this.#fill(batch, flow, stream, source.octets, stamp)
    }
    if (batch.count > 0) this.#udp.send(batch)
  }

  /** Puts the next packet of a stream into the batch. */
  #fill(batch: Batch, flow: TrafficFlow, stream: number, octets: number, stamp: number): void {
    const slot = batch.count++
    const payload = slot * batch.stride + HEADROOM
    this.#payload(batch.bytes, payload, octets, stream, stamp)
    const toPeer = (stream & 1) === TO_PEER
    const header = toPeer ? this.#header(flow, batch.bytes, payload, octets) : 0
    batch.start[slot] = payload - header
    batch.length[slot] = header + (toPeer ? this.#carried(octets) : octets)
    batch.verdict[slot] = SEND
    batch.socket[slot] = (toPeer ? flow.client : flow.peer) as SocketId
    const { words } = this.#flows
    for (let i = 0; i < WORDS; i++) batch.remoteWords[slot * WORDS + i] = words[stream * WORDS + i]!
  }

  /** Sends a burst over a connection, in one piece. */
  #write(flow: TrafficFlow, stream: number, { octets, burst }: TrafficSource, stamp: number): void {
    if (flow.link.backlog > BACKLOG) {
      this.held += burst
      return
    }
    const header = flow.prefix.length
    const frame = header + padded(octets)
    const bytes = Buffer.alloc(frame * burst)
    for (let k = 0; k < burst; k++) {
      const payload = k * frame + header
      writeFiller(bytes, payload, octets)
      this.#payload(bytes, payload, octets, stream, stamp)
      this.#header(flow, bytes, payload, octets)
    }
    flow.link.send(bytes)
  }

  #payload(bytes: Buffer, start: number, octets: number, stream: number, stamp: number): void {
    const sequence = this.#sequences[stream]!
    this.#sequences[stream] = sequence + 1
    writePayload(bytes, start, octets, { run: this.#run, stream, sequence, stamp })
    this.sent++
  }

  /** Writes what stands before a payload to a peer; returns its octets. */
  #header({ prefix }: TrafficFlow, bytes: Buffer, payload: number, octets: number): number {
    const start = payload - prefix.length
    prefix.copy(bytes, start)
    bytes.writeUInt16BE(octets, payload - 2)
    // The length of a STUN message counts from behind its own header of 20 octets.
    if (this.#method === 'indications')
      bytes.writeUInt16BE(prefix.length - 20 + this.#carried(octets), start + 2)
    return prefix.length
  }

  /** Octets that a payload takes up in a datagram: DATA is padded, ChannelData over UDP is not. */
  #carried(octets: number): number {
    return this.#method === 'indications' ? padded(octets) : octets
  }

  #batchOf({ octets, burst }: TrafficSource): Batch {
    const capacity = Math.max(CHUNK, burst)
    let batch = this.#batches.get(octets)
    if (!batch || batch.capacity < capacity) {
      batch = createBatch(capacity, octets)
      for (let i = 0; i < capacity; i++) writeFiller(batch.bytes, i * batch.stride + HEADROOM, octets)
      this.#batches.set(octets, batch)
    }
    return batch
  }
}
