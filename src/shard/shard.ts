import { RECORD, readRecord } from '../base/address.ts'
import { type Batch, PASS } from '../base/batch.ts'
import type { AllocationId, SocketId } from '../base/ids.ts'
import { addTraffic, noTraffic, type Traffic } from '../base/route.ts'
import type { Allocation } from '../core/allocation.ts'
import type { Command } from '../core/command.ts'
import type { Event } from '../core/event.ts'
import type { Input, Opened, Refused, Unreachable } from '../core/input.ts'
import type { Relay } from '../core/relay.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import type { RouteTable } from '../forward/route-table.ts'
import type { Inbox, World } from './world.ts'

/**
 * One core, one route table, and the wires between them. Lives in a process, a
 * worker, or a test. Time is read once for each batch and each call, here and
 * nowhere else.
 */
export class Shard implements Inbox {
  readonly #relay: Relay
  readonly #routes: RouteTable | NoTable
  readonly #world: World
  /** What routes carried that are gone while their allocation lives. */
  readonly #carried = new Map<AllocationId, Traffic>()
  /** What those have dropped. */
  readonly #dropped = new Map<AllocationId, number>()

  constructor(relay: Relay, routes: RouteTable | NoTable, openWorld: (inbox: Inbox) => World) {
    this.#relay = relay
    this.#routes = routes
    this.#world = openWorld(this)
  }

  received(batch: Batch): void {
    const now = this.#world.clock.now()
    const passed = this.#routes.forward(batch, now)
    // First what is on its way: a request behind it in the batch may close the socket it leaves by.
    this.#world.sockets.send(batch)
    if (passed === 0) return
    for (let i = 0; i < batch.count; i++) {
      if (batch.verdict[i] !== PASS) continue
      const socket = batch.socket[i] as SocketId
      const start = batch.start[i]!
      const bytes = batch.bytes.subarray(start, start + batch.length[i]!)
      const via = this.#world.sockets.via(socket)
      const from = readRecord(batch.remote, i * RECORD)
      this.#run(this.#relay.handle({ kind: 'datagram', via, socket, from, bytes }, now))
    }
  }

  /** Hands one input to the core and does what it commands. */
  take(input: Input): void {
    this.#run(this.#relay.handle(input, this.#world.clock.now()))
  }

  opened(opened: Opened): void {
    this.take({ kind: 'opened', ...opened })
  }

  refused(refused: Refused): void {
    this.take({ kind: 'refused', ...refused })
  }

  unreachable(error: Unreachable): void {
    this.take({ kind: 'unreachable', ...error })
  }

  hungUp(socket: SocketId): void {
    this.take({ kind: 'hangup', socket })
  }

  tick(): void {
    this.take({ kind: 'tick' })
  }

  allocations(): Iterable<Readonly<Allocation>> {
    return this.#relay.allocations()
  }

  /** What an allocation has carried so far, by the core and by its routes, past and present. */
  traffic(allocation: Readonly<Allocation>): Traffic {
    const sum = noTraffic()
    addTraffic(sum, allocation.traffic)
    const past = this.#carried.get(allocation.id)
    if (past) addTraffic(sum, past)
    for (const { route } of allocation.routes.values()) addTraffic(sum, this.#routes.read(route.id))
    return sum
  }

  /** Datagrams of an allocation that its token buckets have dropped so far. */
  dropped(allocation: Readonly<Allocation>): number {
    let sum = allocation.dropped + (this.#dropped.get(allocation.id) ?? 0)
    for (const { route } of allocation.routes.values()) sum += this.#routes.dropped(route.id)
    return sum
  }

  #run(commands: readonly Command[]): void {
    for (const command of commands) {
      switch (command.kind) {
        case 'send':
          this.#world.sockets.sendOne(command.socket, command.to, command.bytes, command.dontFragment)
          break
        case 'open':
          this.#world.open(command.claim)
          break
        case 'close':
          this.#world.sockets.close(command.socket)
          break
        case 'route':
          this.#routes.add(command.route)
          break
        case 'unroute':
          this.#settleDropped(command.allocation, this.#routes.dropped(command.route))
          this.#settle(command.allocation, this.#routes.remove(command.route))
          break
        case 'tell':
          this.#world.tell(this.#complete(command.event))
          break
      }
    }
  }

  #settle(allocation: AllocationId, carried: Traffic): void {
    if (carried.toPeer.packets + carried.toClient.packets === 0) return
    const sum = this.#carried.get(allocation) ?? noTraffic()
    addTraffic(sum, carried)
    this.#carried.set(allocation, sum)
  }

  #settleDropped(allocation: AllocationId, dropped: number): void {
    if (dropped > 0) this.#dropped.set(allocation, (this.#dropped.get(allocation) ?? 0) + dropped)
  }

  /** Adds to the end of an allocation what its routes carried; they are all gone by then. */
  #complete(event: Event): Event {
    if (event.kind !== 'closed') return event
    this.#dropped.delete(event.allocation)
    const carried = this.#carried.get(event.allocation)
    if (!carried) return event
    this.#carried.delete(event.allocation)
    addTraffic(carried, event.traffic)
    return { ...event, traffic: carried }
  }
}

/** A forwarder that leaves everything to the core. */
export interface NoTable extends Forwarder {
  forward(batch: Batch, now: number): number
}
