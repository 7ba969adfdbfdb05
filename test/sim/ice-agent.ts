import type { Address } from '../../src/base/address.ts'
import type { Random } from '../../src/base/time.ts'
import { USERNAME } from '../../src/wire/attributes.ts'
import { readIce } from '../../src/wire/ice.ts'
import { verify } from '../../src/wire/integrity.ts'
import { type Message, MessageWriter, Method, parse } from '../../src/wire/message.ts'

/** What two ICE agents tell each other by signalling. */
export interface Session {
  readonly ufrag: string
  readonly password: string
  /** Where the agent can be reached. */
  readonly address: () => Address | undefined
}

/** One of the ways by which an agent sends: an allocation, or a socket of its own. */
export type Way = (to: Address, bytes: Buffer) => void

/** Milliseconds without an answer after which an agent sends no data (RFC 7675 §5.1). */
const CONSENT = 30_000

/** An ICE agent as far as a relay sees it (RFC 8445): checks, answers that prove who one is, and data. */
export class IceAgent implements Session {
  readonly ufrag: string
  readonly password: string
  readonly address: () => Address | undefined
  /** Data that was meant for it, as text. */
  readonly inbox: string[] = []
  /** Whatever else arrived: for another, or from nobody it has asked. */
  readonly foreign: string[] = []
  /** When the other has answered last. */
  answered = Number.NEGATIVE_INFINITY
  readonly #ways: readonly Way[]
  readonly #random: Random
  readonly #asked = new Set<string>()
  /** The way that the last answer came by. */
  #best = 0

  constructor(ufrag: string, ways: readonly Way[], random: Random, address: () => Address | undefined) {
    this.ufrag = ufrag
    this.password = `password of ${ufrag}`
    this.#ways = ways
    this.#random = random
    this.address = address
  }

  /** Sends a check on every way. */
  check(other: Session): void {
    const to = other.address()
    if (!to) return
    for (const way of this.#ways) {
      const bytes = checkOf(`${other.ufrag}:${this.ufrag}`, other.password, this.#random)
      this.#asked.add(bytes.toString('latin1', 8, 20))
      way(to, bytes)
    }
  }

  /** Sends data, if the other has answered lately. */
  say(other: Session, text: string, now: number): boolean {
    const to = other.address()
    if (!to || now - this.answered > CONSENT) return false
    this.#ways[this.#best]!(to, Buffer.from(`${other.ufrag} ${text}`))
    return true
  }

  /** Takes what came by one of its ways. */
  take(way: number, from: Address, bytes: Buffer, other: Session, now: number): void {
    const ice = readIce(bytes)
    if (!ice) {
      const text = bytes.toString()
      if (text.startsWith(`${this.ufrag} `)) this.inbox.push(text.slice(this.ufrag.length + 1))
      else this.foreign.push(text)
      return
    }
    if (ice.kind === 'success' || ice.kind === 'error') {
      if (!this.#asked.delete(ice.transaction)) this.foreign.push(`an answer from ${from.port}`)
      else if (ice.kind === 'success') {
        this.answered = now
        this.#best = way
      }
      return
    }
    if (ice.kind !== 'check') return
    if (!ice.username.startsWith(`${this.ufrag}:`)) this.foreign.push(`a check for ${ice.username}`)
    const message = parse(bytes) as Message
    const isGood =
      ice.username === `${this.ufrag}:${other.ufrag}` && verify(message, 'sha1', Buffer.from(this.password))
    const transaction = Buffer.from(ice.transaction, 'latin1')
    const writer = new MessageWriter(isGood ? 'success' : 'error', Method.Binding, transaction)
    this.#ways[way]!(from, writer.finish())
  }
}

/** A connectivity check as an agent makes it. */
export function checkOf(username: string, password: string, random: Random): Buffer {
  const transaction = Buffer.alloc(12)
  random(transaction)
  return new MessageWriter('request', Method.Binding, transaction)
    .set(USERNAME, username)
    .sign('sha1', Buffer.from(password))
    .finish()
}
