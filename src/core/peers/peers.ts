import { type PeerAddress, RECORD, readRecord, writeRecord } from '../../base/address.ts'
import type { AllocationRow, ChannelNumber, LifetimeId, RouteId } from '../../base/ids.ts'
import { NumberIndex, RecordIndex } from '../../base/row-index.ts'
import { type RowList, RowStore } from '../../base/row-store.ts'
import type { Random } from '../../base/time.ts'

/** Words in a row: the allocation, the peer's record, its channel, the lifetime, and two for the list. */
const ROW = 10
const ALLOCATION = 0
const PEER = 1
const CHANNEL = 6
/** The lifetime times four, plus what forwarders have. */
const LIFETIME = 7

// What forwarders have of a peer.
export const NO_ROUTE = 0
export const ROUTED = 1
/** A route that is not as it should be any more, until it is made again or withdrawn. */
export const STALE = 2

/**
 * The peers of all allocations to which a channel is bound (RFC 8656 §12), or
 * to which forwarders have a route, found by allocation and either the peer's
 * address or the channel number. The number of the row is the RouteId.
 */
export class Peers {
  readonly #rows = new RowStore(ROW)
  readonly #byAddress: RecordIndex
  readonly #byChannel: NumberIndex
  readonly #wanted = new Uint8Array(RECORD)
  readonly #words = new Int32Array(this.#wanted.buffer)

  constructor(random: Random) {
    this.#byAddress = new RecordIndex(this.#rows, ROW, ALLOCATION, random)
    this.#byChannel = new NumberIndex(this.#rows, ROW, ALLOCATION, CHANNEL, random)
  }

  get size(): number {
    return this.#rows.taken
  }

  /** The row of exactly this peer. */
  find(allocation: AllocationRow, peer: PeerAddress): RouteId | undefined {
    writeRecord(peer, this.#wanted, 0)
    return rowOrNone(this.#byAddress.find(allocation, this.#words, 0))
  }

  /** The row that a channel number is bound in. The binding may have ended. */
  onChannel(allocation: AllocationRow, channel: ChannelNumber): RouteId | undefined {
    return rowOrNone(this.#byChannel.find(allocation, channel))
  }

  /** Adds a peer, of which there must be no row; it has neither channel nor route yet. */
  add(list: RowList, allocation: AllocationRow, peer: PeerAddress): RouteId {
    const row = this.#rows.take(list)
    this.#rows.words[row * ROW + ALLOCATION] = allocation
    writeRecord(peer, this.#rows.octets, (row * ROW + PEER) * 4)
    this.#byAddress.set(row)
    return row as RouteId
  }

  remove(list: RowList, row: RouteId): void {
    if (this.channel(row) !== 0) this.#byChannel.delete(row)
    this.#byAddress.delete(row)
    this.#rows.give(list, row)
  }

  /** The rows of an allocation's list; each may be removed on the way. */
  of(list: RowList): Iterable<RouteId> {
    return this.#rows.of(list) as Iterable<RouteId>
  }

  /** The same as an array, in the order in which they were added. */
  inOrder(list: RowList): readonly RouteId[] {
    return this.#rows.inOrder(list) as readonly number[] as readonly RouteId[]
  }

  /** Sets or takes away (0) the channel. */
  setChannel(row: RouteId, channel: ChannelNumber | 0): void {
    if (this.channel(row) !== 0) this.#byChannel.delete(row)
    this.#rows.words[row * ROW + CHANNEL] = channel
    if (channel !== 0) this.#byChannel.set(row)
  }

  /** Says by which lifetime the peer is admitted, and what forwarders have of it. */
  setLifetime(row: RouteId, lifetime: LifetimeId, route: number): void {
    this.#rows.words[row * ROW + LIFETIME] = lifetime * 4 + route
  }

  /** The row's route, if it has one, is not as it should be any more. */
  makeStale(row: RouteId): void {
    if (this.route(row) === ROUTED) this.setLifetime(row, this.lifetime(row), STALE)
  }

  allocation(row: RouteId): AllocationRow {
    return this.#rows.words[row * ROW + ALLOCATION]! as AllocationRow
  }

  channel(row: RouteId): ChannelNumber | 0 {
    return this.#rows.words[row * ROW + CHANNEL]! as ChannelNumber | 0
  }

  lifetime(row: RouteId): LifetimeId {
    return (this.#rows.words[row * ROW + LIFETIME]! >>> 2) as LifetimeId
  }

  /** `NO_ROUTE`, `ROUTED` or `STALE`. */
  route(row: RouteId): number {
    return this.#rows.words[row * ROW + LIFETIME]! & 3
  }

  family(row: RouteId): 4 | 6 {
    return this.#rows.octets[(row * ROW + PEER) * 4] as 4 | 6
  }

  address(row: RouteId): PeerAddress {
    return readRecord(this.#rows.octets, (row * ROW + PEER) * 4)
  }
}

function rowOrNone(row: number): RouteId | undefined {
  return row < 0 ? undefined : (row as RouteId)
}
