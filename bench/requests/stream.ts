import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { address } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import { CHANNEL_HEADER, writeChannelData } from '../../src/wire/channel.ts'
import { Hand } from '../support/hand.ts'

const CHANNEL = 0x4000 as ChannelNumber
/** Milliseconds between packets. */
const EVERY = 20

/** 50 packets a second from a client to a peer that sends them back. */
export class Stream {
  readonly #hand: Hand
  readonly #peer: Socket
  readonly #took: number[] = []
  #sent = 0
  #timer: NodeJS.Timeout | undefined

  private constructor(hand: Hand, peer: Socket) {
    this.#hand = hand
    this.#peer = peer
    hand.onData = bytes => void this.#took.push(performance.now() - bytes.readDoubleBE(CHANNEL_HEADER))
  }

  static async open(port: number): Promise<Stream> {
    const peer = createSocket('udp4')
    peer.bind(0, '127.0.0.1')
    await once(peer, 'listening')
    peer.on('message', (bytes, from) => peer.send(bytes, from.port, from.address))
    const hand = await Hand.open({ port }, '@caller:example.org')
    await hand.allocate()
    await hand.ask(hand.binding(CHANNEL, address(Uint8Array.of(127, 0, 0, 1), peer.address().port)))
    return new Stream(hand, peer)
  }

  start(): void {
    this.#timer = setInterval(() => {
      const payload = Buffer.alloc(160)
      payload.writeDoubleBE(performance.now())
      this.#hand.send(writeChannelData(CHANNEL, payload))
      this.#sent++
    }, EVERY)
  }

  /** What was sent, and the milliseconds of what came back, sorted. */
  async stop(): Promise<{ sent: number; took: number[] }> {
    clearInterval(this.#timer)
    await sleep(500)
    this.#hand.close()
    this.#peer.close()
    return { sent: this.#sent, took: this.#took.toSorted((a, b) => a - b) }
  }
}
