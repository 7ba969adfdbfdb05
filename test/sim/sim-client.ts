import { type Address, parseAddress } from '../../src/base/address.ts'
import type { ChannelNumber, SocketId } from '../../src/base/ids.ts'
import type { Random, Time } from '../../src/base/time.ts'
import type { Via } from '../../src/base/via.ts'
import { isStream } from '../../src/base/via.ts'
import type { AllocateOptions } from '../../src/client/allocate-options.ts'
import { TurnClient, type TurnClientOptions } from '../../src/client/turn-client.ts'
import type { RequestNumber, TurnEvent } from '../../src/client/turn-event.ts'
import { ERROR_CODE } from '../../src/wire/attributes.ts'
import { get, type Message, parse } from '../../src/wire/message.ts'
import { type Craft, craft } from './craft.ts'
import { SERVER } from './places.ts'
import type { SimNet } from './sim-net.ts'
import type { SimWorld } from './sim-world.ts'
import type { Timeline } from './timeline.ts'

/** The simulation that a client is in. */
export interface SimSurroundings {
  readonly now: Time
  readonly roundTrip: number
  readonly timeline: Timeline
  readonly net: SimNet
  readonly world: SimWorld
  settle(): void
  wait(done: () => boolean, milliseconds: number): void
}

export interface SimClientOptions extends Partial<Omit<TurnClientOptions, 'random' | 'reliable'>> {
  /** Whom it is; known to the server unless `registered` is false. */
  readonly user?: string
  readonly registered?: boolean
  readonly wrongPassword?: boolean
  readonly via?: Via
  /** The listener it talks to; the server's of its own family unless said otherwise. */
  readonly server?: Address
  /** The TURN client, where it is not a fresh one. */
  readonly turn?: TurnClient
}

/** Somebody with an address; a peer's, or another client's relayed address. */
export type Reachable = Address | { readonly address: Address } | { readonly relayed: Address }

/** A TURN client on the simulated network: a real one, with short names for tests. */
export class SimClient {
  readonly turn: TurnClient
  readonly address: Address
  readonly server: Address
  readonly user: string
  readonly password: string
  readonly via: Via
  /** Payloads that peers sent, as text. */
  readonly inbox: string[] = []
  readonly received: {
    readonly peer: Address
    readonly channel: ChannelNumber | undefined
    readonly bytes: Buffer
  }[] = []
  /** Codes of requests that were rejected. */
  readonly errors: number[] = []
  readonly events: TurnEvent[] = []
  /** Everything that arrived, octet by octet. */
  readonly raw: Buffer[] = []
  /** The server has hung up. */
  closed = false
  /** The server's id for this client's stream connection. */
  readonly socket: SocketId | undefined
  readonly random: Random
  readonly #sim: SimSurroundings
  #wake = Number.POSITIVE_INFINITY

  constructor(
    sim: SimSurroundings,
    at: Address,
    options: SimClientOptions & { user: string; password: string },
    random: Random,
  ) {
    this.#sim = sim
    this.address = at
    this.user = options.username ?? options.user
    this.password = options.password
    this.via = options.via ?? 'udp'
    this.server = options.server ?? SERVER[at.family]
    this.random = random
    this.turn =
      options.turn ??
      new TurnClient({ ...options, username: this.user, random, reliable: isStream(this.via) })
    if (!isStream(this.via)) {
      sim.net.attach(at, (from, bytes) => {
        if (from.key === this.server.key) this.#receive(bytes)
      })
      return
    }
    this.socket = sim.world.accept(this.via, this.server, {
      client: at,
      receive: bytes => this.#receive(bytes),
      closed: () => {
        this.closed = true
      },
    })
  }

  /** The same client at another address, where it has asked for nothing yet. */
  at(address: string, options: Pick<SimClientOptions, 'via' | 'server'> = {}): SimClient {
    const { user, password, random } = this
    const turn = this.turn.successor({ reliable: isStream(options.via ?? 'udp') })
    return new SimClient(this.#sim, parseAddress(address)!, { user, password, turn, ...options }, random)
  }

  /** Goes on here with the allocation that the client has where it was. */
  resume(): TurnEvent {
    return this.#await(this.turn.resume(this.#sim.now))
  }

  /** The relayed address; a dual allocation's IPv4 one. */
  get relayed(): Address {
    const relayed = this.turn.relayed[0]
    if (!relayed) throw new Error('no allocation')
    return relayed
  }

  binding(): TurnEvent {
    return this.#await(this.turn.binding(this.#sim.now))
  }

  allocate(options: AllocateOptions = {}): TurnEvent {
    return this.#await(this.turn.allocate(options, this.#sim.now))
  }

  refresh(lifetime?: number, family?: 4 | 6): TurnEvent {
    const options = { ...(lifetime === undefined ? {} : { lifetime }), ...(family ? { family } : {}) }
    return this.#await(this.turn.refresh(options, this.#sim.now))
  }

  release(): TurnEvent {
    return this.#await(this.turn.release(this.#sim.now))
  }

  permit(...peers: readonly Reachable[]): TurnEvent {
    return this.#await(this.turn.permit(peers.map(addressOf), this.#sim.now))
  }

  bind(channel: number, peer: Reachable): TurnEvent {
    return this.#await(this.turn.bind(channel as ChannelNumber, addressOf(peer), this.#sim.now))
  }

  /** Sends by a channel number, or to a peer by a Send indication. */
  send(to: number | Reachable, payload: string | Buffer): void {
    const bytes = Buffer.from(payload as string)
    if (typeof to === 'number') this.turn.sendChannel(to as ChannelNumber, bytes)
    else this.turn.sendIndication(addressOf(to), bytes)
    this.flush()
  }

  /** Sends these octets as one datagram, or one frame. */
  sendRaw(bytes: Buffer): void {
    this.post(bytes)
    this.#sim.settle()
  }

  /** Puts octets on the network and lets nothing happen yet. */
  post(bytes: Buffer): void {
    const copy = Buffer.from(bytes)
    const { socket } = this
    if (socket === undefined) this.#sim.net.send(this.address, this.server, copy)
    else this.#sim.net.carry(() => this.#sim.world.frame(socket, copy))
  }

  /** Builds a message by hand, credentials and all. */
  craft(method: number, what: Craft = {}): Buffer {
    return craft(this, method, what)
  }

  /** Sends a message built by hand, and returns what answers it. */
  ask(method: number, what: Craft = {}): Message | undefined {
    return this.exchange(this.craft(method, what))
  }

  /** Sends octets and returns the first answer with their transaction id. */
  exchange(bytes: Buffer): Message | undefined {
    const before = this.raw.length
    const transaction = bytes.subarray(8, 20)
    const answer = () =>
      this.raw
        .slice(before)
        .map(one => parse(one, { classic: true }))
        .find(
          (one): one is Message => one.kind === 'message' && one.bytes.subarray(8, 20).equals(transaction),
        )
    this.post(bytes)
    this.#sim.wait(() => answer() !== undefined, this.#sim.roundTrip)
    return answer()
  }

  /** The error code that answers a message built by hand; 0 for success, `undefined` for silence. */
  code(method: number, what: Craft = {}): number | undefined {
    return codeOf(this.ask(method, what))
  }

  /** Ends the stream connection. */
  hangUp(): void {
    const { socket } = this
    if (socket !== undefined) this.#sim.net.carry(() => this.#sim.world.hungUp(socket))
    this.#sim.settle()
  }

  /** Sends what the TURN client has put in its outbox. */
  flush(): void {
    for (const bytes of this.turn.drain()) this.post(bytes)
    this.#schedule()
    this.#sim.settle()
  }

  #await(request: RequestNumber): TurnEvent {
    const answered = () => this.events.find(event => 'request' in event && event.request === request)
    this.flush()
    this.#sim.wait(() => answered() !== undefined, 60_000)
    const event = answered()
    if (!event) throw new Error('a request ended without an event')
    return event
  }

  #receive(bytes: Buffer): void {
    this.raw.push(bytes)
    this.#note(this.turn.take(bytes, this.#sim.now))
    for (const out of this.turn.drain()) this.post(out)
    this.#schedule()
  }

  #note(events: readonly TurnEvent[]): void {
    for (const event of events) {
      this.events.push(event)
      if (event.kind === 'data') {
        this.inbox.push(event.bytes.toString())
        this.received.push({ peer: event.peer, channel: event.channel, bytes: event.bytes })
      } else if (event.kind === 'rejected') this.errors.push(event.code)
    }
  }

  /** Wakes the client when it has something to do. */
  #schedule(): void {
    const due = this.turn.due()
    if (due === undefined || due >= this.#wake) return
    this.#wake = due
    this.#sim.timeline.at(due as Time, () => {
      if (this.#wake === due) this.#wake = Number.POSITIVE_INFINITY
      this.#note(this.turn.tick(this.#sim.now))
      for (const bytes of this.turn.drain()) this.post(bytes)
      this.#schedule()
    })
  }
}

/** 0 for a success answer, the code of an error answer, `undefined` for none. */
export function codeOf(message: Message | undefined): number | undefined {
  if (!message) return undefined
  return message.class === 'success' ? 0 : get(message, ERROR_CODE)?.code
}

export function addressOf(peer: Reachable): Address {
  if ('relayed' in peer) return peer.relayed
  return 'address' in peer ? peer.address : peer
}
