import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type Address, formatIp, parseAddress } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import { openWire, type Via, type Wire } from '../support/wire.ts'
import { now, WiredClient } from '../support/wired-client.ts'

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
/** Milliseconds that what is under way at the end may take. */
const SETTLE = 1000
/** Octets of payloads, as of speech and of video. */
const LENGTHS = [60, 160, 160, 160, 500, 1100, 1100]

/** One client, its peer, and packets both ways between them. */
export class Call {
  readonly manner: Manner
  readonly #client: WiredClient
  readonly #wire: Wire
  readonly #peer: Socket
  readonly #carried: Carried = { sent: 0, arrived: 0, bytes: 0 }
  #relayed: Address | undefined
  #packets = 0

  private constructor(manner: Manner, place: Place, wire: Wire, peer: Socket) {
    this.manner = manner
    this.#wire = wire
    this.#peer = peer
    this.#client = new WiredClient(manner.via, wire, place.credentials(manner.user), bytes =>
      this.#count(bytes.length),
    )
    peer.on('message', bytes => this.#count(bytes.length))
  }

  /** Opens a call; throws an Error that says what the relay answered. */
  static async open(manner: Manner, place: Place): Promise<Call> {
    const peer = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
    peer.bind(0, LOOPBACK)
    await once(peer, 'listening')
    let call: Call | undefined
    try {
      call = new Call(manner, place, await openWire(manner.via, { ...place, host: LOOPBACK }), peer)
      const allocated = await call.#client.ask('allocated', turn => turn.allocate({}, now()))
      call.#relayed = allocated.relayed[0]!
      const { method } = manner
      if (method === 'channel') await call.#client.ask('bound', turn => turn.bind(CHANNEL, call!.#at, now()))
      else await call.#client.ask('permitted', turn => turn.permit([call!.#at], now()))
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
    this.#client.leave()
  }

  /** Ends the allocation and closes everything. */
  async release(): Promise<void> {
    await this.#client.ask('refreshed', turn => turn.release(now())).catch(() => {})
    this.close()
  }

  close(): void {
    this.#client.close()
    this.#peer.close()
  }

  get #at(): Address {
    const { address, port } = this.#peer.address()
    return parseAddress(`${address}:${port}`)!
  }

  #beat(): void {
    const payload = Buffer.alloc(LENGTHS[this.#packets++ % LENGTHS.length]!, this.#packets)
    if (this.manner.method === 'channel') this.#client.turn.sendChannel(CHANNEL, payload)
    else this.#client.turn.sendIndication(this.#at, payload)
    this.#client.flush()
    const relayed = this.#relayed!
    this.#peer.send(payload, relayed.port, formatIp(relayed.ip))
    this.#carried.sent += 2
  }

  #count(bytes: number): void {
    this.#carried.arrived++
    this.#carried.bytes += bytes
  }
}
