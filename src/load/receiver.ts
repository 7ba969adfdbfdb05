import type { Batch } from '../base/batch.ts'
import { CHANNEL_HEADER } from '../wire/channel.ts'
import { DataIndicationTemplate } from './data-indication.ts'
import { type Flows, TO_CLIENT, WORDS } from './flow.ts'
import { Arrivals, DUPLICATE, REORDERED } from './measure/arrivals.ts'
import { Histogram } from './measure/histogram.ts'
import { PayloadReader } from './payload.ts'

/** Microseconds since the process started, modulo 2^32: the stamp of a payload. */
export function stampNow(): number {
  return Math.floor(performance.now() * 1000) >>> 0
}

/**
 * Takes what arrives at clients and peers, and holds every packet against what
 * was sent: octet for octet, in the right place, from the right address, once.
 */
export class Receiver {
  received = 0
  octets = 0
  reordered = 0
  duplicates = 0
  corrupt = 0
  misdelivered = 0
  latency = new Histogram()
  readonly #flows: Flows
  readonly #control: (flow: number, bytes: Buffer) => void
  readonly #payload = new PayloadReader()
  readonly #indication = new DataIndicationTemplate()
  #arrivals = new Arrivals(0)
  #streams = 0
  #run = 0

  /** `control` is handed what a client gets that is not data; the octets are lent. */
  constructor(flows: Flows, control: (flow: number, bytes: Buffer) => void) {
    this.#flows = flows
    this.#control = control
  }

  /** Starts to count a run; what comes of earlier ones is ignored from here on. */
  begin(run: number, streams: number): void {
    this.#run = run
    this.#streams = streams
    this.#arrivals = new Arrivals(streams)
    this.received = this.octets = this.reordered = this.duplicates = this.corrupt = this.misdelivered = 0
    this.latency = new Histogram()
  }

  /** Takes a batch of datagrams. */
  datagrams(batch: Batch): void {
    const stamp = stampNow()
    const { arriving, words } = this.#flows
    for (let i = 0; i < batch.count; i++) {
      const stream = arriving[batch.socket[i]!]! - 1
      if (!(stream >= 0)) continue
      // Other senders to our ports are not the relay.
      const from = (stream ^ 1) * WORDS
      if (!isFrom(batch.remoteWords, i * WORDS, words, from)) this.misdelivered++
      else if ((stream & 1) === TO_CLIENT)
        this.frame(stream, batch.bytes, batch.start[i]!, batch.length[i]!, stamp)
      else this.#take(stream, batch.bytes, batch.start[i]!, batch.length[i]!, stamp)
    }
  }

  /** Takes a datagram or frame that a client got: ChannelData, a Data indication, or an answer. */
  frame(stream: number, bytes: Buffer, start: number, length: number, stamp: number): void {
    const first = bytes[start]!
    if (length >= CHANNEL_HEADER && first >= 64 && first < 128) {
      const octets = bytes.readUInt16BE(start + 2)
      if (bytes.readUInt16BE(start) !== this.#flows.all[stream >> 1]!.channel) this.misdelivered++
      else if (octets > length - CHANNEL_HEADER) this.corrupt++
      else this.#take(stream, bytes, start + CHANNEL_HEADER, octets, stamp)
    } else if (this.#indication.read(bytes, start, length)) {
      this.#take(stream, bytes, this.#indication.payload, this.#indication.octets, stamp)
    } else {
      this.#control(stream >> 1, bytes.subarray(start, start + length))
    }
  }

  #take(stream: number, bytes: Buffer, start: number, octets: number, stamp: number): void {
    const payload = this.#payload
    if (!payload.read(bytes, start, octets)) {
      this.corrupt++
      return
    }
    if (payload.run !== this.#run) return
    if (payload.stream !== stream || stream >= this.#streams) {
      this.misdelivered++
      return
    }
    const order = this.#arrivals.take(stream, payload.sequence)
    if (order === DUPLICATE) {
      this.duplicates++
      return
    }
    if (order === REORDERED) this.reordered++
    this.received++
    this.octets += octets
    this.latency.record((stamp - payload.stamp) >>> 0)
  }
}

function isFrom(words: Int32Array, at: number, expected: Int32Array, from: number): boolean {
  for (let i = 0; i < WORDS; i++) if (words[at + i] !== expected[from + i]) return false
  return true
}
