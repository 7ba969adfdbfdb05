import { type Address, type Family, sameAddress } from '../base/address.ts'
import type { ChannelNumber } from '../base/ids.ts'
import type { Random, Seconds, Time } from '../base/time.ts'
import { familyCode } from '../wire/address-shapes.ts'
import {
  ADDRESS_ERROR_CODE,
  CHANNEL_NUMBER,
  DATA,
  DONT_FRAGMENT,
  LIFETIME,
  MOBILITY_TICKET,
  REQUESTED_ADDRESS_FAMILY,
  RESERVATION_TOKEN,
  SOFTWARE,
  XOR_MAPPED_ADDRESS,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../wire/attributes.ts'
import { CHANNEL_HEADER, channelLength, demultiplex, readChannel, writeChannelData } from '../wire/channel.ts'
import { all, get, MessageWriter, Method, parse } from '../wire/message.ts'
import { type AllocateOptions, writeAllocate } from './allocate-options.ts'
import { readIndication } from './data-indication.ts'
import { type AlgorithmChoice, LongTerm } from './long-term.ts'
import { randomTransaction, Transactions, type WriteFields } from './transactions.ts'
import { ignored, type RequestNumber, type TurnEvent } from './turn-event.ts'
import { Upkeep } from './upkeep.ts'

export type { AllocateOptions } from './allocate-options.ts'

/** Who the client is, and how it speaks. */
export interface TurnClientOptions {
  /** Without a name and password only what needs no credentials can be had. */
  readonly username?: string
  readonly password?: string
  readonly random: Random
  /** True over TCP, TLS: nothing is sent twice, ChannelData is padded. */
  readonly reliable?: boolean
  /** Default `offered`. */
  readonly algorithms?: AlgorithmChoice
  /** Adds FINGERPRINT to requests. */
  readonly fingerprint?: boolean
  readonly software?: string
  /** Renews allocation, permissions and channels before they lapse. */
  readonly keepAlive?: boolean
  /** Milliseconds before the first retransmission, where the round trip is known better than 500. */
  readonly rto?: number
}

/**
 * A TURN client without sockets, timers or clocks (RFC 8489 §6, §9.2; RFC 8656).
 *
 * Everything it wants to send is in `outbox`, one datagram or frame an entry;
 * the owner of the socket empties it after each call. What arrives goes into
 * `take`; `tick` must be called when the moment `due` has come.
 *
 *     const client = new TurnClient({ username, password, random })
 *     client.allocate({}, now)
 *     for (const bytes of client.drain()) socket.send(bytes)
 *     socket.on('message', bytes => { for (const event of client.take(bytes, now())) … })
 *
 * A request is answered by one event that carries its number: a success of its
 * own kind, `rejected` or `failed`. The first challenge (401) and stale nonces
 * (438) are answered here and never seen outside.
 */
export class TurnClient {
  /** Datagrams or frames that wait to be sent, oldest first. */
  readonly outbox: Buffer[] = []
  readonly #options: TurnClientOptions
  readonly #longTerm: LongTerm | undefined
  readonly #transactions: Transactions
  #channels = new Map<ChannelNumber, Address>()
  #upkeep: Upkeep | undefined
  #relayed: readonly Address[] = []
  #mapped: Address | undefined
  #lifetime: Seconds | undefined
  #ticket: Buffer | undefined
  /** The client that has the allocation until it is moved here. */
  #before: TurnClient | undefined

  constructor(options: TurnClientOptions) {
    this.#options = options
    if (options.username !== undefined && options.password !== undefined) {
      this.#longTerm = new LongTerm(options.username, options.password, options.algorithms ?? 'offered')
    }
    const { random, reliable = false, fingerprint = false, rto } = options
    this.#transactions = new Transactions(
      { longTerm: this.#longTerm, random, reliable, fingerprint, rto },
      this.outbox,
    )
    if (options.keepAlive) this.#upkeep = new Upkeep()
  }

  /** Relayed addresses of the live allocation: none, one, or IPv4 and IPv6. */
  get relayed(): readonly Address[] {
    return this.#relayed
  }

  /** Our own address as the server last reported it. */
  get mapped(): Address | undefined {
    return this.#mapped
  }

  /** Whether the server has given a ticket for the allocation, with which it can be moved. */
  get isMobile(): boolean {
    return this.#ticket !== undefined
  }

  /** The realm of the server's last challenge. */
  get realm(): string | undefined {
    return this.#longTerm?.realm
  }

  /** The nonce of the server's last challenge; empty before there was one. */
  get nonce(): string {
    return this.#longTerm?.nonce ?? ''
  }

  /** The key requests are signed with, after the first challenge. */
  get key(): Buffer | undefined {
    return this.#longTerm?.key
  }

  /** Takes everything out of `outbox`. */
  drain(): Buffer[] {
    return this.outbox.splice(0)
  }

  /** Asks for our own address as the server sees it. Never signed (RFC 8489 §12). */
  binding(now: Time): RequestNumber {
    return this.#transactions.start(
      Method.Binding,
      () => {},
      (message, request) => {
        const address = get(message, XOR_MAPPED_ADDRESS)
        if (!address) return undefined
        this.#mapped = address
        return { kind: 'mapped', request, address }
      },
      now,
    )
  }

  /** Asks for an allocation (RFC 8656 §7.1). */
  allocate(options: AllocateOptions, now: Time): RequestNumber {
    const fields = (writer: MessageWriter) => {
      writeAllocate(writer, options)
      this.#software(writer)
    }
    return this.#transactions.start(
      Method.Allocate,
      fields,
      (message, request, at) => {
        const relayed = all(message, XOR_RELAYED_ADDRESS)
        const lifetime = get(message, LIFETIME)
        if (relayed.length === 0 || lifetime === undefined) return undefined
        const token = get(message, RESERVATION_TOKEN)
        this.#gone()
        this.#relayed = relayed
        this.#mapped = get(message, XOR_MAPPED_ADDRESS) ?? this.#mapped
        this.#lifetime = lifetime
        this.#ticket = copied(get(message, MOBILITY_TICKET))
        this.#upkeep?.allocated(lifetime, at)
        return {
          kind: 'allocated',
          request,
          relayed,
          mapped: get(message, XOR_MAPPED_ADDRESS),
          lifetime,
          reservation: token && Buffer.from(token),
          failed: get(message, ADDRESS_ERROR_CODE),
          message,
        }
      },
      now,
    )
  }

  /** Refreshes the allocation, or one family of it; `lifetime` 0 ends it. */
  refresh(options: { lifetime?: number; family?: Family }, now: Time): RequestNumber {
    const { lifetime, family } = options
    const fields = (writer: MessageWriter) => {
      if (lifetime !== undefined) writer.set(LIFETIME, lifetime as Seconds)
      if (family) writer.set(REQUESTED_ADDRESS_FAMILY, familyCode(family))
      this.#software(writer)
    }
    return this.#transactions.start(
      Method.Refresh,
      fields,
      (message, request, at) => {
        const granted = get(message, LIFETIME)
        if (granted === undefined) return undefined
        if (granted === 0) this.#gone(family)
        else {
          this.#lifetime = granted
          this.#upkeep?.allocated(granted, at)
        }
        return { kind: 'refreshed', request, lifetime: granted }
      },
      now,
    )
  }

  /**
   * A client for another socket, to which this one's allocation can be moved
   * with `resume`. Until that has succeeded the allocation is used here, over
   * the old socket, if there still is one.
   */
  successor(options: Pick<TurnClientOptions, 'reliable'> = {}): TurnClient {
    const next = new TurnClient({ ...this.#options, ...options })
    next.#before = this
    return next
  }

  /**
   * Asks to use the allocation of the client that this is the successor of, or
   * its own one after a NAT has given this client another port (RFC 8016 §3.2).
   */
  resume(now: Time): RequestNumber {
    const before = this.#before ?? this
    const fields = (writer: MessageWriter) => {
      writer.set(MOBILITY_TICKET, before.#ticket ?? Buffer.alloc(0))
      if (before.#lifetime !== undefined) writer.set(LIFETIME, before.#lifetime)
      this.#software(writer)
    }
    return this.#transactions.start(
      Method.Refresh,
      fields,
      (message, request, at) => {
        const lifetime = get(message, LIFETIME)
        const ticket = copied(get(message, MOBILITY_TICKET))
        if (lifetime === undefined || !ticket) return undefined
        if (before !== this) this.#takeOver(before)
        this.#lifetime = lifetime
        this.#ticket = ticket
        this.#upkeep?.allocated(lifetime, at)
        return { kind: 'resumed', request, lifetime }
      },
      now,
    )
  }

  /** Ends the allocation. */
  release(now: Time): RequestNumber {
    return this.refresh({ lifetime: 0 }, now)
  }

  /** Lets these peers send, and be sent to; only their IP addresses count (RFC 8656 §9). */
  permit(peers: readonly Address[], now: Time): RequestNumber {
    const fields = (writer: MessageWriter) => {
      for (const peer of peers) writer.set(XOR_PEER_ADDRESS, peer)
    }
    return this.#transactions.start(
      Method.CreatePermission,
      fields,
      (_message, request, at) => {
        for (const peer of peers) this.#upkeep?.permitted(peer, at)
        return { kind: 'permitted', request, peers }
      },
      now,
    )
  }

  /** Binds a channel to a peer, or refreshes it. Implies the permission (RFC 8656 §12.1). */
  bind(channel: ChannelNumber, peer: Address, now: Time): RequestNumber {
    const fields = (writer: MessageWriter) => {
      writer.set(CHANNEL_NUMBER, channel).set(XOR_PEER_ADDRESS, peer)
    }
    return this.#transactions.start(
      Method.ChannelBind,
      fields,
      (_message, request, at) => {
        this.#channels.set(channel, peer)
        this.#upkeep?.bound(channel, peer, at)
        return { kind: 'bound', request, channel, peer }
      },
      now,
    )
  }

  /** Makes any other request, with credentials once they are known. */
  request(method: number, fields: WriteFields, now: Time): RequestNumber {
    return this.#transactions.start(
      method,
      fields,
      (message, request) => ({ kind: 'answered', request, message }),
      now,
    )
  }

  /** Sends to a peer: by its channel if there is one, else as a Send indication. */
  send(peer: Address, payload: Buffer): void {
    for (const [channel, bound] of this.#channels) {
      if (sameAddress(bound, peer)) {
        this.sendChannel(channel, payload)
        return
      }
    }
    this.sendIndication(peer, payload)
  }

  /** Sends ChannelData, padded where the transport is a stream (RFC 8656 §12.5). */
  sendChannel(channel: ChannelNumber, payload: Buffer): void {
    const bytes = writeChannelData(channel, payload)
    const padding = this.#options.reliable ? -bytes.length & 3 : 0
    this.outbox.push(padding === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(padding)]))
  }

  /** Sends a Send indication (RFC 8656 §11.1). */
  sendIndication(peer: Address, payload: Buffer, options: { dontFragment?: boolean } = {}): void {
    const writer = new MessageWriter('indication', Method.Send, randomTransaction(this.#options.random))
    writer.set(XOR_PEER_ADDRESS, peer)
    if (options.dontFragment) writer.set(DONT_FRAGMENT, true)
    this.outbox.push(writer.set(DATA, payload).finish())
  }

  /** Takes one datagram, or one frame of a stream, from the server. Never throws. */
  take(bytes: Buffer, now: Time): TurnEvent[] {
    if (bytes.length === 0) return [ignored('malformed', bytes)]
    if (demultiplex(bytes[0]!) === 'channel') return [this.#channelData(bytes)]
    const message = parse(bytes)
    if (message.kind === 'malformed') return [ignored('malformed', bytes)]
    if (message.class === 'request') return [ignored('not-for-clients', bytes)]
    return message.class === 'indication'
      ? [readIndication(message)]
      : this.#transactions.answer(message, now)
  }

  /** The next moment at which `tick` has something to do; `undefined` while nothing is under way. */
  due(): Time | undefined {
    const renewal = this.#upkeep?.due()
    const answer = this.#transactions.due()
    if (renewal === undefined || answer === undefined) return renewal ?? answer
    return Math.min(renewal, answer) as Time
  }

  /** Sends again what has waited long enough, gives up what has waited too long, renews what would lapse. */
  tick(now: Time): TurnEvent[] {
    const events = this.#transactions.tick(now)
    for (const renewal of this.#upkeep?.take(now) ?? []) {
      if (renewal.kind === 'permission') this.permit([renewal.peer], now)
      else if (renewal.kind === 'channel') this.bind(renewal.channel, renewal.peer, now)
      else this.refresh(this.#lifetime === undefined ? {} : { lifetime: this.#lifetime }, now)
    }
    return events
  }

  #channelData(bytes: Buffer): TurnEvent {
    const channel = readChannel(bytes, 0, bytes.length)
    if (channel === undefined) return ignored('malformed', bytes)
    const peer = this.#channels.get(channel)
    if (!peer) return ignored('unbound-channel', bytes)
    const end = CHANNEL_HEADER + channelLength(bytes, 0)
    return { kind: 'data', peer, channel, bytes: bytes.subarray(CHANNEL_HEADER, end) }
  }

  #gone(family?: Family): void {
    this.#relayed = family === undefined ? [] : this.#relayed.filter(relayed => relayed.family !== family)
    if (this.#relayed.length > 0) return
    this.#channels.clear()
    this.#lifetime = undefined
    this.#ticket = undefined
    this.#upkeep?.clear()
  }

  /** Has what the other client had, which only reads and sends on channels from now on: data may be under way there. */
  #takeOver(before: TurnClient): void {
    this.#before = undefined
    this.#relayed = before.#relayed
    this.#channels = before.#channels
    this.#upkeep = before.#upkeep
    before.#relayed = []
    before.#upkeep = undefined
    before.#lifetime = undefined
    before.#ticket = undefined
  }

  #software(writer: MessageWriter): void {
    if (this.#options.software !== undefined) writer.set(SOFTWARE, this.#options.software)
  }
}

/** What is taken is only lent. */
function copied(octets: Buffer | undefined): Buffer | undefined {
  return octets && Buffer.from(octets)
}
