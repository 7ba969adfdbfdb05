import type { Address } from '../base/address.ts'
import { after, type Time } from '../base/time.ts'
import { RESERVATION_LIFETIME } from '../core/book.ts'
import type { Owner } from '../core/event.ts'
import type { ParkedPort, ReservedPort } from '../net/ports/parked-port.ts'

/**
 * The reserved ports of all workers (RFC 8656 §7.2). The main thread keeps
 * them, since the token may come to any worker; so they outlive the worker
 * that gave the token, too. Their number is bounded by the quotas.
 */
export class Reservations {
  /** By token, in latin1. */
  readonly #ports = new Map<string, ReservedPort>()

  get size(): number {
    return this.#ports.size
  }

  keep(parked: ParkedPort, owner: Owner, client: Address, now: Time): void {
    this.#ports.set(textOf(parked.token), {
      parked,
      owner,
      client,
      expires: after(now, RESERVATION_LIFETIME),
    })
  }

  /** Takes a port over that another process has reserved. */
  restore(port: ReservedPort): void {
    this.#ports.set(textOf(port.parked.token), port)
  }

  all(): ReservedPort[] {
    return [...this.#ports.values()]
  }

  has(token: Uint8Array): boolean {
    return this.#ports.has(textOf(token))
  }

  /** Takes the port of a token, which is good once. */
  take(token: Uint8Array, now: Time): ReservedPort | undefined {
    const port = this.#ports.get(textOf(token))
    if (!port || port.expires <= now) return undefined
    this.#ports.delete(textOf(token))
    return port
  }

  /** Takes those that nobody has claimed in time. */
  takeExpired(now: Time): ReservedPort[] {
    const ended = [...this.#ports].filter(([, { expires }]) => expires <= now)
    for (const [token] of ended) this.#ports.delete(token)
    return ended.map(([, port]) => port)
  }

  /** Takes them all. */
  takeAll(): ReservedPort[] {
    const all = this.all()
    this.#ports.clear()
    return all
  }
}

function textOf(token: Uint8Array): string {
  return Buffer.from(token).toString('latin1')
}
