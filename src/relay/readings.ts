import type { AllocationId } from '../base/ids.ts'
import type { Traffic } from '../base/route.ts'

/** What one allocation has carried so far, and how much it holds. */
export interface Reading {
  readonly allocation: AllocationId
  readonly expires: number
  readonly permissions: number
  readonly channels: number
  readonly traffic: Traffic
  readonly dropped: number
}

/** Numbers in a row. */
const ROW = 9
const FIRST_ROWS = 64

/** Writes readings as rows of numbers, which cross from one thread to another as they are. */
export class ReadingsWriter {
  #values = new Float64Array(FIRST_ROWS * ROW)
  #length = 0

  add({ allocation, expires, permissions, channels, traffic, dropped }: Reading): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(2 * this.#values.length)
      larger.set(this.#values)
      this.#values = larger
    }
    const values = this.#values
    let at = this.#length
    values[at++] = allocation
    values[at++] = expires
    values[at++] = permissions
    values[at++] = channels
    values[at++] = traffic.toPeer.packets
    values[at++] = traffic.toPeer.bytes
    values[at++] = traffic.toClient.packets
    values[at++] = traffic.toClient.bytes
    values[at++] = dropped
    this.#length = at
  }

  /** The rows so far. */
  values(): Float64Array {
    return this.#values.slice(0, this.#length)
  }
}

/**
 * Where the row of an allocation begins; -1 where it is not among them. A
 * shard's allocations stand in the order of their ids. No object is made, as
 * there may be thousands.
 */
export function findRow(values: Float64Array, allocation: AllocationId): number {
  let low = 0
  let high = values.length / ROW
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle * ROW]! < allocation) low = middle + 1
    else high = middle
  }
  const at = low * ROW
  return values[at] === allocation ? at : -1
}

/** The reading of one allocation; undefined where it is not among them. */
export function findReading(values: Float64Array, allocation: AllocationId): Reading | undefined {
  const at = findRow(values, allocation)
  return at < 0 ? undefined : readingAt(values, at)
}

/** Octets of payload that the row that begins at `at` says were carried, both ways. */
export function bytesAt(values: Float64Array, at: number): number {
  return values[at + 5]! + values[at + 7]!
}

/** Adds what the row that begins at `at` says was carried. */
export function addTrafficAt(sum: Traffic, values: Float64Array, at: number): void {
  sum.toPeer.packets += values[at + 4]!
  sum.toPeer.bytes += values[at + 5]!
  sum.toClient.packets += values[at + 6]!
  sum.toClient.bytes += values[at + 7]!
}

/** The row that begins at `at`. */
function readingAt(values: Float64Array, at: number): Reading {
  return {
    allocation: values[at] as AllocationId,
    expires: values[at + 1]!,
    permissions: values[at + 2]!,
    channels: values[at + 3]!,
    traffic: {
      toPeer: { packets: values[at + 4]!, bytes: values[at + 5]! },
      toClient: { packets: values[at + 6]!, bytes: values[at + 7]! },
    },
    dropped: values[at + 8]!,
  }
}
