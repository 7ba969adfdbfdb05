import { randomFillSync } from 'node:crypto'
import type { Address } from '../base/address.ts'
import type { ChannelNumber } from '../base/ids.ts'
import { TurnClient } from '../client/turn-client.ts'
import type { RequestNumber, TurnEvent } from '../client/turn-event.ts'
import type { LinkFault, ProbeLink } from '../dial/link.ts'
import { monotonicClock } from '../system/clock.ts'

export interface Credential {
  readonly username: string
  readonly password: string
}

/** What a request came to: the event that ends it, or why there is none. */
export type TurnAnswer =
  | Exclude<TurnEvent, { kind: 'data' | 'icmp' | 'ignored' }>
  | { readonly kind: 'silent'; readonly fault: LinkFault | undefined }

type DataEvent = Extract<TurnEvent, { kind: 'data' }>

/** Milliseconds before the first retransmission: a doctor is impatient. */
const RTO = 200
/** Milliseconds that a request may take in all. */
const PATIENCE = 3000

/** A TURN client on a real link, with promises. Every wait has an end. */
export class TurnSession {
  readonly #link: ProbeLink
  readonly #client: TurnClient
  readonly #waiting = new Map<RequestNumber, (answer: TurnAnswer) => void>()
  #timer: NodeJS.Timeout | undefined
  #onData: (event: DataEvent) => void = () => undefined
  #closed = false
  /** Where the last message came from. */
  from: Address | undefined
  /** Octets of the first request and of the first answer, for the amplification. */
  sizes: { asked: number; answered: number } | undefined
  #asked = 0

  constructor(link: ProbeLink, credential?: Credential) {
    this.#link = link
    this.#client = new TurnClient({
      ...credential,
      random: into => void randomFillSync(into),
      reliable: link.reliable,
      rto: RTO,
      // What browsers are: clients of RFC 5389, which know nothing of PASSWORD-ALGORITHMS.
      algorithms: 'ignore',
    })
    link.listen((bytes, from) => this.#take(bytes, from))
  }

  get relayed(): readonly Address[] {
    return this.#client.relayed
  }

  get mapped(): Address | undefined {
    return this.#client.mapped
  }

  get key(): Buffer | undefined {
    return this.#client.key
  }

  get realm(): string | undefined {
    return this.#client.realm
  }

  get fault(): LinkFault | undefined {
    return this.#link.fault
  }

  /** Makes a request and waits for what it comes to. */
  ask(
    start: (client: TurnClient, now: ReturnType<typeof monotonicClock.now>) => RequestNumber,
    patience: number = PATIENCE,
  ): Promise<TurnAnswer> {
    return new Promise(resolve => {
      const request = start(this.#client, monotonicClock.now())
      const finish = (answer: TurnAnswer): void => {
        clearTimeout(end)
        clearInterval(look)
        this.#waiting.delete(request)
        resolve(answer)
      }
      const silent = () => finish({ kind: 'silent', fault: this.#link.fault })
      const end = setTimeout(silent, patience)
      // A link that has failed will not answer any more.
      const look = setInterval(() => {
        if (this.#link.fault) silent()
      }, 50)
      this.#waiting.set(request, finish)
      this.#flush()
    })
  }

  /** Says who is given the data of peers. */
  onData(take: (event: DataEvent) => void): void {
    this.#onData = take
  }

  sendIndication(peer: Address, payload: Buffer): void {
    this.#client.sendIndication(peer, payload)
    this.#flush()
  }

  sendChannel(channel: ChannelNumber, payload: Buffer): void {
    this.#client.sendChannel(channel, payload)
    this.#flush()
  }

  /** Gives the allocation back, where there is one, and closes. */
  async end(): Promise<void> {
    if (!this.#closed && !this.fault && this.#client.relayed.length > 0) {
      await this.ask((client, now) => client.release(now), 1000)
    }
    this.close()
  }

  /** Closes at once. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    for (const finish of [...this.#waiting.values()]) finish({ kind: 'silent', fault: undefined })
    this.#link.close()
  }

  #take(bytes: Buffer, from: Address): void {
    if (this.#closed) return
    this.from = from
    if (this.#asked > 0) this.sizes ??= { asked: this.#asked, answered: bytes.length }
    for (const event of this.#client.take(bytes, monotonicClock.now())) this.#tell(event)
    this.#flush()
  }

  #tell(event: TurnEvent): void {
    if (event.kind === 'data') this.#onData(event)
    else if (event.kind !== 'icmp' && event.kind !== 'ignored') this.#waiting.get(event.request)?.(event)
  }

  #flush(): void {
    if (this.#closed) return
    for (const bytes of this.#client.drain()) {
      if (this.#asked === 0) this.#asked = bytes.length
      this.#link.send(bytes)
    }
    clearTimeout(this.#timer)
    const due = this.#client.due()
    if (due === undefined) return
    this.#timer = setTimeout(
      () => {
        for (const event of this.#client.tick(monotonicClock.now())) this.#tell(event)
        this.#flush()
      },
      Math.max(1, due - monotonicClock.now()),
    )
  }
}
