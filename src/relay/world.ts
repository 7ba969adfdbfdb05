import type { Address } from '../base/address.ts'
import type { FiveTuple } from '../base/five-tuple.ts'
import type { AllocationId, SocketId } from '../base/ids.ts'
import type { Result } from '../base/result.ts'
import type { Clock } from '../base/time.ts'
import type { Claim, Referral } from '../core/command.ts'
import type { Event, Owner } from '../core/event.ts'
import type { Opened, Refused } from '../core/input.ts'
import type { ParkedPort } from '../net/ports/parked-port.ts'
import type { Inbox, Sockets, World } from '../shard/world.ts'
import type { Gate } from './admission.ts'

/** Opens relay sockets for a claim; `RelayPorts` is the real one. */
export interface Ports {
  open(claim: Claim, parked?: ParkedPort): Promise<Result<Opened, Refused>>
}

/** What the world is made of. */
export interface Parts {
  readonly clock: Clock
  readonly sockets: Sockets
  readonly ports: Ports
  readonly admission: Gate
  /** Answers come from outside a batch, so what it throws must end with it. */
  readonly inbox: Pick<Inbox, 'opened' | 'refused' | 'continue'>
  /** Where other shards are reached that may hold an allocation. */
  readonly refer: World['refer']
  readonly host: World['host']
  /** Is told everything, but claims that were given up before they opened. */
  readonly heard: (event: Event) => void
  /** See `World`. */
  readonly serves: (client: Address) => boolean
}

/**
 * The real world: quota first, then sockets, then the answer. Units and ports
 * go back where sockets are closed and allocations end, so no path can forget
 * one without the other.
 */
export class RealWorld implements World {
  readonly clock: Clock
  readonly sockets: Sockets
  readonly #parts: Parts
  #isContinuing = false
  /** Reserved ports that no token has claimed, by socket. */
  readonly #reserved = new Map<SocketId, { readonly owner: Owner; readonly client: Address }>()

  constructor(parts: Parts) {
    this.#parts = parts
    this.clock = parts.clock
    this.sockets = parts.sockets
  }

  serves(client: Address): boolean {
    return this.#parts.serves(client)
  }

  open(claim: Claim): void {
    const { admission, ports, inbox } = this.#parts
    const { allocation } = claim
    admission.admit(claim, (refusal, parked) => {
      if (refusal) {
        // The token is used up by the attempt, so the port behind it is free again.
        if (claim.reserved) this.sockets.close(claim.reserved.relay.socket)
        inbox.refused({ allocation, ...refusal })
        return
      }
      void ports.open(claim, parked).then(result => this.#answer(claim, result))
    })
  }

  /** After whatever has arrived meanwhile. */
  continue(): void {
    if (this.#isContinuing) return
    this.#isContinuing = true
    setImmediate(() => {
      this.#isContinuing = false
      this.#parts.inbox.continue()
    })
  }

  ended(allocation: AllocationId): void {
    this.#parts.admission.release(allocation)
  }

  refer(referral: Referral): void {
    this.#parts.refer(referral)
  }

  host(client: FiveTuple, on: boolean): void {
    this.#parts.host(client, on)
  }

  tell(event: Event): void {
    // The client left while its sockets were being bound: nobody heard that it opened.
    if (event.kind === 'closed' && event.relayed.length === 0) return
    this.#parts.heard(event)
  }

  /** Ports that wait for their tokens. */
  *reserved(): Generator<{ readonly socket: SocketId; readonly owner: Owner; readonly client: Address }> {
    for (const [socket, { owner, client }] of this.#reserved) yield { socket, owner, client }
  }

  /** Takes note of a port that waits for its token and that another process has reserved. */
  takeReserved(socket: SocketId, owner: Owner, client: Address): void {
    this.#reserved.set(socket, { owner, client })
  }

  /** To be told of every socket that the shard closes. The unit of a reserved port goes back with it. */
  closed(socket: SocketId): void {
    const reserved = this.#reserved.get(socket)
    if (!reserved) return
    this.#reserved.delete(socket)
    this.#parts.admission.unreserve(reserved.owner, reserved.client)
  }

  #answer(claim: Claim, result: Result<Opened, Refused>): void {
    const { admission, inbox } = this.#parts
    const { allocation, owner, client } = claim
    if (!result.ok) {
      admission.release(allocation)
      inbox.refused(result.error)
      return
    }
    const opened = result.value
    admission.confirm(allocation)
    if (claim.reserved) this.#reserved.delete(claim.reserved.relay.socket)
    if (opened.reserved) this.#reserved.set(opened.reserved.socket, { owner, client })
    inbox.opened(opened)
  }
}
