import { randomFillSync } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { type Address, type Family, sameAddress } from '../base/address.ts'
import type { ChannelNumber } from '../base/ids.ts'
import type { Seconds } from '../base/time.ts'
import type { AllocateOptions } from '../client/allocate-options.ts'
import { TurnClient } from '../client/turn-client.ts'
import type { RequestNumber, TurnEvent } from '../client/turn-event.ts'
import type { ProbeLink } from '../dial/link.ts'
import { monotonicClock } from '../system/clock.ts'
import { CannotConnect, TaciturnError, TurnRejected } from './errors.ts'
import { fromHostPort, type HostPort, toHostPort } from './host-port.ts'

/** What a `TurnConnection` tells. Payloads are copies that may be kept. */
export interface TurnConnectionEvents {
  /** A datagram of a peer. */
  data: [payload: Buffer, peer: HostPort]
  /** The network of a peer answered with an ICMP error (RFC 8656 §11.5). */
  icmp: [error: { readonly peer: HostPort; readonly type: number; readonly code: number }]
  /** The connection ended by itself: the server hung up, or the allocation could not be renewed. */
  lost: [error: TaciturnError]
}

export interface AllocationRequest {
  /** IPv4 where absent. `both` asks for a relayed address of each family. */
  readonly family?: Family | 'both'
  /** Seconds; the server grants what it will. */
  readonly lifetime?: number
}

export interface GrantedAllocation {
  /** Where peers send to: one address, or one of each family. */
  readonly relayed: readonly HostPort[]
  /** This client as the server sees it. */
  readonly mapped: HostPort | undefined
  /** Seconds; the connection renews the allocation before they are over. */
  readonly lifetime: Seconds
}

type Answer = Extract<TurnEvent, { readonly request: RequestNumber }>

/** The first and last number of a channel (RFC 8656 §12). */
const FIRST_CHANNEL = 0x4000
const LAST_CHANNEL = 0x4fff

/**
 * A TURN client on a socket of its own (RFC 8656). It answers the challenge,
 * sends again what got no answer, and renews allocation, permissions and
 * channels until it is closed. Made by `connect`.
 */
export class TurnConnection extends EventEmitter<TurnConnectionEvents> {
  readonly #link: ProbeLink
  readonly #server: Address
  readonly #client: TurnClient
  readonly #waiting = new Map<RequestNumber, (answer: Answer | TaciturnError) => void>()
  #timer: NodeJS.Timeout | undefined
  #nextChannel = FIRST_CHANNEL
  #closed = false

  /** @internal Use `connect`. */
  constructor(link: ProbeLink, server: Address, credential: { username?: string; password?: string }) {
    super()
    this.#link = link
    this.#server = server
    this.#client = new TurnClient({
      ...credential,
      random: into => void randomFillSync(into),
      reliable: link.reliable,
      keepAlive: true,
    })
    link.listen((bytes, from) => this.#take(bytes, from))
    link.ended(() => this.#lose(new TaciturnError('CLOSED', 'the server closed the connection')))
  }

  /** Relayed addresses of the allocation; none before `allocate` and after `close`. */
  get relayed(): readonly HostPort[] {
    return this.#client.relayed.map(toHostPort)
  }

  /** Asks how the server sees this client (Binding, RFC 8489 §3). Needs no credential. */
  async binding(): Promise<HostPort> {
    const answer = await this.#ask(now => this.#client.binding(now))
    if (answer.kind !== 'mapped') throw unexpected()
    return toHostPort(answer.address)
  }

  /** Asks for a relayed address. Rejects with `TurnRejected` where the server refuses. */
  async allocate({ family, lifetime }: AllocationRequest = {}): Promise<GrantedAllocation> {
    const options: AllocateOptions = {
      ...(family === 'both' ? { dual: true } : family !== undefined && { family }),
      ...(lifetime !== undefined && { lifetime }),
    }
    const answer = await this.#ask(now => this.#client.allocate(options, now))
    if (answer.kind !== 'allocated') throw unexpected()
    return {
      relayed: answer.relayed.map(toHostPort),
      mapped: answer.mapped && toHostPort(answer.mapped),
      lifetime: answer.lifetime,
    }
  }

  /** Lets these peers send to the relayed address, and be sent to. Only their IP addresses count. */
  async permit(...peers: readonly HostPort[]): Promise<void> {
    await this.#ask(now => this.#client.permit(peers.map(fromHostPort), now))
  }

  /** Binds a channel to a peer, which makes its datagrams cheaper; implies `permit`. */
  async bindChannel(peer: HostPort): Promise<void> {
    if (this.#nextChannel > LAST_CHANNEL)
      throw new TaciturnError('REJECTED', 'all 4,096 channels of this connection are bound')
    const channel = this.#nextChannel++ as ChannelNumber
    await this.#ask(now => this.#client.bind(channel, fromHostPort(peer), now))
  }

  /** Sends a datagram to a peer. Like UDP, it may be lost; without `permit` or `bindChannel` it is. */
  send(peer: HostPort, payload: Uint8Array): void {
    if (this.#closed) throw new TaciturnError('CLOSED', 'this connection is closed')
    this.#client.send(fromHostPort(peer), Buffer.from(payload))
    this.#flush()
  }

  /** Gives the allocation back and closes the socket. Never rejects; may be called twice. */
  async close(): Promise<void> {
    if (this.#closed) return
    if (this.#client.relayed.length > 0 && !this.#link.fault)
      await this.#ask(now => this.#client.release(now)).catch(() => undefined)
    this.#end(new TaciturnError('CLOSED', 'this connection is closed'))
  }

  #ask(start: (now: ReturnType<typeof monotonicClock.now>) => RequestNumber): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { fault } = this.#link
      if (this.#closed || fault) {
        reject(fault ? new CannotConnect(fault) : new TaciturnError('CLOSED', 'this connection is closed'))
        return
      }
      this.#waiting.set(start(monotonicClock.now()), answer => {
        if (answer instanceof Error) reject(answer)
        else if (answer.kind === 'rejected') reject(new TurnRejected(answer.code, answer.reason))
        else if (answer.kind === 'failed') reject(failure(answer.why))
        else resolve(answer)
      })
      this.#flush()
    })
  }

  #take(bytes: Buffer, from: Address): void {
    // Over UDP anybody can send here; only the server is believed.
    if (this.#closed || !sameAddress(from, this.#server)) return
    this.#tell(this.#client.take(bytes, monotonicClock.now()))
    this.#flush()
  }

  #tell(events: readonly TurnEvent[]): void {
    for (const event of events) {
      if (event.kind === 'data') this.emit('data', Buffer.from(event.bytes), toHostPort(event.peer))
      else if (event.kind === 'icmp') {
        const { type, code } = event
        this.emit('icmp', { peer: toHostPort(event.peer), type, code })
      } else if (event.kind !== 'ignored') this.#settle(event)
    }
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.request)
    this.#waiting.delete(answer.request)
    if (waiting) waiting(answer)
    // A renewal that nobody waits for.
    else if (answer.kind === 'rejected') this.#lose(new TurnRejected(answer.code, answer.reason))
    else if (answer.kind === 'failed') this.#lose(failure(answer.why))
  }

  #flush(): void {
    if (this.#closed) return
    for (const bytes of this.#client.drain()) this.#link.send(bytes)
    clearTimeout(this.#timer)
    const due = this.#client.due()
    if (due === undefined) return
    this.#timer = setTimeout(
      () => {
        this.#tell(this.#client.tick(monotonicClock.now()))
        this.#flush()
      },
      Math.max(1, due - monotonicClock.now()),
    )
  }

  #lose(error: TaciturnError): void {
    if (this.#closed) return
    this.#end(error)
    this.emit('lost', error)
  }

  #end(error: TaciturnError): void {
    this.#closed = true
    clearTimeout(this.#timer)
    for (const finish of [...this.#waiting.values()]) finish(error)
    this.#waiting.clear()
    this.#link.close()
  }
}

function failure(why: 'timeout' | 'integrity' | 'challenge'): TaciturnError {
  if (why === 'timeout') return new TaciturnError('TIMEOUT', 'the server did not answer')
  return why === 'integrity'
    ? new TaciturnError('NOT_AUTHENTIC', 'the answer is not signed with the credential')
    : new TaciturnError('NOT_AUTHENTIC', 'the server does not accept the credential')
}

function unexpected(): TaciturnError {
  return new TaciturnError('NOT_AUTHENTIC', 'the answer is not one to this request')
}
