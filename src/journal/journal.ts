import type { PeerAddress } from '../base/address.ts'
import type { AllocationId, ChannelNumber } from '../base/ids.ts'
import type { Carried } from '../base/route.ts'
import type { Time } from '../base/time.ts'
import type { AllocationJournal } from '../core/snapshot/journal.ts'
import type { AllocationRecord } from '../core/snapshot/parts.ts'
import { type Chain, Chains } from './chains.ts'
import { RecordWriter } from './octets.ts'
import { readAllocation, writeChange } from './records.ts'

/** Octets that may be added to an allocation before it is written anew, where that is more than it began with. */
const ADDED = 1024

/** What a thread that broke has left behind. */
export interface Legacy {
  readonly allocations: readonly AllocationRecord[]
  /** Allocations that could not be read. */
  readonly damaged: number
}

/**
 * The journal of a shard in memory that outlives its thread: a chain of records
 * for each open allocation. Nothing is written for a datagram that is relayed.
 */
export class SharedJournal implements AllocationJournal {
  readonly #chains: Chains
  readonly #byId = new Map<AllocationId, Chain>()
  readonly #writer = new RecordWriter()
  #lacking = 0

  /** The memory is that of a shard before this one, or new. `adopt` must be called first. */
  constructor(memory: ArrayBufferLike) {
    this.#chains = new Chains(memory)
  }

  static memory(octets?: number): SharedArrayBuffer {
    return Chains.memory(octets)
  }

  /** Whose input its thread was handling when that ended. */
  get served(): AllocationId | undefined {
    return (this.#chains.note || undefined) as AllocationId | undefined
  }

  /** Whose input a thread was handling when it broke. For others than the thread that writes. */
  static served(memory: ArrayBufferLike): AllocationId | undefined {
    return (new Chains(memory).note || undefined) as AllocationId | undefined
  }

  /**
   * Reads what the shard before this one has left, and goes on from there.
   * Allocations that are not wanted are forgotten.
   */
  adopt(wanted: (allocation: AllocationRecord) => boolean): Legacy {
    const allocations: AllocationRecord[] = []
    let damaged = 0
    this.#chains.adopt((octets, figures, chain) => {
      const allocation = readAllocation(octets, figures)
      if (!allocation || this.#byId.has(allocation.id)) {
        damaged++
        return false
      }
      if (!wanted(allocation)) return false
      this.#byId.set(allocation.id, chain)
      allocations.push(allocation)
      return true
    })
    return { allocations, damaged }
  }

  /** A moment that its owner writes down again and again: the last sign of its life. */
  get beat(): number {
    return this.#chains.beat
  }

  set beat(moment: number) {
    this.#chains.beat = moment
  }

  /**
   * Leaves everything as it is from now on, as the process is about to end and another is to go on with it. This holds
   * for whichever thread writes.
   */
  close(): void {
    this.#chains.shut()
  }

  /** Allocations for which there was no room, since the start. */
  get lacking(): number {
    return this.#lacking
  }

  get size(): number {
    return this.#byId.size
  }

  whole(record: AllocationRecord): void {
    if (this.#chains.isClosed) return
    writeChange(this.#writer, { kind: 'whole', value: record })
    const octets = this.#writer.take()
    const chain = this.#byId.get(record.id)
    if (chain) {
      if (!this.#chains.replace(chain, octets)) this.#lacking++
      return
    }
    const opened = this.#chains.open(octets, figuresOf(record))
    if (opened) this.#byId.set(record.id, opened)
    else this.#lacking++
  }

  prolonged(allocation: AllocationId, expires: readonly Time[]): boolean {
    writeChange(this.#writer, { kind: 'prolonged', value: { expires } })
    return this.#add(allocation)
  }

  permitted(allocation: AllocationId, ips: readonly Uint8Array[], expires: Time): boolean {
    writeChange(this.#writer, { kind: 'permitted', value: { ips, expires } })
    return this.#add(allocation)
  }

  bound(allocation: AllocationId, channel: ChannelNumber, peer: PeerAddress, expires: Time): boolean {
    writeChange(this.#writer, { kind: 'bound', value: { channel, peer, expires } })
    return this.#add(allocation)
  }

  ended(allocation: AllocationId): void {
    if (this.#chains.isClosed) return
    const chain = this.#byId.get(allocation)
    if (!chain) return
    this.#byId.delete(allocation)
    this.#chains.close(chain)
  }

  serving(allocation: AllocationId | undefined): void {
    if (this.#chains.isClosed) return
    this.#chains.note = allocation ?? 0
  }

  /** What an allocation has carried. For those who know it, from time to time. */
  carried(allocation: AllocationId, carried: Readonly<Carried>): void {
    const chain = this.#byId.get(allocation)
    if (chain) this.#chains.setFigures(chain, figuresOf(carried))
  }

  #add(allocation: AllocationId): boolean {
    const octets = this.#writer.take()
    if (this.#chains.isClosed) return true
    const chain = this.#byId.get(allocation)
    if (!chain) return false
    if (chain.length + octets.length - chain.begun > Math.max(ADDED, chain.begun)) return false
    return this.#chains.add(chain, octets)
  }
}

function figuresOf({ traffic: { toPeer, toClient }, dropped }: Readonly<Carried>): number[] {
  return [toPeer.packets, toPeer.bytes, toClient.packets, toClient.bytes, dropped]
}
