import { constants } from 'node:os'
import { type Address, RECORD, readRecord, writeRecord } from '../../base/address.ts'
import { type Batch, createBatch, SEND } from '../../base/batch.ts'
import { Counter, type Counters } from '../../base/counters.ts'
import type { SocketId } from '../../base/ids.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import {
  BindFlag,
  ERROR_WORDS,
  loadAddon,
  type NativeAddon,
  NativeFeature,
  type NativeLayout,
  type NativeSockets,
  State,
} from '../../system/native-addon.ts'
import { systemError } from '../../system/system-error.ts'
import type { SocketIds } from '../socket-ids.ts'
import type { Bind, BoundSocket, NetInbox, UdpTransport } from '../transport.ts'
import { KEPT_OCTETS } from './kept-sockets.ts'
import { readUnreachable } from './native-errors.ts'
import { duplicate } from './native-group.ts'
import { TooLong } from './too-long.ts'

export interface NativeOptions {
  /** Carry DSCP and ECN across (RFC 8656 §14, preferred behaviour); else what leaves has neither. Default true. */
  readonly carryTos?: boolean
  /** Decrement the TTL or hop limit as a router does (§13); else what leaves has the system's default. */
  readonly carryTtl?: boolean
  /** Have the kernel hand up bursts as one, where it can be trusted to. Default true. */
  readonly gro?: boolean
  /** Send bursts of equal size to one address with one call, where the kernel can. Default true. */
  readonly gso?: boolean
  /**
   * What a datagram may wait at most so that several are taken with one wake,
   * in microseconds. Default 0: it never waits.
   */
  readonly longestWait?: number
  /** In which sockets outlive this thread, see `KeptSockets`. */
  readonly kept?: SharedArrayBuffer | undefined
}

/** Calls into the kernel, and the datagrams they moved, since the start; modulo 2^32. */
export interface NativeTally {
  readonly receives: number
  readonly received: number
  readonly sends: number
  readonly sent: number
  /** Sends that carried several datagrams (UDP_SEGMENT). */
  readonly bursts: number
  /** Microseconds between looks for datagrams at the moment; 0 while each of them may wake the thread. */
  readonly period: number
}

/** Opens the native transport, or says in a clause why this machine has none. */
export function openNative(
  ids: SocketIds,
  inbox: NetInbox,
  counters: Counters,
  options: NativeOptions = {},
): Result<NativeTransport, string> {
  const addon = loadAddon()
  if (!addon.ok) return addon
  try {
    return succeeded(new NativeTransport(addon.value, ids, inbox, counters, options))
  } catch (error) {
    return failed(`the native transport cannot be opened: ${(error as Error).message}`)
  }
}

/**
 * UDP over the addon: all sockets of a shard in one epoll. When any of them
 * can be read, one call comes in here; batches are then filled from as many
 * sockets as are ready, and sent back to as many. A datagram costs no object
 * and no call of its own.
 */
export class NativeTransport implements UdpTransport {
  readonly dontFragment = true
  readonly #ids: SocketIds
  readonly #inbox: NetInbox
  readonly #counters: Counters
  readonly #native: NativeSockets
  readonly #batch: Batch
  readonly #layout: NativeLayout
  readonly #state: Uint32Array
  readonly #flags: number
  /** Batches of other transports, by the number that the addon gave them. */
  readonly #lent = new WeakMap<Batch, number>()
  readonly #tooLong = new TooLong()
  /** 1 where a socket of ours is. */
  #owned = new Uint8Array(64)
  readonly #bound = new Map<SocketId, Address>()
  #stopped = false
  #paused = false
  #isScheduled = false

  constructor(
    addon: NativeAddon,
    ids: SocketIds,
    inbox: NetInbox,
    counters: Counters,
    options: NativeOptions,
  ) {
    this.#ids = ids
    this.#inbox = inbox
    this.#counters = counters
    this.#batch = createBatch(SLOTS, SLOT_OCTETS)
    this.#state = new Uint32Array(addon.stateWords)
    this.#layout = {
      bytes: this.#batch.bytes,
      start: this.#batch.start,
      length: this.#batch.length,
      socket: this.#batch.socket,
      remote: this.#batch.remote,
      verdict: this.#batch.verdict,
      ttl: new Uint8Array(SLOTS),
      tos: new Uint8Array(SLOTS),
      errors: new Uint32Array(ERRORS * ERROR_WORDS),
      errorPeers: new Uint8Array(ERRORS * RECORD),
      state: this.#state,
      kept: new Uint32Array(options.kept ?? new ArrayBuffer(KEPT_OCTETS)),
      scratch: new Uint8Array(RECORD),
    }
    this.#flags =
      ((options.carryTos ?? true) ? BindFlag.tos : 0) |
      (options.carryTtl ? BindFlag.ttl : 0) |
      ((options.gso ?? true) ? 0 : BindFlag.apart) |
      ((options.gro ?? true) && addon.features() & NativeFeature.gro ? BindFlag.gro : 0)
    this.#native = addon.open(this.#layout, this.#wake, options.longestWait ?? 0)
  }

  /** The socket exists when this returns: what arrives there may be received before the answer. */
  async bind(options: Bind): Promise<Result<BoundSocket, NodeJS.ErrnoException>> {
    const relay = options.purpose === 'relay'
    const buffer = relay ? RELAY_BUFFER : LISTENER_BUFFER
    const { scratch } = this.#layout
    const id = this.#ids.take(this, relay ? 'relay' : 'udp', options.socket)
    writeRecord(options.address, scratch, 0)
    const result = this.#native.bind(
      id,
      options.fd ?? -1,
      // Only what a relay socket sent can be unreachable (RFC 8656 §11.5).
      this.#flags | BindFlag.v6only | (relay ? BindFlag.errors : 0),
      options.receiveBuffer ?? buffer,
      options.sendBuffer ?? buffer,
    )
    if (result < 0) {
      this.#ids.release(id)
      return failed(systemError(result, 'bind'))
    }
    this.#own(id)
    const local = readRecord(scratch, 0)
    this.#bound.set(id, local)
    return succeeded({
      socket: id,
      local,
      receiveBuffer: this.#state[State.buffer]!,
    })
  }

  owns(socket: SocketId): boolean {
    return this.#owned[socket] === 1
  }

  boundTo(socket: SocketId): Address | undefined {
    return this.#bound.get(socket)
  }

  send(batch: Batch): void {
    const number = batch === this.#batch ? 0 : this.#lend(batch)
    if (number < 0) this.#sendApart(batch)
    else if (this.#native.send(number, batch.count) > 0) this.#countLost()
  }

  sendOne(socket: SocketId, to: Address, bytes: Buffer, dontFragment = false): void {
    writeRecord(to, this.#layout.scratch, 0)
    const result = this.#sendBytes(socket, bytes, dontFragment)
    if (dontFragment && to.family === 4 && result === -constants.errno.EMSGSIZE) this.#tooLong.add(socket, to)
  }

  close(socket: SocketId): void {
    if (!this.owns(socket)) return
    this.#owned[socket] = 0
    this.#bound.delete(socket)
    this.#native.close(socket)
    this.#ids.release(socket)
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    for (let id = 0; id < this.#owned.length; id++) this.close(id as SocketId)
    this.#native.stop()
  }

  look(): void {
    if (!this.#paused) this.#take(1)
  }

  pause(on: boolean): true {
    if (on && !this.#paused) this.#empty()
    this.#paused = on
    this.#native.pause(on)
    // What woke nobody meanwhile is looked for.
    if (!on) this.#wakeLater()
    return true
  }

  give(socket: SocketId): number {
    this.#owned[socket] = 0
    this.#bound.delete(socket)
    return this.#native.give(socket)
  }

  duplicate(socket: SocketId): number | undefined {
    const word = this.#layout.kept[socket] ?? 0
    return word === 0 ? undefined : duplicate(word - 1)
  }

  tally(): NativeTally {
    const at = (word: number) => this.#state[word]!
    return {
      receives: at(State.receives),
      received: at(State.received),
      sends: at(State.sends),
      sent: at(State.sent),
      bursts: at(State.bursts),
      period: at(State.period),
    }
  }

  /** Takes batches until there is nothing left, or until it is time to yield to the event loop. */
  readonly #wake = (): void => {
    if (!this.#paused) this.#take(TURNS)
  }

  /** Hands up what has been read from sockets already; what they hold stays there. */
  #empty(): void {
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      this.#take(1)
      if (this.#stopped || this.#state[State.more] === 0) return
    }
  }

  #take(turns: number): void {
    for (let turn = 0; turn < turns; turn++) {
      if (this.#stopped) return
      const batch = this.#batch
      batch.count = this.#native.receive()
      if (this.#state[State.errors]! > 0) this.#report()
      if (batch.count > 0) this.#inbox.received(batch)
      if (this.#state[State.more] === 0 && batch.count < WORTHWHILE) return
    }
    // Datagrams already read do not trigger epoll again, so reschedule ourselves.
    this.#wakeLater()
  }

  #wakeLater(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#wake()
    })
  }

  #report(): void {
    const { errors, errorPeers } = this.#layout
    const count = this.#state[State.errors]!
    for (let i = 0; i < count; i++) {
      const read = readUnreachable(errors, errorPeers, i)
      const error = read?.peer.port === 0 ? this.#tooLong.complete(read) : read
      if (error && this.owns(error.socket)) this.#inbox.unreachable(error)
    }
  }

  #lend(batch: Batch): number {
    let number = this.#lent.get(batch)
    if (number === undefined) {
      number = this.#native.lend(batch)
      this.#lent.set(batch, number)
    }
    return number
  }

  /** Sends a batch that came after the addon had no more room for batches. */
  #sendApart(batch: Batch): void {
    for (let i = 0; i < batch.count; i++) {
      const socket = batch.socket[i]! as SocketId
      if (batch.verdict[i] !== SEND || !this.owns(socket)) continue
      const start = batch.start[i]!
      this.#layout.scratch.set(batch.remote.subarray(i * RECORD, (i + 1) * RECORD))
      this.#sendBytes(socket, batch.bytes.subarray(start, start + batch.length[i]!), false)
    }
  }

  /** Sends to the address in `scratch`, and counts what does not leave. */
  #sendBytes(socket: SocketId, bytes: Buffer, dontFragment: boolean): number {
    if (!this.owns(socket)) return 0
    const result = this.#native.sendOne(socket, bytes, dontFragment)
    if (result < 0) this.#counters.add(counterOf(-result))
    return result
  }

  #countLost(): void {
    this.#counters.add(Counter.dropSendQueue, this.#state[State.lostQueue]!)
    this.#counters.add(Counter.dropTooLong, this.#state[State.lostTooLong]!)
    this.#counters.add(Counter.peerError, this.#state[State.lostFailed]!)
  }

  #own(id: SocketId): void {
    if (id >= this.#owned.length) {
      const owned = new Uint8Array(Math.max(id + 1, this.#owned.length * 2))
      owned.set(this.#owned)
      this.#owned = owned
    }
    this.#owned[id] = 1
  }
}

function counterOf(errno: number): number {
  switch (errno) {
    case constants.errno.EAGAIN:
    case constants.errno.ENOBUFS:
    case constants.errno.ENOMEM:
      return Counter.dropSendQueue
    case constants.errno.EMSGSIZE:
      return Counter.dropTooLong
    default:
      return Counter.peerError
  }
}

/** Twice the addon's batch size, so that a burst rarely waits. */
const SLOTS = 128
/** A whole UDP datagram; the odd rest keeps slots from competing for the same lines of a cache. */
const SLOT_OCTETS = 65_592
const ERRORS = 64
/** Batches of one wake, and datagrams of a batch after which it pays to look for another at once. */
const TURNS = 8
/** Batches that are read at most before a pause: under a flood there is always another. */
const MOST_TURNS = 256
const WORTHWHILE = 8
const LISTENER_BUFFER = 4 << 20
const RELAY_BUFFER = 256 << 10
