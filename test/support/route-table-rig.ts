import {
  type Address,
  formatAddress,
  parseAddress,
  RECORD,
  readRecord,
  writeRecord,
} from '../../src/base/address.ts'
import { type Batch, createBatch, HEADROOM, PASS, SEND } from '../../src/base/batch.ts'
import { Counters } from '../../src/base/counters.ts'
import type { ChannelNumber, MeterId, RouteId, SocketId } from '../../src/base/ids.ts'
import { Lifetimes } from '../../src/base/lifetimes.ts'
import type { Route } from '../../src/base/route.ts'
import { after, type Random, type Time } from '../../src/base/time.ts'
import type { Via } from '../../src/base/via.ts'
import { RouteTable } from '../../src/forward/route-table.ts'
import { Meters } from '../../src/limits/meters.ts'
import { DATA, XOR_PEER_ADDRESS } from '../../src/wire/attributes.ts'
import { MessageWriter, Method } from '../../src/wire/message.ts'

export const NOW = 1_800_000_000_000 as Time
/** When a route ends unless a test says otherwise. */
export const EXPIRES = after(NOW, 300)
export const LISTENER = 1
export const RELAY = 2
/** What stands in the slab before anything arrives, to show through where nothing was written. */
const STALE = 0xee

/** Plain values for what a test cares about; the rest is as good as any. */
export interface RouteOptions {
  readonly id?: number
  readonly channel?: number
  readonly client?: string
  readonly clientSocket?: number
  readonly via?: Via
  readonly relayed?: string
  readonly relaySocket?: number
  readonly peer?: string
  readonly local?: number
  readonly wire?: string
  readonly relayedExpires?: Time
  readonly expires?: Time
  readonly meters?: readonly MeterId[]
}

export function route(options: RouteOptions, lifetimes: Lifetimes): Route {
  const plain: Route = {
    id: (options.id ?? 0) as RouteId,
    channel: (options.channel ?? 0) as ChannelNumber,
    client: addressOf(options.client ?? '192.0.2.10:50000'),
    clientSocket: (options.clientSocket ?? LISTENER) as SocketId,
    via: options.via ?? 'udp',
    relayed: addressOf(options.relayed ?? '203.0.113.5:49160'),
    relaySocket: (options.relaySocket ?? RELAY) as SocketId,
    peer: addressOf(options.peer ?? '198.51.100.7:40000'),
    relayedLifetime: lifetimes.open(options.relayedExpires ?? after(EXPIRES, 3600)),
    peerLifetime: lifetimes.open(options.expires ?? EXPIRES),
    meters: options.meters ?? [],
  }
  return {
    ...plain,
    ...(options.local !== undefined && { local: options.local as SocketId }),
    ...(options.wire !== undefined && { wire: addressOf(options.wire) }),
  }
}

export interface Outcome {
  readonly verdict: number
  /** Where the datagram leaves, and with what; only when SEND. */
  readonly socket?: number
  readonly to?: string
  readonly bytes?: Buffer
}

/**
 * A route table and a batch of three: datagrams arrive in the middle slot, so
 * that it has neighbours, or in the last, behind which there is nothing.
 */
export class Rig {
  readonly counters = new Counters()
  readonly meters = new Meters()
  readonly lifetimes = new Lifetimes()
  readonly table: RouteTable
  readonly #routes = new Map<number, Route>()
  readonly #batch: Batch
  readonly #slot: number

  constructor(options: { readonly octets?: number; readonly random?: Random; readonly last?: boolean } = {}) {
    this.table = new RouteTable(this.counters, this.meters, this.lifetimes, options.random ?? seeded(1))
    this.#batch = createBatch(3, options.octets ?? 1500)
    this.#batch.count = 3
    this.#slot = options.last ? 2 : 1
  }

  /** Octets in a slot, room before and behind included. */
  get stride(): number {
    return this.#batch.stride
  }

  add(options: RouteOptions = {}): this {
    const made = route(options, this.lifetimes)
    this.#routes.set(made.id, made)
    this.table.add(made)
    return this
  }

  /** Another end for what a route names; no route is written. */
  renew(id: number, which: 'relayedLifetime' | 'peerLifetime', until: Time): void {
    this.lifetimes.set(this.#routes.get(id)![which], until)
  }

  remove(id: number) {
    return this.table.remove(id as RouteId).traffic
  }

  read(id: number) {
    return this.table.read(id as RouteId).traffic
  }

  /**
   * Lets one datagram arrive. Throws if a datagram that was not sent was
   * touched, or if anything outside the datagram's own slot was.
   */
  arrive(socket: number, from: string, bytes: Buffer, now: Time = NOW): Outcome {
    return this.arriveAt(HEADROOM, socket, from, bytes, now)
  }

  /** The same, at another offset in the slot. */
  arriveAt(headroom: number, socket: number, from: string, bytes: Buffer, now: Time = NOW): Outcome {
    const batch = this.#batch
    batch.bytes.fill(STALE)
    for (let i = 0; i < batch.count; i++) {
      batch.start[i] = i * batch.stride + HEADROOM
      batch.length[i] = 0
      batch.socket[i] = 0xffff
      batch.verdict[i] = PASS
      writeRecord(addressOf('127.0.0.1:9'), batch.remote, i * RECORD)
    }
    const at = this.#slot
    const slot = at * batch.stride
    batch.start[at] = slot + headroom
    batch.length[at] = bytes.length
    batch.socket[at] = socket
    writeRecord(addressOf(from), batch.remote, at * RECORD)
    bytes.copy(batch.bytes, slot + headroom)
    const octets = Buffer.from(batch.bytes)
    const fields = fieldsOf(batch)

    const passed = batch.count - this.table.forward(batch, now)

    const verdict = batch.verdict[at]!
    if (passed !== (verdict === PASS ? 3 : 2)) throw new Error(`${passed} were said to be passed up`)
    const same = (from: number, to: number) =>
      octets.subarray(from, to).equals(batch.bytes.subarray(from, to))
    const end = slot + batch.stride
    if (!same(0, slot) || !same(end, octets.length)) throw new Error('a neighbouring slot was touched')
    if (verdict !== SEND) {
      if (!same(slot, end) || fields !== fieldsOf(batch)) throw new Error('the slot was touched')
      return { verdict }
    }
    const start = batch.start[at]!
    return {
      verdict,
      socket: batch.socket[at]!,
      to: formatAddress(readRecord(batch.remote, at * RECORD)),
      bytes: Buffer.from(batch.bytes.subarray(start, start + batch.length[at]!)),
    }
  }
}

export function addressOf(text: string): Address {
  const found = parseAddress(text)
  if (!found) throw new Error(`not an address: ${text}`)
  return found
}

/** ChannelData by its parts; `length` is what the header claims. */
export function channelData(channel: number, payload: Buffer, length = payload.length): Buffer {
  const header = Buffer.alloc(4)
  header.writeUInt16BE(channel, 0)
  header.writeUInt16BE(length, 2)
  return Buffer.concat([header, payload])
}

/** A Send indication as a client writes it: the peer, then the payload. */
export function sendIndication(peer: string, payload: Buffer, transaction = TRANSACTION): Buffer {
  return new MessageWriter('indication', Method.Send, transaction)
    .set(XOR_PEER_ADDRESS, addressOf(peer))
    .set(DATA, payload)
    .finish()
}

/** The Data indication that a client must get, with the transaction id of `like`. */
export function dataIndication(peer: string, payload: Buffer, like: Buffer): Buffer {
  return new MessageWriter('indication', Method.Data, like.subarray(8, 20))
    .set(XOR_PEER_ADDRESS, addressOf(peer))
    .set(DATA, payload)
    .finish()
}

export const TRANSACTION = Buffer.from('0102030405060708090a0b0c', 'hex')

/** Octets that tell their place, so that a shifted payload does not pass for the right one. */
export function payloadOf(octets: number): Buffer {
  return Buffer.from(Array.from({ length: octets }, (_, i) => (i * 7 + 1) & 255))
}

/** The same octets for the same seed. Makes no garbage: the state is never a boxed number. */
export function seeded(seed: number): Random {
  const state = Int32Array.of(seed)
  return into => {
    for (let i = 0; i < into.length; i++) {
      state[0] = Math.imul(state[0]!, 1664525) + 1013904223
      into[i] = state[0]! >>> 24
    }
  }
}

/** Everything about the slots but their octets and verdicts. */
function fieldsOf(batch: Batch): string {
  return [batch.start, batch.length, batch.socket, batch.remote].map(field => field.join()).join(';')
}
