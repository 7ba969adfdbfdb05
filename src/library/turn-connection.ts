import { randomFillSync } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Family } from '../base/address.ts'
import type { ChannelNumber } from '../base/ids.ts'
import type { Seconds } from '../base/time.ts'
import type { AllocateOptions } from '../client/allocate-options.ts'
import { TurnClient } from '../client/turn-client.ts'
import { TaciturnError, TurnRejected } from './errors.ts'
import { fromHostPort, type HostPort, toHostPort } from './host-port.ts'
import { Line, type OpenLink } from './line.ts'

/** What a `TurnConnection` tells. Payloads are copies that may be kept. */
export interface TurnConnectionEvents {
  /** A datagram of a peer. */
  data: [payload: Buffer, peer: HostPort]
  /** The network of a peer answered with an ICMP error (RFC 8656 §11.5). */
  icmp: [error: { readonly peer: HostPort; readonly type: number; readonly code: number }]
  /** The way to the server is gone, but the allocation can be taken along: `move` goes on with it. */
  interrupted: [error: TaciturnError]
  /** The connection ended by itself: the server hung up, or the allocation could not be renewed. */
  lost: [error: TaciturnError]
}

/** What to ask the server for. */
export interface AllocationRequest {
  /** IPv4 where absent. `both` asks for a relayed address of each family. */
  readonly family?: Family | 'both'
  /** Seconds; the server grants what it will. */
  readonly lifetime?: number
  /** Asks for a ticket, so that `move` can take the allocation along (RFC 8016); 405 where that is forbidden. */
  readonly mobility?: boolean
}

/** What the server has allocated. */
export interface GrantedAllocation {
  /** Where peers send to: one address, or one of each family. */
  readonly relayed: readonly HostPort[]
  /** This client as the server sees it. */
  readonly mapped: HostPort | undefined
  /** Seconds; the connection renews the allocation before they are over. */
  readonly lifetime: Seconds
  /** Whether the server has given a ticket. */
  readonly mobile: boolean
}

/** The first and last number of a channel (RFC 8656 §12). */
const FIRST_CHANNEL = 0x4000
const LAST_CHANNEL = 0x4fff

/**
 * A TURN client on a socket of its own (RFC 8656). It answers the challenge,
 * sends again what got no answer, and renews allocation, permissions and
 * channels until it is closed. Made by `connect`.
 */
export class TurnConnection extends EventEmitter<TurnConnectionEvents> {
  readonly #dial: (uri?: string) => Promise<OpenLink>
  #line: Line
  /** The way that peers' data takes until the first is sent on the new one. */
  #old: Line | undefined
  #nextChannel = FIRST_CHANNEL
  #closed = false

  /** @internal Use `connect`. `dial` opens another socket, to the same server or to that of a URI. */
  constructor(
    opened: OpenLink,
    dial: (uri?: string) => Promise<OpenLink>,
    credential: { username?: string; password?: string },
  ) {
    super()
    this.#dial = dial
    const client = new TurnClient({
      ...credential,
      random: into => void randomFillSync(into),
      reliable: opened.link.reliable,
      keepAlive: true,
    })
    this.#line = this.#open(client, opened)
  }

  /** Relayed addresses of the allocation; none before `allocate` and after `close`. */
  get relayed(): readonly HostPort[] {
    return this.#line.client.relayed.map(toHostPort)
  }

  /** Asks how the server sees this client (Binding, RFC 8489 §3). Needs no credential. */
  async binding(): Promise<HostPort> {
    const answer = await this.#line.ask((client, now) => client.binding(now))
    if (answer.kind !== 'mapped') throw unexpected()
    return toHostPort(answer.address)
  }

  /** Asks for a relayed address. Rejects with `TurnRejected` where the server refuses. */
  async allocate({ family, lifetime, mobility }: AllocationRequest = {}): Promise<GrantedAllocation> {
    const options: AllocateOptions = {
      ...(family === 'both' ? { dual: true } : family !== undefined && { family }),
      ...(lifetime !== undefined && { lifetime }),
      ...(mobility && { mobility }),
    }
    const answer = await this.#line.ask((client, now) => client.allocate(options, now))
    if (answer.kind !== 'allocated') throw unexpected()
    return {
      relayed: answer.relayed.map(toHostPort),
      mapped: answer.mapped && toHostPort(answer.mapped),
      lifetime: answer.lifetime,
      mobile: this.#line.client.isMobile,
    }
  }

  /**
   * Goes on from another socket with the same allocation, its permissions and
   * channels (RFC 8016): to be called when the network of this machine has
   * changed or is about to, and after `interrupted`. Needs `mobility` in
   * `allocate`. With a URI it is another transport or address of the same server.
   *
   * Peers' data comes on the old way until the first `send` after this. Rejects
   * as `connect` does, or with `TurnRejected`, and then the old way stays.
   */
  async move(uri?: string): Promise<void> {
    if (this.#closed) throw closed()
    const { client } = this.#line
    if (!client.isMobile) throw new TaciturnError('REJECTED', 'the server has given no ticket')
    const opened = await this.#dial(uri)
    const line = this.#open(client.successor({ reliable: opened.link.reliable }), opened)
    try {
      await line.ask((next, now) => next.resume(now))
    } catch (error) {
      line.close(closed())
      throw error
    }
    this.#old?.close(closed())
    this.#old = this.#line
    this.#line = line
  }

  /** Lets these peers send to the relayed address, and be sent to. Only their IP addresses count. */
  async permit(...peers: readonly HostPort[]): Promise<void> {
    await this.#line.ask((client, now) => client.permit(peers.map(fromHostPort), now))
  }

  /** Binds a channel to a peer, which makes its datagrams cheaper; implies `permit`. */
  async bindChannel(peer: HostPort): Promise<void> {
    if (this.#nextChannel > LAST_CHANNEL)
      throw new TaciturnError('REJECTED', 'all 4,096 channels of this connection are bound')
    const channel = this.#nextChannel++ as ChannelNumber
    await this.#line.ask((client, now) => client.bind(channel, fromHostPort(peer), now))
  }

  /** Sends a datagram to a peer. Like UDP, it may be lost; without `permit` or `bindChannel` it is. */
  send(peer: HostPort, payload: Uint8Array): void {
    if (this.#closed) throw closed()
    this.#line.client.send(fromHostPort(peer), Buffer.from(payload))
    this.#line.flush()
  }

  /** Gives the allocation back and closes the socket. Never rejects; may be called twice. */
  async close(): Promise<void> {
    if (this.#closed) return
    if (this.#line.client.relayed.length > 0 && this.#line.isUsable)
      await this.#line.ask((client, now) => client.release(now)).catch(() => undefined)
    this.#end(closed())
  }

  #open(client: TurnClient, opened: OpenLink): Line {
    const line: Line = new Line(client, opened, {
      came: event => {
        const peer = toHostPort(event.peer)
        if (event.kind === 'data') this.emit('data', Buffer.from(event.bytes), peer)
        else this.emit('icmp', { peer, type: event.type, code: event.code })
      },
      failed: error => {
        // What becomes of a way that is not used any more, or not yet, is nobody's concern.
        if (line === this.#line) this.#failed(error)
      },
    })
    return line
  }

  #failed(error: TaciturnError): void {
    // The allocation waits for the client where only the way to it is gone.
    if (this.#line.client.isMobile && !(error instanceof TurnRejected)) {
      this.emit('interrupted', error)
      return
    }
    this.#end(error)
    this.emit('lost', error)
  }

  #end(error: TaciturnError): void {
    this.#closed = true
    this.#line.close(error)
    this.#old?.close(error)
  }
}

function closed(): TaciturnError {
  return new TaciturnError('CLOSED', 'this connection is closed')
}

function unexpected(): TaciturnError {
  return new TaciturnError('NOT_AUTHENTIC', 'the answer is not one to this request')
}
