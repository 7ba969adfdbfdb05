import type { Address } from '../base/address.ts'
import type { Batch } from '../base/batch.ts'
import type { FiveTuple } from '../base/five-tuple.ts'
import type { AllocationId, RouteId, SocketId } from '../base/ids.ts'
import type { Carried } from '../base/route.ts'
import type { Clock } from '../base/time.ts'
import type { Via } from '../base/via.ts'
import type { Claim, Referral } from '../core/command.ts'
import type { Event, Owner } from '../core/event.ts'
import type { Opened, Refused, Unreachable } from '../core/input.ts'
import type { Forwarder } from '../forward/forwarder.ts'

/** What a shard may do. There is a real one and a simulated one. */
export interface World {
  readonly clock: Clock
  readonly sockets: Sockets
  /** Whether a client is served at all; counts what it sends otherwise. Asked of what no forwarder has relayed. */
  serves(client: Address): boolean
  /** Checks quota, binds relay sockets, then answers Inbox.opened or Inbox.refused, now or later. */
  open(claim: Claim): void
  /**
   * An allocation has ended: what it held of quotas is free. The event that
   * tells of its end comes at once too, or later, when its figures are known.
   */
  ended(allocation: AllocationId, owner: Owner): void
  /**
   * Has the shard answer that holds the allocation, or this one if none does.
   * The octets are used up when it returns.
   */
  refer(referral: Referral): void
  /** What comes on a 5-tuple is for this shard, or no longer is, whichever shard has the socket. */
  host(client: FiveTuple, on: boolean): void
  tell(event: Event): void
  /** The core has more to do: `Inbox.continue` once others have had their turn. */
  continue(): void
}

/** Open sockets, by id. */
export interface Sockets {
  via(socket: SocketId): Via
  /** Sends the slots marked SEND. What the kernel will not take now is dropped and counted. */
  send(batch: Batch): void
  /** Sends one datagram, or one frame on a stream. The octets are used up when it returns. */
  sendOne(socket: SocketId, to: Address, bytes: Buffer, dontFragment?: boolean): void
  close(socket: SocketId): void
}

/** What a shard may be told. */
export interface Inbox {
  received(batch: Batch): void
  opened(opened: Opened): void
  refused(refused: Refused): void
  unreachable(error: Unreachable): void
  hungUp(socket: SocketId): void
  /** Figures that a forwarder owed for a route that it had to give up. */
  settled(by: Forwarder, route: RouteId, carried: Readonly<Carried>): void
  /** Once a second. */
  tick(): void
  /** Answers `World.continue`. */
  continue(): void
}
