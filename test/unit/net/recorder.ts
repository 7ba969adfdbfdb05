import { type Address, formatAddress, RECORD, readRecord } from '../../../src/base/address.ts'
import { type Batch, SEND } from '../../../src/base/batch.ts'
import type { SocketId } from '../../../src/base/ids.ts'
import type { Unreachable } from '../../../src/core/input.ts'
import type { NetInbox } from '../../../src/net/transport.ts'

export interface Received {
  readonly socket: SocketId
  readonly from: Address
  readonly bytes: Buffer
  /** How many came in the same batch. */
  readonly together: number
}

/** Stands where the shard does: keeps what it is told, and may answer. */
export class Recorder implements NetInbox {
  readonly all: Received[] = []
  readonly hangups: SocketId[] = []
  readonly errors: Unreachable[] = []
  /** Called with every batch after it was kept. */
  answer: (batch: Batch) => void = () => {}
  #waiting: (() => void)[] = []

  received(batch: Batch): void {
    for (let i = 0; i < batch.count; i++) {
      const start = batch.start[i]!
      this.all.push({
        socket: batch.socket[i] as SocketId,
        from: readRecord(batch.remote, i * RECORD),
        bytes: Buffer.from(batch.bytes.subarray(start, start + batch.length[i]!)),
        together: batch.count,
      })
    }
    this.answer(batch)
    this.#wake()
  }

  hungUp(socket: SocketId): void {
    this.hangups.push(socket)
    this.#wake()
  }

  unreachable(error: Unreachable): void {
    this.errors.push(error)
    this.#wake()
  }

  /** The first `count` datagrams or frames, once they are there. */
  async some(count: number): Promise<Received[]> {
    await this.until(() => this.all.length >= count)
    return this.all.slice(0, count)
  }

  /** Resolves as soon as `holds` does, looked at whenever something was told. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  get texts(): string[] {
    return this.all.map(one => one.bytes.toString('latin1'))
  }

  get origins(): string[] {
    return this.all.map(one => formatAddress(one.from))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

/** Marks every slot SEND: it goes back to where it came from. */
export function echo(batch: Batch): void {
  for (let i = 0; i < batch.count; i++) batch.verdict[i] = SEND
}
