import { createHmac, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type Address, address } from '../../src/base/address.ts'
import { Deframer } from '../../src/client/deframer.ts'
import {
  CHANNEL_NUMBER,
  NONCE,
  REALM,
  REQUESTED_ADDRESS_FAMILY,
  REQUESTED_TRANSPORT,
  USERNAME,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../../src/wire/attributes.ts'
import { longTermKey, PasswordAlgorithm } from '../../src/wire/integrity.ts'
import { get, type Message, MessageWriter, Method, parse } from '../../src/wire/message.ts'

/** Where a relay is, and how it is reached. */
export interface Place {
  readonly port: number
  readonly host?: '127.0.0.1' | '::1'
  readonly via?: 'udp' | 'tcp'
  /** The address to come from. */
  readonly from?: string
}

export const SECRET = 'nothing but a benchmark knows this'
const UDP = 17
const PATIENCE = 2000

/** A socket to the relay. */
interface Line {
  send(bytes: Buffer): void
  close(): void
}

/** A TURN client whose messages are made by hand, so that it can send whatever it likes. */
export class Hand {
  readonly user: string
  readonly #username: string
  readonly #line: Line
  #key: Buffer = Buffer.alloc(0)
  realm = ''
  nonce = ''
  /** Is given what comes on channels. */
  onData: (bytes: Buffer) => void = () => {}
  readonly #waiting = new Map<string, (answer: Message) => void>()

  private constructor(user: string, open: (take: (bytes: Buffer) => void) => Line) {
    this.user = user
    this.#username = `${Math.floor(Date.now() / 1000) + 86_400}:${user}`
    this.#line = open(bytes => {
      if (bytes[0]! >= 0x40) this.onData(bytes)
      if (bytes.length < 20 || bytes[0]! > 1) return
      const transaction = bytes.toString('latin1', 8, 20)
      const done = this.#waiting.get(transaction)
      if (!done) return
      this.#waiting.delete(transaction)
      done(parse(bytes) as Message)
    })
  }

  /** Connects, and is told realm and nonce. */
  static async open({ port, host = '127.0.0.1', via = 'udp', from }: Place, user: string): Promise<Hand> {
    let ready: Promise<unknown> = Promise.resolve()
    const hand = new Hand(user, take => {
      if (via === 'udp') {
        const socket = createSocket({ type: host === '::1' ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 })
        socket.on('message', take).on('error', () => {})
        ready = (async () => {
          if (from) {
            socket.bind(0, from)
            await once(socket, 'listening')
          }
          socket.connect(port, host)
          await once(socket, 'connect')
        })()
        return { send: bytes => socket.send(bytes), close: () => socket.close() }
      }
      const socket = connect({ port, host, noDelay: true, ...(from && { localAddress: from }) })
      const frames = new Deframer()
      socket.on('data', chunk => void frames.take(chunk)?.forEach(take)).on('error', () => socket.destroy())
      ready = once(socket, 'connect')
      return { send: bytes => void socket.write(bytes), close: () => void socket.destroy() }
    })
    await ready
    await hand.challenge()
    return hand
  }

  /** Asks for a nonce. */
  async challenge(): Promise<void> {
    const answer = await this.ask(
      new MessageWriter('request', Method.Allocate, randomBytes(12)).set(REQUESTED_TRANSPORT, UDP).finish(),
    )
    this.realm = get(answer, REALM) ?? ''
    this.nonce = get(answer, NONCE) ?? ''
    const password = createHmac('sha1', SECRET).update(this.#username).digest('base64')
    this.#key = longTermKey(this.#username, this.realm, password, PasswordAlgorithm.MD5)
  }

  /** A signed request, another one each time. */
  signed(method: number, fields: (writer: MessageWriter) => unknown = () => {}, nonce = this.nonce): Buffer {
    const writer = new MessageWriter('request', method, randomBytes(12))
    fields(writer)
    return writer
      .set(USERNAME, this.#username)
      .set(REALM, this.realm)
      .set(NONCE, nonce)
      .sign('sha1', this.#key)
      .finish()
  }

  send(bytes: Buffer): void {
    this.#line.send(bytes)
  }

  /** Sends a request, again after half a second, and waits for its answer. */
  ask(bytes: Buffer): Promise<Message> {
    return new Promise((resolve, reject) => {
      const again = setInterval(() => this.send(bytes), 500)
      const end = setTimeout(() => {
        clearInterval(again)
        reject(new Error('the relay does not answer'))
      }, PATIENCE * 5)
      this.#waiting.set(bytes.toString('latin1', 8, 20), answer => {
        clearInterval(again)
        clearTimeout(end)
        resolve(answer)
      })
      this.send(bytes)
    })
  }

  /** Waits until the relay has handled what was sent before, all of which it answers or drops in order. */
  async settled(): Promise<void> {
    await this.ask(new MessageWriter('request', Method.Binding, randomBytes(12)).finish())
  }

  /** Sends many messages, some at a time. */
  async pour(all: readonly Buffer[], atOnce = 32): Promise<void> {
    for (let i = 0; i < all.length; i += atOnce) {
      for (const bytes of all.slice(i, i + atOnce)) this.send(bytes)
      await this.settled()
    }
  }

  /** Opens an allocation; returns its relayed address. Throws with what is answered else. */
  async allocate(fields: (writer: MessageWriter) => unknown = () => {}): Promise<Address> {
    const answer = await this.ask(this.allocation(fields))
    const relayed = get(answer, XOR_RELAYED_ADDRESS)
    if (!relayed) throw new Error(`${this.user} has no allocation: ${codeOf(answer)}`)
    return relayed
  }

  allocation(fields: (writer: MessageWriter) => unknown = () => {}): Buffer {
    return this.signed(Method.Allocate, writer => fields(writer.set(REQUESTED_TRANSPORT, UDP)))
  }

  permission(...peers: readonly Address[]): Buffer {
    return this.signed(Method.CreatePermission, writer => {
      for (const peer of peers) writer.set(XOR_PEER_ADDRESS, peer)
    })
  }

  binding(channel: number, peer: Address): Buffer {
    return this.signed(Method.ChannelBind, writer =>
      writer.set(CHANNEL_NUMBER, channel).set(XOR_PEER_ADDRESS, peer),
    )
  }

  close(): void {
    this.#line.close()
  }
}

/** The code of an answer; 0 for success. */
export function codeOf(answer: Message): number {
  const code = answer.attributes.find(({ type }) => type === ERROR_CODE_TYPE)?.value
  return code ? code[2]! * 100 + code[3]! : 0
}

const ERROR_CODE_TYPE = 0x0009

/** Sets REQUESTED-ADDRESS-FAMILY to IPv6. */
export function sixth(writer: MessageWriter): MessageWriter {
  return writer.set(REQUESTED_ADDRESS_FAMILY, 2)
}

/** A peer that nothing is ever sent to: one of sixty thousand hosts, in a network that the relay lets clients reach. */
export function peer(family: 4 | 6, host: number, port = 4000): Address {
  const low = [(host >> 8) & 255, host & 255]
  return address(
    family === 4
      ? Uint8Array.of(127, 9, ...low)
      : Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, ...low),
    port,
  )
}
