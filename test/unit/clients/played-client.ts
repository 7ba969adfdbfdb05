import { type Address, formatAddress } from '../../../src/base/address.ts'
import type { ChannelNumber } from '../../../src/base/ids.ts'
import type { Seconds, Time } from '../../../src/base/time.ts'
import { isStream, type Via } from '../../../src/base/via.ts'
import { familyCode } from '../../../src/wire/address-shapes.ts'
import {
  CHANNEL_NUMBER,
  DATA,
  ERROR_CODE,
  LIFETIME,
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHMS,
  REALM,
  REQUESTED_ADDRESS_FAMILY,
  REQUESTED_TRANSPORT,
  SOFTWARE,
  USERNAME,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../../../src/wire/attributes.ts'
import { CHANNEL_HEADER, channelLength, readChannel, writeChannelData } from '../../../src/wire/channel.ts'
import { longTermKey, PasswordAlgorithm, verify } from '../../../src/wire/integrity.ts'
import { get, has, type Message, MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { MD5, SHA256 } from '../../sim/craft.ts'
import { SERVER } from '../../sim/places.ts'
import { dice, octets, seedOf } from '../../sim/random.ts'
import { type Sim, START } from '../../sim/sim.ts'
import type { Manner } from './manner.ts'

export interface Login {
  readonly username: string
  readonly password: string
}

export interface Seat {
  readonly at: Address
  readonly via: Via
  /** The credential to use from now on; asked for at the beginning and after every challenge. */
  readonly login: () => Login
}

type Fields = (writer: MessageWriter) => void

type Answered = (answer: Message) => void

/** What is asked, in the end with success. */
interface Question {
  readonly method: number
  readonly fields: Fields
  readonly then: Answered
  /** Requests of one name share a nonce. */
  readonly nonce: string
}

/** Sends a request that is under way again, octet by octet the same. */
export type Again = () => void

/** Challenges that a signed request may meet: every client that we know tries at least once more, some no more than that. */
const CHALLENGES = 1
const UDP = 17

/**
 * A client that somebody else wrote, on the simulated network: it sends what its profile says,
 * octet by octet, and takes note of everything that the real one could not go on with.
 */
export class PlayedClient {
  /** What a real client could not cope with: errors other than a first 401 or 438, answers it cannot verify. */
  readonly faults: string[] = []
  /** Payloads of peers, in the order they came. */
  readonly heard: string[] = []
  /** Requests of each method that were answered with success. */
  readonly granted = new Map<number, number>()
  /** How often it was asked to sign again (438). */
  stale = 0
  relayed: Address | undefined
  readonly family: 4 | 6
  readonly #sim: Sim
  readonly #manner: Manner
  readonly #seat: Seat
  readonly #random: ReturnType<typeof octets>
  readonly #post: (bytes: Buffer) => void
  readonly #pending = new Map<string, Answered>()
  /** Requests that were sent more than once, so that more than one answer may come. */
  readonly #repeated = new Set<string>()
  readonly #channels = new Set<number>()
  /** The latest nonce of all, and those of requests that keep one to themselves. */
  readonly #nonces = new Map<string, string>()
  #realm: string | undefined
  #offers: readonly { readonly algorithm: number; readonly parameters: Buffer }[] | undefined
  #login: Login

  constructor(sim: Sim, manner: Manner, seat: Seat) {
    this.#sim = sim
    this.#manner = manner
    this.#seat = seat
    this.#login = seat.login()
    this.family = seat.at.family
    this.#random = octets(dice(seedOf(1, formatAddress(seat.at))))
    const server = SERVER[this.family]
    if (!isStream(seat.via)) {
      sim.net.attach(seat.at, (_from, bytes) => this.#receive(bytes))
      this.#post = bytes => sim.net.send(seat.at, server, bytes)
      return
    }
    const closed = () => this.faults.push('the server hung up')
    const end = { client: seat.at, receive: (bytes: Buffer) => this.#receive(bytes), closed }
    const socket = sim.world.accept(seat.via, server, end)
    this.#post = bytes => sim.net.carry(() => sim.world.frame(socket, bytes))
  }

  /** Asks for an allocation of its own family with LIFETIME, or without; `then` is told what it got. */
  allocate(lifetime: number | undefined, then: (granted: number) => void): void {
    const fields: Fields = writer => {
      if (lifetime !== undefined) writer.set(LIFETIME, lifetime as Seconds)
      writer.set(REQUESTED_TRANSPORT, UDP)
      if (this.family === 6) writer.set(REQUESTED_ADDRESS_FAMILY, familyCode(6))
    }
    this.ask(Method.Allocate, fields, answer => {
      this.relayed = get(answer, XOR_RELAYED_ADDRESS)
      then(get(answer, LIFETIME)!)
    })
  }

  refresh(lifetime: number | undefined, then: (granted: number) => void = () => {}, nonce?: string): void {
    const fields: Fields = writer => {
      if (lifetime !== undefined) writer.set(LIFETIME, lifetime as Seconds)
    }
    this.ask(Method.Refresh, fields, answer => then(get(answer, LIFETIME)!), nonce)
  }

  permit(peers: readonly Address[], then: () => void = () => {}, nonce?: string): Again {
    const fields: Fields = writer => {
      for (const peer of peers) writer.set(XOR_PEER_ADDRESS, peer)
    }
    return this.ask(Method.CreatePermission, fields, then, nonce)
  }

  bind(number: number, peer: Address, then: () => void = () => {}): Again {
    this.#channels.add(number)
    const fields: Fields = writer => {
      writer.set(CHANNEL_NUMBER, number).set(XOR_PEER_ADDRESS, peer)
    }
    return this.ask(Method.ChannelBind, fields, then)
  }

  /** Makes a request, and once more after a challenge. Requests of one `nonce` share what they were told last. */
  ask(method: number, fields: Fields, then: Answered, nonce = ''): Again {
    return this.#attempt({ method, fields, then, nonce }, 0)
  }

  sendChannel(number: number, payload: Buffer): void {
    const bytes = writeChannelData(number as ChannelNumber, payload)
    const isPadded = this.#manner.padded || isStream(this.#seat.via)
    this.#post(isPadded ? Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]) : bytes)
  }

  /** Sends a Send indication, to nobody if the client does that to keep its NAT open. */
  sendIndication(peer: Address | undefined, payload: Buffer): void {
    const writer = new MessageWriter('indication', Method.Send, this.#transaction())
    if (peer) writer.set(XOR_PEER_ADDRESS, peer)
    writer.set(DATA, payload)
    if (this.#manner.fingerprint) writer.fingerprint()
    this.#post(writer.finish())
  }

  /** Seconds. */
  get now(): number {
    return this.#sim.now / 1000
  }

  after(seconds: number, run: () => void): void {
    this.#sim.timeline.at((this.#sim.now + seconds * 1000) as Time, run)
  }

  every(seconds: number, run: () => void): void {
    this.after(seconds, () => {
      run()
      this.every(seconds, run)
    })
  }

  #attempt(question: Question, challenges: number, before?: Buffer): Again {
    const { method, then, nonce } = question
    const transaction = before ?? this.#transaction()
    const id = transaction.toString('hex')
    const { bytes, key, kind } = this.#write(question, transaction)
    const take = (answer: Message) => {
      const code = answer.class === 'success' ? 0 : get(answer, ERROR_CODE)?.code
      if ((code === 401 && !key) || (code === 438 && (challenges < CHALLENGES || this.#repeated.has(id)))) {
        this.#challenged(answer, nonce)
        // What answers the first request of all, which nobody can sign, counts for nothing.
        const met = key ? challenges + 1 : 0
        this.#attempt(question, met, this.#manner.keepsTransaction ? transaction : undefined)
      } else if (code !== 0) {
        this.faults.push(`${this.#moment()}: method ${method} was answered ${code}`)
      } else if (key && verify(answer, kind, key)) {
        this.granted.set(method, (this.granted.get(method) ?? 0) + 1)
        then(answer)
      } else if (this.#repeated.has(id)) {
        // It may answer an attempt before this one, under another credential.
        this.#pending.set(id, take)
      } else this.faults.push(`${this.#moment()}: method ${method} was answered without valid integrity`)
    }
    this.#pending.set(id, take)
    this.#post(bytes)
    return () => {
      this.#repeated.add(id)
      this.#post(bytes)
    }
  }

  #write({ method, fields, nonce: scope }: Question, transaction: Buffer) {
    const { software, credentials, fingerprint, algorithms } = this.#manner
    const writer = new MessageWriter('request', method, transaction)
    if (software?.at === 'front') writer.set(SOFTWARE, software.text)
    fields(writer)
    const realm = this.#realm
    const nonce = this.#nonces.get(scope) ?? this.#nonces.get('')
    const kind = algorithms === 'sha256' && this.#offers ? 'sha256' : 'sha1'
    let key: Buffer | undefined
    if (realm !== undefined && nonce !== undefined) {
      const { username, password } = this.#login
      const values = { USERNAME: username, REALM: realm, NONCE: nonce }
      for (const name of credentials) writer.set({ USERNAME, REALM, NONCE }[name], values[name])
      const chosen = algorithms === 'sha256' ? SHA256 : MD5
      if (algorithms !== 'ignored' && this.#offers) {
        writer.set(PASSWORD_ALGORITHMS, [...this.#offers]).set(PASSWORD_ALGORITHM, chosen)
      }
      const algorithm = this.#offers && algorithms === 'sha256' ? chosen.algorithm : PasswordAlgorithm.MD5
      key = longTermKey(username, realm, password, algorithm)
    }
    if (software?.at === 'back') writer.set(SOFTWARE, software.text)
    if (key) writer.sign(kind, key)
    if (fingerprint) writer.fingerprint()
    return { bytes: writer.finish(), key, kind } as const
  }

  #challenged(answer: Message, scope: string): void {
    if (get(answer, ERROR_CODE)?.code === 438) this.stale++
    this.#realm = get(answer, REALM) ?? this.#realm
    const nonce = get(answer, NONCE)
    if (nonce === undefined) this.faults.push('a challenge without a nonce')
    else for (const name of new Set(['', scope])) this.#nonces.set(name, nonce)
    this.#offers = get(answer, PASSWORD_ALGORITHMS)?.map(({ algorithm, parameters }) => ({
      algorithm,
      parameters: Buffer.from(parameters),
    }))
    this.#login = this.#seat.login()
  }

  #receive(bytes: Buffer): void {
    if (bytes[0]! >= 0x40) {
      this.#channelData(bytes)
      return
    }
    const message = parse(bytes)
    if (message.kind === 'malformed') {
      this.faults.push(`malformed: ${bytes.toString('hex')}`)
    } else if (message.class === 'indication') {
      const data = get(message, DATA)
      if (!data || !has(message, XOR_PEER_ADDRESS)) this.faults.push('an indication without data or peer')
      else this.heard.push(data.toString())
    } else {
      const id = message.transaction.toString('hex')
      const take = this.#pending.get(id)
      this.#pending.delete(id)
      if (take) take(message)
      else if (!this.#repeated.has(id))
        this.faults.push(`${this.#moment()}: an answer to nothing that was asked`)
    }
  }

  #channelData(bytes: Buffer): void {
    const number = readChannel(bytes, 0, bytes.length)
    if (number === undefined || !this.#channels.has(number)) this.faults.push(`channel ${number} is unknown`)
    else {
      this.heard.push(bytes.toString('utf8', CHANNEL_HEADER, CHANNEL_HEADER + channelLength(bytes, 0)))
    }
  }

  #moment(): string {
    return `${(this.#sim.now - START) / 1000} s`
  }

  #transaction(): Buffer {
    const transaction = Buffer.alloc(12)
    this.#random(transaction)
    return transaction
  }
}
