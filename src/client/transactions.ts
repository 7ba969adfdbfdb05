import type { Random, Time } from '../base/time.ts'
import { ERROR_CODE } from '../wire/attributes.ts'
import { get, type Message, MessageWriter, Method } from '../wire/message.ts'
import { isBidDown, isSigned, type LongTerm } from './long-term.ts'
import { Retransmission } from './retransmission.ts'
import { ignored, type RequestNumber, type TurnEvent } from './turn-event.ts'

/** Writes a request's own attributes; credentials and integrity are added after it, once more for each retry. */
export type WriteFields = (writer: MessageWriter) => void

/** Reads a success answer; `undefined` when it lacks what it should carry. */
export type Succeed = (message: Message, request: RequestNumber, now: Time) => TurnEvent | undefined

export interface TransactionsOptions {
  /** Absent: no request can be signed. */
  readonly longTerm: LongTerm | undefined
  readonly random: Random
  readonly reliable: boolean
  readonly fingerprint: boolean
  readonly rto: number | undefined
}

interface Pending {
  readonly request: RequestNumber
  readonly method: number
  readonly fields: WriteFields
  readonly succeed: Succeed
  readonly bytes: Buffer
  readonly timer: Retransmission
  /** The key it was signed with, if it was. */
  readonly key: Buffer | undefined
  readonly realm: string | undefined
  readonly retries: number
  /** An answer was thrown away because its integrity did not hold. */
  tampered: boolean
}

/** How often 438 may answer one request before it has failed. */
const STALE_RETRIES = 3

/**
 * The requests that are under way: sent again in time, retried after a
 * challenge, ended by the first answer that counts (RFC 8489 §6.2, §9.2.5).
 */
export class Transactions {
  readonly #options: TransactionsOptions
  readonly #outbox: Buffer[]
  readonly #pending = new Map<string, Pending>()
  #requests = 0

  /** Whatever is to be sent goes to the end of `outbox`. */
  constructor(options: TransactionsOptions, outbox: Buffer[]) {
    this.#options = options
    this.#outbox = outbox
  }

  start(method: number, fields: WriteFields, succeed: Succeed, now: Time): RequestNumber {
    const request = ++this.#requests
    this.#attempt({ request, method, fields, succeed }, 0, now)
    return request
  }

  /** Takes an answer, of class success or error. */
  answer(message: Message, now: Time): TurnEvent[] {
    const id = message.transaction.toString('latin1')
    const pending = this.#pending.get(id)
    if (!pending || pending.method !== message.method) return [ignored('no-transaction', message.bytes)]

    const error = message.class === 'error' ? get(message, ERROR_CODE) : undefined
    if (message.class === 'error' && !error) return [ignored('incomplete', message.bytes)]
    if (error?.code === 401 || error?.code === 438) {
      return this.#challenge(id, pending, message, error, now)
    }

    if (isBidDown(message)) return [ignored('bid-down', message.bytes)]
    if (pending.key && !isSigned(message, pending.key)) {
      // Over a stream nobody will send a better answer; over UDP this may be a forgery (RFC 8489 §9.2.5).
      if (this.#options.reliable) return [this.#fail(id, pending, 'integrity')]
      pending.tampered = true
      return [ignored('integrity', message.bytes)]
    }
    if (error) return [this.#reject(id, pending, message, error)]
    const event = pending.succeed(message, pending.request, now)
    if (!event) return [ignored('incomplete', message.bytes)]
    this.#pending.delete(id)
    return [event]
  }

  /** The next moment at which `tick` has something to do. */
  due(): Time | undefined {
    let earliest: Time | undefined
    for (const { timer } of this.#pending.values()) {
      if (earliest === undefined || timer.due < earliest) earliest = timer.due
    }
    return earliest
  }

  /** Sends again what has waited long enough, and gives up what has waited too long. */
  tick(now: Time): TurnEvent[] {
    const events: TurnEvent[] = []
    for (const [id, pending] of this.#pending) {
      while (this.#pending.has(id) && pending.timer.due <= now) {
        if (pending.timer.next() === 'resend') this.#outbox.push(pending.bytes)
        else events.push(this.#fail(id, pending, pending.tampered ? 'integrity' : 'timeout'))
      }
    }
    return events
  }

  #attempt(
    what: Pick<Pending, 'request' | 'method' | 'fields' | 'succeed'>,
    retries: number,
    now: Time,
  ): void {
    const transaction = randomTransaction(this.#options.random)
    const writer = new MessageWriter('request', what.method, transaction)
    what.fields(writer)
    const longTerm = this.#signerOf(what.method)
    longTerm?.sign(writer)
    if (this.#options.fingerprint) writer.fingerprint()
    const bytes = writer.finish()
    const { request, method, fields, succeed } = what
    this.#pending.set(transaction.toString('latin1'), {
      request,
      method,
      fields,
      succeed,
      bytes,
      timer: new Retransmission(now, this.#options.reliable, this.#options.rto),
      key: longTerm?.key,
      realm: longTerm?.realm,
      retries,
      tampered: false,
    })
    this.#outbox.push(bytes)
  }

  #challenge(
    id: string,
    pending: Pending,
    message: Message,
    error: { code: number; reason: string },
    now: Time,
  ): TurnEvent[] {
    const longTerm = this.#signerOf(pending.method)
    if (!longTerm) return [this.#reject(id, pending, message, error)]
    if (!longTerm.challenged(message)) return [this.#fail(id, pending, 'challenge')]
    // The same credentials again cannot fare better (RFC 8489 §9.2.5).
    const hopeless = error.code === 401 ? pending.realm === longTerm.realm : pending.retries >= STALE_RETRIES
    if (hopeless) return [this.#reject(id, pending, message, error)]
    this.#pending.delete(id)
    this.#attempt(pending, pending.retries + 1, now)
    return []
  }

  #reject(
    id: string,
    pending: Pending,
    message: Message,
    error: { code: number; reason: string },
  ): TurnEvent {
    this.#pending.delete(id)
    const { request, method } = pending
    return { kind: 'rejected', request, method, code: error.code, reason: error.reason, message }
  }

  #fail(id: string, pending: Pending, why: 'timeout' | 'integrity' | 'challenge'): TurnEvent {
    this.#pending.delete(id)
    return { kind: 'failed', request: pending.request, method: pending.method, why }
  }

  /** Binding is for everybody, so it is never signed (RFC 8489 §12). */
  #signerOf(method: number): LongTerm | undefined {
    return method === Method.Binding ? undefined : this.#options.longTerm
  }
}

/** A fresh transaction id. */
export function randomTransaction(random: Random): Buffer {
  const transaction = Buffer.alloc(12)
  random(transaction)
  return transaction
}
