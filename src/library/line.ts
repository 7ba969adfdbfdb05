import { type Address, sameAddress } from '../base/address.ts'
import type { Time } from '../base/time.ts'
import type { TurnClient } from '../client/turn-client.ts'
import type { RequestNumber, TurnEvent } from '../client/turn-event.ts'
import type { ProbeLink } from '../dial/link.ts'
import { monotonicClock } from '../system/clock.ts'
import { CannotConnect, TaciturnError, TurnRejected } from './errors.ts'

/** A socket to a server. */
export interface OpenLink {
  readonly link: ProbeLink
  readonly server: Address
}

type Answer = Extract<TurnEvent, { readonly request: RequestNumber }>

/** Who hears what comes without having been asked for. */
export interface LineHears {
  /** Data of a peer, or an ICMP error. */
  came(event: TurnEvent & { readonly kind: 'data' | 'icmp' }): void
  /** A renewal failed, or the server hung up. */
  failed(error: TaciturnError): void
}

/** A TURN client on one socket: its requests, and the timer that it needs. */
export class Line {
  readonly client: TurnClient
  readonly #link: ProbeLink
  readonly #server: Address
  readonly #hears: LineHears
  readonly #waiting = new Map<RequestNumber, (answer: Answer | TaciturnError) => void>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(client: TurnClient, { link, server }: OpenLink, hears: LineHears) {
    this.client = client
    this.#link = link
    this.#server = server
    this.#hears = hears
    link.listen((bytes, from) => this.#take(bytes, from))
    link.ended(() => this.#failed(new TaciturnError('CLOSED', 'the server closed the connection')))
  }

  /** Whether requests can be answered at all. */
  get isUsable(): boolean {
    return !this.#closed && !this.#link.fault
  }

  /** Makes a request. Rejects where it is not answered with success. */
  ask(start: (client: TurnClient, now: Time) => RequestNumber): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { fault } = this.#link
      if (this.#closed || fault) {
        reject(fault ? new CannotConnect(fault) : new TaciturnError('CLOSED', 'this connection is closed'))
        return
      }
      this.#waiting.set(start(this.client, monotonicClock.now()), answer => {
        if (answer instanceof Error) reject(answer)
        else if (answer.kind === 'rejected') reject(new TurnRejected(answer.code, answer.reason))
        else if (answer.kind === 'failed') reject(failure(answer.why))
        else resolve(answer)
      })
      this.flush()
    })
  }

  /** Sends what the client has to send. */
  flush(): void {
    if (this.#closed) return
    for (const bytes of this.client.drain()) this.#link.send(bytes)
    clearTimeout(this.#timer)
    const due = this.client.due()
    if (due === undefined) return
    this.#timer = setTimeout(
      () => {
        this.#tell(this.client.tick(monotonicClock.now()))
        this.flush()
      },
      Math.max(1, due - monotonicClock.now()),
    )
  }

  /** Ends all requests with an error and closes the socket. */
  close(error: TaciturnError): void {
    this.#closed = true
    clearTimeout(this.#timer)
    for (const finish of [...this.#waiting.values()]) finish(error)
    this.#waiting.clear()
    this.#link.close()
  }

  #take(bytes: Buffer, from: Address): void {
    // Over UDP anybody can send here; only the server is believed.
    if (this.#closed || !sameAddress(from, this.#server)) return
    this.#tell(this.client.take(bytes, monotonicClock.now()))
    this.flush()
  }

  #tell(events: readonly TurnEvent[]): void {
    for (const event of events) {
      if (event.kind === 'data' || event.kind === 'icmp') this.#hears.came(event)
      else if (event.kind !== 'ignored') this.#settle(event)
    }
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.request)
    this.#waiting.delete(answer.request)
    if (waiting) waiting(answer)
    // A renewal that nobody waits for.
    else if (answer.kind === 'rejected') this.#failed(new TurnRejected(answer.code, answer.reason))
    else if (answer.kind === 'failed') this.#failed(failure(answer.why))
  }

  #failed(error: TaciturnError): void {
    if (!this.#closed) this.#hears.failed(error)
  }
}

function failure(why: 'timeout' | 'integrity' | 'challenge'): TaciturnError {
  if (why === 'timeout') return new TaciturnError('TIMEOUT', 'the server did not answer')
  return why === 'integrity'
    ? new TaciturnError('NOT_AUTHENTIC', 'the answer is not signed with the credential')
    : new TaciturnError('NOT_AUTHENTIC', 'the server does not accept the credential')
}
