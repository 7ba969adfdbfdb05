import { randomFillSync } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type Address, formatIp, parseAddress } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import type { Time } from '../../src/base/time.ts'
import { TurnClient } from '../../src/client/turn-client.ts'
import type { RequestNumber, TurnEvent } from '../../src/client/turn-event.ts'
import { openWire, type Via, type Wire } from '../support/wire.ts'

/** Where the relay is, and who may use it. */
export interface Place {
  readonly port: number
  readonly tlsPort: number
  /** PEM. */
  readonly certificate: string
  credentials(user: string): { username: string; password: string }
}

/** How one call is. */
export interface Manner {
  readonly via: Via
  readonly method: 'channel' | 'indication'
  readonly user: string
  /** Packets a second, each way. */
  readonly rate: number
  readonly seconds: number
  /** Says nothing at the end; the allocation lapses by itself. */
  readonly vanishes: boolean
}

/** What was carried: packets each way, and payload octets that arrived. */
export interface Carried {
  sent: number
  arrived: number
  bytes: number
}

const LOOPBACK = '127.0.0.1'
const CHANNEL = 0x4000 as ChannelNumber
/** Milliseconds between two looks at what must be sent again. */
const TICK = 200
/** Milliseconds that what is under way at the end may take. */
const SETTLE = 1000
/** Octets of payloads, as of speech and of video. */
const LENGTHS = [60, 160, 160, 160, 500, 1100, 1100]

/** One client, its peer, and packets both ways between them. */
export class Call {
  readonly manner: Manner
  readonly #turn: TurnClient
  readonly #wire: Wire
  readonly #peer: Socket
  readonly #waiting = new Map<RequestNumber, (event: TurnEvent) => void>()
  readonly #carried: Carried = { sent: 0, arrived: 0, bytes: 0 }
  readonly #timer: NodeJS.Timeout
  #relayed: Address | undefined
  #packets = 0

  private constructor(manner: Manner, place: Place, wire: Wire, peer: Socket) {
    this.manner = manner
    this.#wire = wire
    this.#peer = peer
    this.#turn = new TurnClient({
      ...place.credentials(manner.user),
      random: into => void randomFillSync(into),
      reliable: manner.via !== 'udp',
      keepAlive: true,
    })
    wire.receive(bytes => this.#settle(this.#turn.take(bytes, now())))
    peer.on('message', bytes => this.#count(bytes.length))
    this.#timer = setInterval(() => this.#settle(this.#turn.tick(now())), TICK)
  }

  /** Opens a call; throws an Error that says what the relay answered. */
  static async open(manner: Manner, place: Place): Promise<Call> {
    const peer = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
    peer.bind(0, LOOPBACK)
    await once(peer, 'listening')
    let call: Call | undefined
    try {
      call = new Call(manner, place, await openWire(manner.via, { ...place, host: LOOPBACK }), peer)
      const allocated = await call.#ask('allocated', turn => turn.allocate({}, now()))
      call.#relayed = allocated.relayed[0]!
      const { method } = manner
      if (method === 'channel') await call.#ask('bound', turn => turn.bind(CHANNEL, call!.#at, now()))
      else await call.#ask('permitted', turn => turn.permit([call!.#at], now()))
      return call
    } catch (error) {
      if (call) call.close()
      else peer.close()
      throw error
    }
  }

  /** Talks for as long as the call lasts, or until `over`; returns what was carried. */
  async talk(over: AbortSignal): Promise<Carried> {
    await new Promise<void>(resolve => {
      const pace = setInterval(() => this.#beat(), 1000 / this.manner.rate)
      const end = () => {
        clearInterval(pace)
        clearTimeout(timer)
        over.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, this.manner.seconds * 1000)
      over.addEventListener('abort', end, { once: true })
      if (over.aborted) end()
    })
    await new Promise(resolve => setTimeout(resolve, SETTLE))
    return this.#carried
  }

  /** Sends octets that are none of ours from the call's own address. */
  disturb(bytes: Buffer): void {
    this.#wire.send(bytes)
  }

  /** Sends nothing more, keep-alives neither: for the relay, this client has gone. */
  leave(): void {
    clearInterval(this.#timer)
  }

  /** Ends the allocation and closes everything. */
  async release(): Promise<void> {
    await this.#ask('refreshed', turn => turn.release(now())).catch(() => {})
    this.close()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#wire.close()
    this.#peer.close()
  }

  get #at(): Address {
    const { address, port } = this.#peer.address()
    return parseAddress(`${address}:${port}`)!
  }

  #beat(): void {
    const payload = Buffer.alloc(LENGTHS[this.#packets++ % LENGTHS.length]!, this.#packets)
    if (this.manner.method === 'channel') this.#turn.sendChannel(CHANNEL, payload)
    else this.#turn.sendIndication(this.#at, payload)
    this.#flush()
    const relayed = this.#relayed!
    this.#peer.send(payload, relayed.port, formatIp(relayed.ip))
    this.#carried.sent += 2
  }

  #count(bytes: number): void {
    this.#carried.arrived++
    this.#carried.bytes += bytes
  }

  async #ask<K extends TurnEvent['kind']>(
    wanted: K,
    request: (turn: TurnClient) => RequestNumber,
  ): Promise<Extract<TurnEvent, { kind: K }>> {
    const answered = new Promise<TurnEvent>(resolve => {
      this.#waiting.set(request(this.#turn), resolve)
    })
    this.#flush()
    const event = await answered
    if (event.kind === wanted) return event as Extract<TurnEvent, { kind: K }>
    throw new Error(`no ${wanted}: ${event.kind === 'rejected' ? event.code : event.kind}`)
  }

  #settle(events: readonly TurnEvent[]): void {
    this.#flush()
    for (const event of events) {
      if (event.kind === 'data') this.#count(event.bytes.length)
      if (!('request' in event)) continue
      const resolve = this.#waiting.get(event.request)
      this.#waiting.delete(event.request)
      resolve?.(event)
    }
  }

  #flush(): void {
    for (const bytes of this.#turn.drain()) this.#wire.send(bytes)
  }
}

function now(): Time {
  return Date.now() as Time
}
