import { type Address, RECORD, writeRecord } from '../base/address.ts'
import type { ChannelNumber, SocketId } from '../base/ids.ts'
import type { Dialogue, DialogueLink } from './dialogue.ts'

/** Words of an address record. */
export const WORDS = RECORD / 4

/** A stream is an allocation and a direction; its number is twice the allocation's, plus the direction. */
export const TO_PEER = 0
export const TO_CLIENT = 1

/** An allocation, its client and its one peer. */
export interface TrafficFlow {
  readonly dialogue: Dialogue
  readonly link: DialogueLink
  /** Absent where the client came over a connection. */
  readonly client: SocketId | undefined
  readonly peer: SocketId
  readonly ports: readonly number[]
  readonly channel: ChannelNumber
  /** What precedes a payload to the peer: a ChannelData header, or a Send indication up to its DATA. */
  readonly prefix: Buffer
}

/** The flows of a generator, with what the sending and receiving loops look up in plain arrays. */
export class Flows {
  readonly all: TrafficFlow[] = []
  /** Where a stream's packets are sent to, as the words of a record. What arrives comes from its counterpart's. */
  words = new Int32Array(64 * WORDS)
  /** By socket: the stream that arrives there, plus one; 0 for none of ours. */
  arriving = new Int32Array(64)

  get length(): number {
    return this.all.length
  }

  add(flow: TrafficFlow, server: Address, relayed: Address): void {
    const stream = this.all.length * 2
    this.all.push(flow)
    if (this.words.length < (stream + 2) * WORDS) this.words = grown(this.words, (stream + 2) * WORDS)
    const octets = new Uint8Array(this.words.buffer)
    writeRecord(server, octets, (stream + TO_PEER) * RECORD)
    writeRecord(relayed, octets, (stream + TO_CLIENT) * RECORD)
    this.#arrive(flow.peer, stream + TO_PEER)
    if (flow.client !== undefined) this.#arrive(flow.client, stream + TO_CLIENT)
  }

  /** Takes out the last flow. */
  remove(): TrafficFlow | undefined {
    const flow = this.all.pop()
    if (!flow) return undefined
    this.arriving[flow.peer] = 0
    if (flow.client !== undefined) this.arriving[flow.client] = 0
    return flow
  }

  #arrive(socket: SocketId, stream: number): void {
    if (socket >= this.arriving.length) this.arriving = grown(this.arriving, socket + 1)
    this.arriving[socket] = stream + 1
  }
}

function grown(words: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(Math.max(least, words.length * 2))
  wider.set(words)
  return wider
}
