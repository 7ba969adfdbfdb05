import { RECORD } from '../../base/address.ts'
import { type Batch, createBatch, HEADROOM, PASS } from '../../base/batch.ts'
import type { SocketId } from '../../base/ids.ts'
import { MAX_FRAME } from './frame-reader.ts'

/**
 * Puts frames of stream clients into batches. Nearly all are packets of a call
 * and share a batch of small slots; a longer one goes by itself, in order.
 */
export class FrameBatches {
  #received: (batch: Batch) => void
  #small = createBatch(SLOTS, SLOT_OCTETS)
  #large: Batch | undefined

  constructor(received: (batch: Batch) => void) {
    this.#received = received
  }

  /** Copies a frame into a slot. `record` says where it came from. */
  put(socket: SocketId, record: Uint8Array, bytes: Buffer, start: number, length: number): void {
    if (length > SLOT_OCTETS) {
      this.deliver()
      this.#large ??= createBatch(1, MAX_FRAME)
      fill(this.#large, socket, record, bytes, start, length)
      this.#hand(this.#large)
    } else {
      fill(this.#small, socket, record, bytes, start, length)
      if (this.#small.count === SLOTS) this.deliver()
    }
  }

  /** Hands over what has been put so far. */
  deliver(): void {
    if (this.#small.count > 0) this.#hand(this.#small)
  }

  #hand(batch: Batch): void {
    this.#received(batch)
    batch.count = 0
  }
}

function fill(
  batch: Batch,
  socket: SocketId,
  record: Uint8Array,
  bytes: Buffer,
  start: number,
  length: number,
): void {
  const slot = batch.count++
  const at = slot * batch.stride + HEADROOM
  bytes.copy(batch.bytes, at, start, start + length)
  batch.start[slot] = at
  batch.length[slot] = length
  batch.socket[slot] = socket
  batch.remote.set(record, slot * RECORD)
  batch.verdict[slot] = PASS
}

const SLOTS = 32
const SLOT_OCTETS = 2048
