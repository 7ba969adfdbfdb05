import { type Address, parseAddress, RECORD, writeRecord } from '../../src/base/address.ts'
import { type Batch, createBatch, DROP, HEADROOM, SEND } from '../../src/base/batch.ts'
import { Counters } from '../../src/base/counters.ts'
import type { SocketId } from '../../src/base/ids.ts'
import { SocketIds } from '../../src/net/socket-ids.ts'
import type { BoundSocket } from '../../src/net/transport.ts'
import { type NativeTransport, openNative } from '../../src/net/udp/native.ts'

/** A client and a peer of it, and where they send. */
export interface Flow {
  readonly client: BoundSocket
  readonly peer: BoundSocket
  /** The relay's listener. */
  readonly server: Address
  readonly relayed: Address
  readonly channel: number
}

export interface Load {
  readonly direction: 'up' | 'down' | 'both'
  /** Octets of payload. */
  readonly octets: number
  /** Datagrams that a flow sends at once. */
  readonly burst: number
  /** Datagrams a second, of all flows together and in both directions; 0 for as many as the window lets. */
  readonly rate: number
  /** Datagrams that may be on their way. */
  readonly window: number
  readonly seconds: number
}

export interface Outcome {
  readonly sent: number
  readonly received: number
}

const CHANNEL_HEADER = 4
const SLOTS = 64
/** Milliseconds without anything arriving after which what is on its way is taken for lost. */
const GIVE_UP = 20
/** Turns of 20 ms without anything arriving after which nothing more will. */
const QUIET = 25

/** Plays clients and peers on the native transport, all in this thread. */
export class Generator {
  readonly transport: NativeTransport
  received = 0
  /** Takes what comes in, in place of counting it. */
  listener: ((batch: Batch) => void) | undefined
  readonly #batch = createBatch(SLOTS, 2048)
  #next = 0
  #counters = new Counters()

  constructor(gso: boolean) {
    const inbox = {
      received: (batch: Batch) => {
        if (this.listener) this.listener(batch)
        else this.received += batch.count
      },
      hungUp() {},
      unreachable() {},
    }
    const transport = openNative(new SocketIds(), inbox, this.#counters, { gso })
    if (!transport.ok) throw new Error(transport.error)
    this.transport = transport.value
    for (let i = 0; i < SLOTS; i++) this.#batch.verdict[i] = DROP
  }

  async bind(): Promise<BoundSocket> {
    const bound = await this.transport.bind({
      address: parseAddress('127.0.0.1:0')!,
      purpose: 'listener',
      receiveBuffer: 2 << 20,
      sendBuffer: 2 << 20,
    })
    if (!bound.ok) throw bound.error
    return bound.value
  }

  /** Sends at an even rate, or as fast as what arrives allows, and then waits until nothing more comes. */
  async run(flows: readonly Flow[], load: Load): Promise<Outcome> {
    const before = this.received
    const begin = performance.now()
    const end = begin + load.seconds * 1000
    let sent = 0
    let lost = 0
    let seen = this.received
    let seenAt = begin
    for (let now = begin; now < end; now = performance.now()) {
      const due = load.rate === 0 ? Number.MAX_SAFE_INTEGER : Math.floor(((now - begin) * load.rate) / 1000)
      const room = load.window - (sent - lost - (this.received - before))
      if (room >= load.burst) sent += this.#send(flows, load, Math.min(due - sent, room))
      // What has not come for so long is lost, and must not close the window for good.
      if (this.received !== seen) {
        seen = this.received
        seenAt = now
      } else if (now - seenAt > GIVE_UP) {
        lost = sent - (this.received - before)
      }
      await new Promise(resolve => setImmediate(resolve))
    }
    for (let quiet = 0, last = this.received; quiet < QUIET && this.received - before < sent; quiet++) {
      await new Promise(resolve => setTimeout(resolve, 20))
      if (last !== this.received) quiet = 0
      last = this.received
    }
    return { sent, received: this.received - before }
  }

  #send(flows: readonly Flow[], load: Load, due: number): number {
    const batch = this.#batch
    const bursts = Math.min(Math.floor(due / load.burst), Math.floor(SLOTS / load.burst))
    let slot = 0
    for (let i = 0; i < bursts; i++) {
      const turn = this.#next++
      const flow = flows[turn % flows.length]!
      const up =
        load.direction === 'up' || (load.direction === 'both' && Math.floor(turn / flows.length) % 2 === 0)
      for (let k = 0; k < load.burst; k++) this.#fill(slot++, flow, up, load.octets)
    }
    batch.count = slot
    this.transport.send(batch)
    return slot
  }

  #fill(slot: number, flow: Flow, up: boolean, octets: number): void {
    const batch = this.#batch
    const start = slot * batch.stride + HEADROOM
    batch.start[slot] = start
    batch.length[slot] = octets
    batch.verdict[slot] = SEND
    batch.socket[slot] = (up ? flow.client : flow.peer).socket as SocketId
    writeRecord(up ? flow.server : flow.relayed, batch.remote, slot * RECORD)
    if (!up) return
    batch.length[slot] = octets + CHANNEL_HEADER
    batch.bytes.writeUInt16BE(flow.channel, start)
    batch.bytes.writeUInt16BE(octets, start + 2)
  }
}
