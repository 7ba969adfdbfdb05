import type { Address } from '../../base/address.ts'
import { type Batch, SEND } from '../../base/batch.ts'
import { Counter, type Counters } from '../../base/counters.ts'
import type { SocketId } from '../../base/ids.ts'
import { after, type Clock } from '../../base/time.ts'
import type { SocketIds } from '../socket-ids.ts'
import type { NetInbox, Transport } from '../transport.ts'
import { LAST_WORDS, NEVER, type StreamConnection } from './connection.ts'
import { FrameBatches } from './frame-batches.ts'
import { PendingFlushes } from './frame-outbox.ts'
import { MAX_FRAME, MAX_STRANGERS_FRAME } from './frame-reader.ts'

/** Seconds that a connection may live without an allocation. */
const TO_ALLOCATE = 60

export interface TurnConnectionsParts {
  /** Whose sockets they are. */
  readonly transport: Transport
  readonly ids: SocketIds
  readonly inbox: NetInbox
  readonly counters: Counters
  readonly clock: Clock
}

/** The connections that are sockets of the shard since a first frame has begun, by their ids, and their frames. */
export class TurnConnections {
  readonly #parts: TurnConnectionsParts
  readonly #frames: FrameBatches
  readonly #flushes = new PendingFlushes()
  #byId: (StreamConnection | undefined)[] = []

  constructor(parts: TurnConnectionsParts) {
    this.#parts = parts
    this.#frames = new FrameBatches(batch => parts.inbox.received(batch))
  }

  get(socket: SocketId): StreamConnection | undefined {
    return this.#byId[socket]
  }

  /** Makes a connection a socket of the shard, with the id that it had in another process if there is one. */
  add(connection: StreamConnection, via: 'tcp' | 'tls', wanted?: SocketId): void {
    const id = this.#parts.ids.take(this.#parts.transport, via, wanted)
    this.#byId[id] = connection
    connection.serve(via, id, after(this.#parts.clock.now(), TO_ALLOCATE))
  }

  /** Says whether an allocation lives on a connection: it may then be silent, and its frames long. */
  keep(connection: StreamConnection, on: boolean): void {
    connection.deadline = on ? NEVER : after(this.#parts.clock.now(), TO_ALLOCATE)
    connection.reader.longest = on ? MAX_FRAME : MAX_STRANGERS_FRAME
  }

  send(batch: Batch): void {
    for (let i = 0; i < batch.count; i++) {
      if (batch.verdict[i] !== SEND) continue
      const connection = this.#byId[batch.socket[i]!]
      if (!connection) continue
      this.#flushes.gather(connection.outbox, batch.bytes, batch.start[i]!, batch.length[i]!)
    }
  }

  sendOne(socket: SocketId, _to: Address, bytes: Buffer): void {
    const connection = this.#byId[socket]
    if (connection) this.#flushes.gather(connection.outbox, bytes, 0, bytes.length)
  }

  /** Writes what was gathered at once. */
  flush(): void {
    this.#flushes.flush()
  }

  /** Hands the frames that have come to the shard. */
  read(connection: StreamConnection, chunk: Buffer): void {
    const isFramed = connection.reader.read(chunk)
    this.#frames.deliver()
    if (isFramed) return
    this.#parts.counters.add(Counter.dropNotStun)
    connection.reader.clear()
    // Answers that are due leave first (RFC 8489 §6.2.2); nothing more is read.
    connection.deadline = after(this.#parts.clock.now(), LAST_WORDS)
    connection.stopReading()
    connection.end()
  }

  /** Takes a frame of a connection; false once the shard has closed it. */
  takeFrame({ state, record }: StreamConnection, bytes: Buffer, start: number, length: number): boolean {
    if (state.kind !== 'turn') return false
    this.#frames.put(state.id, record, bytes, start, length)
    return true
  }

  /** Hangs up once what was sent has left; the shard knows. */
  close(connection: StreamConnection, id: SocketId): void {
    this.forget(id)
    connection.ending(after(this.#parts.clock.now(), LAST_WORDS))
    connection.end()
  }

  /** It is a socket of the shard no more. */
  forget(id: SocketId): void {
    this.#byId[id] = undefined
    this.#parts.ids.release(id)
  }

  /** Another process has the connection now. Its id stays taken, as in `UdpTransport.give`. */
  letGo(id: SocketId): void {
    this.#byId[id] = undefined
  }
}
