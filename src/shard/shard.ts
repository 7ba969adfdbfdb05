import { RECORD, readRecord } from '../base/address.ts'
import { type Batch, PASS } from '../base/batch.ts'
import type { RouteId, SocketId } from '../base/ids.ts'
import { addCarried, type Carried, nothingCarried } from '../base/route.ts'
import type { Time } from '../base/time.ts'
import type { Allocation } from '../core/allocation.ts'
import type { Command } from '../core/command.ts'
import type { Event } from '../core/event.ts'
import type { Input, Opened, Refused, Unreachable } from '../core/input.ts'
import type { Relay } from '../core/relay.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import { Accounts } from './accounts.ts'
import { Forwarders } from './forwarders.ts'
import type { Inbox, World } from './world.ts'

/**
 * One core, its forwarders, and the wires between them. Lives in a process, a
 * worker, or a test. Time is read once for each batch and each call, here and
 * nowhere else.
 */
export class Shard implements Inbox {
  readonly #relay: Relay
  readonly #forwarders: Forwarders
  readonly #world: World
  readonly #accounts = new Accounts()

  /** `forwarders`: the preferred one first; with none the core relays every datagram itself. */
  constructor(relay: Relay, forwarders: readonly Forwarder[], openWorld: (inbox: Inbox) => World) {
    this.#relay = relay
    this.#forwarders = new Forwarders(forwarders)
    this.#world = openWorld(this)
  }

  received(batch: Batch): void {
    const now = this.#world.clock.now()
    const passed = this.#forwarders.forward(batch, now)
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
      this.#run(this.#relay.handle({ kind: 'datagram', via, socket, from, bytes }, now), now)
    }
  }

  /** Hands one input to the core and does what it commands. */
  take(input: Input): void {
    const now = this.#world.clock.now()
    this.#run(this.#relay.handle(input, now), now)
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

  settled(by: Forwarder, route: RouteId, carried: Readonly<Carried>): void {
    const now = this.#world.clock.now()
    const event = this.#accounts.settled(by, route, carried)
    if (event) this.#world.tell(event)
    this.#enter(now)
  }

  tick(): void {
    for (const event of this.#accounts.overdue(this.#world.clock.now())) this.#world.tell(event)
    this.take({ kind: 'tick' })
  }

  continue(): void {
    this.take({ kind: 'continue' })
  }

  /** Tells of the ends of allocations that wait for figures of a forwarder, as nothing will be told afterwards. */
  finish(): void {
    for (const event of this.#accounts.overdue()) this.#world.tell(event)
  }

  allocations(): Iterable<Readonly<Allocation>> {
    return this.#relay.allocations()
  }

  /** What an allocation has carried so far, and its token buckets have dropped, by the core and by its routes. */
  carried(allocation: Readonly<Allocation>): Carried {
    const sum = nothingCarried()
    addCarried(sum, allocation)
    for (const { route } of allocation.routes.values()) addCarried(sum, this.#forwarders.read(route.id))
    return sum
  }

  #run(commands: readonly Command[], now: Time): void {
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
        case 'route': {
          const { allocation, route } = command
          const before = this.#forwarders.add(route)
          if (before) this.#accounts.take(allocation, route.id, before)
          break
        }
        case 'unroute':
          this.#accounts.take(command.allocation, command.route, this.#forwarders.remove(command.route))
          break
        case 'tell':
          this.#tell(command.event, now)
          break
        case 'continue':
          this.#world.continue()
          break
      }
    }
    this.#enter(now)
  }

  #tell(event: Event, now: Time): void {
    if (event.kind === 'closed') this.#world.ended(event.allocation, event.owner)
    const told = event.kind === 'closed' ? this.#accounts.complete(event, now) : event
    if (told) this.#world.tell(told)
  }

  /** Enters what routes have carried that are gone while their allocation lives. */
  #enter(now: Time): void {
    for (const ended of this.#accounts.ended()) this.#relay.handle({ kind: 'routes-ended', ...ended }, now)
  }
}
