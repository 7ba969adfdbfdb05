import { randomFillSync } from 'node:crypto'
import type { ChannelNumber } from '../../src/base/ids.ts'
import { DATA, XOR_PEER_ADDRESS } from '../../src/wire/attributes.ts'
import { writeChannelData } from '../../src/wire/channel.ts'
import { MessageWriter, Method } from '../../src/wire/message.ts'
import { Allocator, Endpoint } from './endpoint.ts'

/** Octets of payload: an audio packet with its SRTP tag. */
export const PAYLOAD = 172

export type Form = 'channel' | 'indication'
export type Direction = 'to peers' | 'to clients' | 'both'

/** One sender of a load: a socket that is connected, what it sends, and who ought to receive it. */
interface Stream {
  readonly from: Endpoint
  readonly to: Endpoint
  readonly bytes: Buffer
  /** Octets of what ought to arrive; 0 where that is the relay's choice. */
  readonly expected: number
}

/** Allocations with a peer each, ready to carry a load of one form. */
export class Rig {
  readonly #endpoints: readonly Endpoint[]
  readonly #up: readonly Stream[]
  readonly #down: readonly Stream[]

  private constructor(endpoints: readonly Endpoint[], up: readonly Stream[], down: readonly Stream[]) {
    this.#endpoints = endpoints
    this.#up = up
    this.#down = down
  }

  /** Opens `count` allocations at the relay on `port`, each with a channel or a permission for a peer of its own. */
  static async open(port: number, form: Form, count: number): Promise<Rig> {
    const endpoints: Endpoint[] = []
    const up: Stream[] = []
    const down: Stream[] = []
    for (let i = 0; i < count; i++) {
      const client = await Allocator.allocate(port, `user${i}`)
      const peer = await Endpoint.open()
      await peer.connect(client.relayed.port)
      const payload = randomFillSync(Buffer.alloc(PAYLOAD))
      const channel = (0x4000 + i) as ChannelNumber
      if (form === 'channel') {
        await client.ask('bound', now => client.turn.bind(channel, peer.address, now))
      } else {
        await client.ask('permitted', now => client.turn.permit([peer.address], now))
      }
      const bytes = form === 'channel' ? writeChannelData(channel, payload) : indication(peer, payload)
      up.push({ from: client.endpoint, to: peer, bytes, expected: PAYLOAD })
      const expected = form === 'channel' ? PAYLOAD + 4 : 0
      down.push({ from: peer, to: client.endpoint, bytes: payload, expected })
      endpoints.push(client.endpoint, peer)
    }
    return new Rig(endpoints, up, down)
  }

  /**
   * Sends `rate` datagrams a second for `seconds`, evenly and in turn, and waits for the last.
   * Throws when something arrives that is not what was sent.
   */
  async carry(
    direction: Direction,
    rate: number,
    seconds: number,
  ): Promise<{ sent: number; received: number }> {
    const streams =
      direction === 'to peers'
        ? this.#up
        : direction === 'to clients'
          ? this.#down
          : interleave(this.#up, this.#down)
    const before = this.#received()
    const begin = performance.now()
    let sent = 0
    for (let now = begin; now < begin + seconds * 1000; now = performance.now()) {
      const due = Math.floor(((now - begin) * rate) / 1000)
      // After a stall a burst would only be lost; the rate is what matters.
      const most = Math.min(due, sent + MOST_AT_ONCE)
      for (; sent < most; sent++) {
        const { from, bytes } = streams[sent % streams.length]!
        from.socket.send(bytes)
      }
      await new Promise(resolve => setImmediate(resolve))
    }
    await this.#quiet()
    for (const { to, expected } of streams) {
      if (expected !== 0 && to.last !== expected)
        throw new Error(`${to.last} octets came instead of ${expected}`)
    }
    return { sent, received: this.#received() - before }
  }

  close(): void {
    for (const endpoint of this.#endpoints) endpoint.close()
  }

  #received(): number {
    let sum = 0
    for (const endpoint of this.#endpoints) sum += endpoint.received
    return sum
  }

  /** Resolves when nothing has come for a tenth of a second. */
  async #quiet(): Promise<void> {
    for (let last = -1; last !== this.#received(); ) {
      last = this.#received()
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

const MOST_AT_ONCE = 32

function indication(peer: Endpoint, payload: Buffer): Buffer {
  const transaction = randomFillSync(Buffer.alloc(12))
  const writer = new MessageWriter('indication', Method.Send, transaction)
  return writer.set(XOR_PEER_ADDRESS, peer.address).set(DATA, payload).finish()
}

function interleave(a: readonly Stream[], b: readonly Stream[]): Stream[] {
  return a.flatMap((stream, i) => [stream, b[i]!])
}
