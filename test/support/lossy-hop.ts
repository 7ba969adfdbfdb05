import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { dice } from '../sim/random.ts'

export interface Faults {
  /** Shares of packets, from 0 to 1. */
  readonly loss: number
  readonly duplication: number
  /** Milliseconds at most that a packet is held back, by which packets overtake each other. */
  readonly jitter: number
}

/** A bad network between clients and a relay on loopback: a hop that loses, doubles and holds back what passes. */
export class LossyHop {
  readonly port: number
  /** Datagrams that reached the relay, and that came from it. */
  readonly passed = { toRelay: 0, fromRelay: 0 }
  readonly #front: Socket
  readonly #ways = new Map<string, Socket>()

  private constructor(front: Socket, relay: number, faults: Faults, chance: () => number) {
    this.#front = front
    this.port = front.address().port
    const through = (send: () => void) => {
      if (chance() < faults.loss) return
      const copies = chance() < faults.duplication ? 2 : 1
      for (let i = 0; i < copies; i++) setTimeout(send, chance() * faults.jitter)
    }
    const wayOf = (from: RemoteInfo) => {
      const key = `${from.address}:${from.port}`
      const known = this.#ways.get(key)
      if (known) return known
      const way = createSocket('udp4')
      this.#ways.set(key, way)
      way.bind(0, '127.0.0.1')
      way.on('message', bytes => {
        this.passed.fromRelay++
        through(() => this.#send(front, bytes, from.port))
      })
      return way
    }
    front.on('message', (bytes, from) => {
      const way = wayOf(from)
      through(() => {
        this.passed.toRelay++
        this.#send(way, bytes, relay)
      })
    })
  }

  static async open(relay: number, faults: Faults, seed = 1): Promise<LossyHop> {
    const front = createSocket('udp4').bind(0, '127.0.0.1')
    await once(front, 'listening')
    return new LossyHop(front, relay, faults, dice(seed))
  }

  #closed = false

  #send(socket: Socket, bytes: Buffer, port: number): void {
    if (!this.#closed) socket.send(bytes, port, '127.0.0.1')
  }

  close(): void {
    this.#closed = true
    this.#front.close()
    for (const way of this.#ways.values()) way.close()
  }
}
