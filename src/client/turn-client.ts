import { type Address, type Family, sameAddress } from '../base/address.ts'
import type { ChannelNumber } from '../base/ids.ts'
import type { Random, Seconds, Time } from '../base/time.ts'
import {
  ADDITIONAL_ADDRESS_FAMILY,
  ADDRESS_ERROR_CODE,
  CHANNEL_NUMBER,
  DATA,
  DONT_FRAGMENT,
  ERROR_CODE,
  EVEN_PORT,
  ICMP,
  LIFETIME,
  REQUESTED_ADDRESS_FAMILY,
  REQUESTED_TRANSPORT,
  RESERVATION_TOKEN,
  SOFTWARE,
  XOR_MAPPED_ADDRESS,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../wire/attributes.ts'
import { CHANNEL_HEADER, channelLength, demultiplex, readChannel, writeChannelData } from '../wire/channel.ts'
import { all, get, type Message, MessageWriter, Method, parse } from '../wire/message.ts'
import { type AlgorithmChoice, isBidDown, isSigned, LongTerm } from './long-term.ts'
import { Retransmission } from './retransmission.ts'
import type { IgnoredReason, RequestNumber, TurnEvent } from './turn-event.ts'
import { Upkeep } from './upkeep.ts'

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

export interface AllocateOptions {
  readonly lifetime?: number
  /** REQUESTED-ADDRESS-FAMILY; absent, the server gives IPv4 (RFC 8656 §7.2). */
  readonly family?: Family
  /** ADDITIONAL-ADDRESS-FAMILY: IPv4 and IPv6 in one allocation. */
  readonly dual?: boolean
  readonly port?: 'any' | 'even' | 'pair'
  readonly reservation?: Buffer
  readonly dontFragment?: boolean
  /** IP protocol number towards peers; 17 unless said otherwise. */
  readonly transport?: number
}

/** Writes a request's own attributes; credentials and integrity are added after it, once more for each retry. */
export type Fields = (writer: MessageWriter) => void

interface Pending {
  readonly request: RequestNumber
  readonly method: number
  readonly fields: Fields
  readonly succeed: (message: Message, now: Time) => TurnEvent | undefined
  readonly bytes: Buffer
  readonly timer: Retransmission
  /** The key it was signed with, if it was. */
  readonly key: Buffer | undefined
  readonly realm: string | undefined
  readonly retries: number
  /** An answer was thrown away because its integrity did not hold. */
  tampered: boolean
}

/** How often 438 may answer one request before it has failed. */
const STALE_RETRIES = 3

/**
 * A TURN client without sockets, timers or clocks (RFC 8489 §6, §9.2; RFC 8656).
 *
 * Everything it wants to send is in `outbox`, one datagram or frame an entry;
 * whoever owns the socket empties it after each call. What arrives goes into
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
  readonly outbox: Buffer[] = []
  readonly #options: TurnClientOptions
  readonly #longTerm: LongTerm | undefined
  readonly #pending = new Map<string, Pending>()
  readonly #channels = new Map<ChannelNumber, Address>()
  readonly #upkeep: Upkeep | undefined
  #requests = 0
  #relayed: readonly Address[] = []
  #mapped: Address | undefined
  #lifetime: Seconds | undefined

  constructor(options: TurnClientOptions) {
    this.#options = options
    if (options.username !== undefined && options.password !== undefined) {
      this.#longTerm = new LongTerm(options.username, options.password, options.algorithms ?? 'offered')
    }
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
    return this.#start(
      Method.Binding,
      () => {},
      now,
      (message, request) => {
        const address = get(message, XOR_MAPPED_ADDRESS)
        if (!address) return undefined
        this.#mapped = address
        return { kind: 'mapped', request, address }
      },
    )
  }

  allocate(options: AllocateOptions, now: Time): RequestNumber {
    const fields = (writer: MessageWriter) => {
      writer.set(REQUESTED_TRANSPORT, options.transport ?? UDP)
      if (options.lifetime !== undefined) writer.set(LIFETIME, options.lifetime as Seconds)
      if (options.family) writer.set(REQUESTED_ADDRESS_FAMILY, familyCode(options.family))
      if (options.dual) writer.set(ADDITIONAL_ADDRESS_FAMILY, familyCode(6))
      if (options.port === 'even' || options.port === 'pair') writer.set(EVEN_PORT, options.port === 'pair')
      if (options.reservation) writer.set(RESERVATION_TOKEN, options.reservation)
      if (options.dontFragment) writer.set(DONT_FRAGMENT, true)
      this.#software(writer)
    }
    return this.#start(Method.Allocate, fields, now, (message, request, at) => {
      const relayed = all(message, XOR_RELAYED_ADDRESS)
      const lifetime = get(message, LIFETIME)
      if (relayed.length === 0 || lifetime === undefined) return undefined
      const token = get(message, RESERVATION_TOKEN)
      this.#relayed = relayed
      this.#mapped = get(message, XOR_MAPPED_ADDRESS) ?? this.#mapped
      this.#lifetime = lifetime
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
    })
  }

  /** Refreshes the allocation, or one family of it; `lifetime` 0 ends it. */
  refresh(options: { lifetime?: number; family?: Family }, now: Time): RequestNumber {
    const { lifetime, family } = options
    const fields = (writer: MessageWriter) => {
      if (lifetime !== undefined) writer.set(LIFETIME, lifetime as Seconds)
      if (family) writer.set(REQUESTED_ADDRESS_FAMILY, familyCode(family))
      this.#software(writer)
    }
    return this.#start(Method.Refresh, fields, now, (message, request, at) => {
      const granted = get(message, LIFETIME)
      if (granted === undefined) return undefined
      if (granted === 0) this.#gone(family)
      else {
        this.#lifetime = granted
        this.#upkeep?.allocated(granted, at)
      }
      return { kind: 'refreshed', request, lifetime: granted }
    })
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
    return this.#start(Method.CreatePermission, fields, now, (_message, request, at) => {
      for (const peer of peers) this.#upkeep?.permitted(peer, at)
      return { kind: 'permitted', request, peers }
    })
  }

  /** Binds a channel to a peer, or refreshes it. Implies the permission (RFC 8656 §12.1). */
  bind(channel: ChannelNumber, peer: Address, now: Time): RequestNumber {
    const fields = (writer: MessageWriter) => {
      writer.set(CHANNEL_NUMBER, channel).set(XOR_PEER_ADDRESS, peer)
    }
    return this.#start(Method.ChannelBind, fields, now, (_message, request, at) => {
      this.#channels.set(channel, peer)
      this.#upkeep?.bound(channel, peer, at)
      return { kind: 'bound', request, channel, peer }
    })
  }

  /** Makes any other request, with credentials once they are known. */
  request(method: number, fields: Fields, now: Time): RequestNumber {
    return this.#start(method, fields, now, (message, request) => ({ kind: 'answered', request, message }))
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
    const writer = new MessageWriter('indication', Method.Send, this.#transaction())
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
    return message.class === 'indication' ? [indication(message)] : this.#answer(message, now)
  }

  /** The next moment at which `tick` has something to do; `undefined` while nothing is under way. */
  due(): Time | undefined {
    let earliest = this.#upkeep?.due()
    for (const { timer } of this.#pending.values()) {
      if (earliest === undefined || timer.due < earliest) earliest = timer.due
    }
    return earliest
  }

  /** Sends again what has waited long enough, gives up what has waited too long, renews what would lapse. */
  tick(now: Time): TurnEvent[] {
    const events: TurnEvent[] = []
    for (const [id, pending] of this.#pending) {
      while (this.#pending.has(id) && pending.timer.due <= now) {
        if (pending.timer.next() === 'resend') this.outbox.push(pending.bytes)
        else events.push(this.#fail(id, pending, pending.tampered ? 'integrity' : 'timeout'))
      }
    }
    for (const renewal of this.#upkeep?.take(now) ?? []) {
      if (renewal.kind === 'permission') this.permit([renewal.peer], now)
      else if (renewal.kind === 'channel') this.bind(renewal.channel, renewal.peer, now)
      else this.refresh(this.#lifetime === undefined ? {} : { lifetime: this.#lifetime }, now)
    }
    return events
  }

  #start(
    method: number,
    fields: Fields,
    now: Time,
    succeed: (message: Message, request: RequestNumber, now: Time) => TurnEvent | undefined,
  ): RequestNumber {
    const request = ++this.#requests
    this.#attempt(
      { request, method, fields, succeed: (message, at) => succeed(message, request, at) },
      0,
      now,
    )
    return request
  }

  #attempt(
    what: Pick<Pending, 'request' | 'method' | 'fields' | 'succeed'>,
    retries: number,
    now: Time,
  ): void {
    const transaction = this.#transaction()
    const writer = new MessageWriter('request', what.method, transaction)
    what.fields(writer)
    const longTerm = what.method === Method.Binding ? undefined : this.#longTerm
    longTerm?.sign(writer)
    if (this.#options.fingerprint) writer.fingerprint()
    const bytes = writer.finish()
    const { request, method, fields, succeed } = what
    this.#pending.set(transaction.toString('latin1'), {
      request,
      method,
      fields,
      succeed,
      bytes,
      timer: new Retransmission(now, this.#options.reliable ?? false, this.#options.rto),
      key: longTerm?.key,
      realm: longTerm?.realm,
      retries,
      tampered: false,
    })
    this.outbox.push(bytes)
  }

  #answer(message: Message, now: Time): TurnEvent[] {
    const id = message.transaction.toString('latin1')
    const pending = this.#pending.get(id)
    if (!pending || pending.method !== message.method) return [ignored('no-transaction', message.bytes)]

    const error = message.class === 'error' ? get(message, ERROR_CODE) : undefined
    if (message.class === 'error' && !error) return [ignored('incomplete', message.bytes)]
    if (error?.code === 401 || error?.code === 438) {
      return this.#challenge(id, pending, message, error, now)
    }

    if (isBidDown(message)) return [ignored('bid-down', message.bytes)]
    if (pending.key && !isSigned(message, pending.key)) {
      // Over a stream nobody will send a better answer; over UDP this may be a forgery (RFC 8489 §9.2.5).
      if (this.#options.reliable) return [this.#fail(id, pending, 'integrity')]
      pending.tampered = true
      return [ignored('integrity', message.bytes)]
    }
    if (error) return [this.#reject(id, pending, message, error)]
    const event = pending.succeed(message, now)
    if (!event) return [ignored('incomplete', message.bytes)]
    this.#pending.delete(id)
    return [event]
  }

  #challenge(
    id: string,
    pending: Pending,
    message: Message,
    error: { code: number; reason: string },
    now: Time,
  ): TurnEvent[] {
    const longTerm = pending.method === Method.Binding ? undefined : this.#longTerm
    if (!longTerm) return [this.#reject(id, pending, message, error)]
    if (!longTerm.challenged(message)) return [this.#fail(id, pending, 'challenge')]
    // The same credentials again cannot fare better (RFC 8489 §9.2.5).
    const hopeless = error.code === 401 ? pending.realm === longTerm.realm : pending.retries >= STALE_RETRIES
    if (hopeless) return [this.#reject(id, pending, message, error)]
    this.#pending.delete(id)
    this.#attempt(pending, pending.retries + 1, now)
    return []
  }

  #reject(
    id: string,
    pending: Pending,
    message: Message,
    error: { code: number; reason: string },
  ): TurnEvent {
    this.#pending.delete(id)
    const { request, method } = pending
    return { kind: 'rejected', request, method, code: error.code, reason: error.reason, message }
  }

  #fail(id: string, pending: Pending, why: 'timeout' | 'integrity' | 'challenge'): TurnEvent {
    this.#pending.delete(id)
    return { kind: 'failed', request: pending.request, method: pending.method, why }
  }

  #channelData(bytes: Buffer): TurnEvent {
    const channel = readChannel(bytes, 0, bytes.length)
    if (channel === undefined) return ignored('malformed', bytes)
    const peer = this.#channels.get(channel)
    if (!peer) return ignored('unbound-channel', bytes)
    const end = CHANNEL_HEADER + channelLength(bytes, 0)
    return { kind: 'data', peer, channel, bytes: bytes.subarray(CHANNEL_HEADER, end) }
  }

  #gone(family: Family | undefined): void {
    this.#relayed = family === undefined ? [] : this.#relayed.filter(relayed => relayed.family !== family)
    if (this.#relayed.length > 0) return
    this.#channels.clear()
    this.#lifetime = undefined
    this.#upkeep?.clear()
  }

  #software(writer: MessageWriter): void {
    if (this.#options.software !== undefined) writer.set(SOFTWARE, this.#options.software)
  }

  #transaction(): Buffer {
    const transaction = Buffer.alloc(12)
    this.#options.random(transaction)
    return transaction
  }
}

/** REQUESTED-TRANSPORT for UDP: the IP protocol number. */
const UDP = 17

function familyCode(family: Family): number {
  return family === 4 ? 1 : 2
}

/** Reads a Data indication: data, or what an ICMP error said (RFC 8656 §11.4, §11.6). */
function indication(message: Message): TurnEvent {
  if (message.method !== Method.Data) return ignored('not-for-clients', message.bytes)
  const peer = get(message, XOR_PEER_ADDRESS)
  if (!peer) return ignored('incomplete', message.bytes)
  const icmp = get(message, ICMP)
  if (icmp) return { kind: 'icmp', peer, ...icmp }
  const bytes = get(message, DATA)
  if (!bytes) return ignored('incomplete', message.bytes)
  return { kind: 'data', peer, channel: undefined, bytes }
}

function ignored(why: IgnoredReason, bytes: Buffer): TurnEvent {
  return { kind: 'ignored', why, bytes }
}
