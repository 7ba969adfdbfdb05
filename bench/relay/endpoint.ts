import { randomFillSync } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type Address, address, parseIp } from '../../src/base/address.ts'
import type { Time } from '../../src/base/time.ts'
import { TurnClient } from '../../src/client/turn-client.ts'
import type { TurnEvent } from '../../src/client/turn-event.ts'
import { credential } from './contestants.ts'

const LOOPBACK = parseIp('127.0.0.1')!
/** Milliseconds that a request may take. */
const PATIENCE = 10_000
/** Octets of a socket's receive buffer; what the kernel drops here would count as the relay's loss. */
const RECEIVE_BUFFER = 2 << 20

/** A UDP socket on loopback that talks to one other address and counts what comes from there. */
export class Endpoint {
  readonly socket: Socket
  received = 0
  /** Octets of the datagram that came last. */
  last = 0
  /** Takes what comes, in place of counting it. */
  listener: ((bytes: Buffer) => void) | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('message', bytes => {
      if (this.listener) this.listener(bytes)
      else {
        this.received++
        this.last = bytes.length
      }
    })
    socket.on('error', () => {})
  }

  static async open(): Promise<Endpoint> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER })
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new Endpoint(socket)
  }

  get address(): Address {
    return address(LOOPBACK, this.socket.address().port)
  }

  async connect(port: number): Promise<void> {
    this.socket.connect(port, '127.0.0.1')
    await once(this.socket, 'connect')
  }

  close(): void {
    this.socket.close()
  }
}

/** A TURN client on an endpoint, for the requests that come before the load. */
export class Allocator {
  readonly endpoint: Endpoint
  readonly turn: TurnClient

  private constructor(endpoint: Endpoint, turn: TurnClient) {
    this.endpoint = endpoint
    this.turn = turn
  }

  /** Allocates at the relay on `port`. */
  static async allocate(port: number, user: string): Promise<Allocator> {
    const endpoint = await Endpoint.open()
    await endpoint.connect(port)
    const turn = new TurnClient({ ...credential(user), random: into => randomFillSync(into), rto: 500 })
    const allocator = new Allocator(endpoint, turn)
    await allocator.ask('allocated', now => turn.allocate({}, now))
    return allocator
  }

  get relayed(): Address {
    return this.turn.relayed[0]!
  }

  /** Makes a request and waits for the event that ends it; throws with what came instead. */
  ask(kind: TurnEvent['kind'], request: (now: Time) => void): Promise<void> {
    const { endpoint, turn } = this
    return new Promise((resolve, reject) => {
      const began = performance.now()
      const settle = (events: readonly TurnEvent[]) => {
        for (const bytes of turn.drain()) endpoint.socket.send(bytes)
        const instead = events.find(event => event.kind === 'rejected' || event.kind === 'failed')
        const late = performance.now() - began > PATIENCE
        if (!late && !instead && !events.some(event => event.kind === kind)) return
        clearInterval(timer)
        endpoint.listener = undefined
        if (!late && !instead) resolve()
        else reject(new Error(`not ${kind}: ${JSON.stringify(instead ?? 'no answer')}`))
      }
      const timer = setInterval(() => settle(turn.tick(now())), 100)
      endpoint.listener = bytes => settle(turn.take(bytes, now()))
      request(now())
      settle([])
    })
  }
}

function now(): Time {
  return (performance.timeOrigin + performance.now()) as Time
}
