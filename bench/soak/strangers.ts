import { randomBytes, randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { REALM, USERNAME } from '../../src/wire/attributes.ts'
import { MessageWriter, Method } from '../../src/wire/message.ts'

/** Addresses that floods and guesses come from, in networks of their own. */
const STRANGERS = ['127.66.1.1', '127.66.2.1', '127.66.3.1', '127.66.4.1']
const LOOPBACK = '127.0.0.1'
const BEAT = 10

/** Those who have no business here: floods, malformed datagrams, connections that say nothing or something else. */
export class Strangers {
  readonly #port: number
  readonly #tlsPort: number
  readonly #sockets: Socket[]
  #sent = 0

  private constructor(port: number, tlsPort: number, sockets: Socket[]) {
    this.#port = port
    this.#tlsPort = tlsPort
    this.#sockets = sockets
  }

  static async at(port: number, tlsPort: number): Promise<Strangers> {
    const sockets = STRANGERS.map(ip => {
      const socket = createSocket('udp4')
      socket.bind(0, ip)
      return socket
    })
    await Promise.all(sockets.map(socket => once(socket, 'listening')))
    return new Strangers(port, tlsPort, sockets)
  }

  /** Datagrams sent so far. */
  get sent(): number {
    return this.#sent
  }

  /** Requests without credentials and with forged ones, `rate` a second. */
  async flood(seconds: number, rate: number): Promise<void> {
    const end = performance.now() + seconds * 1000
    while (performance.now() < end) {
      for (let i = 0; i < (rate * BEAT) / 1000; i++)
        this.#send(i % 3 === 0 ? binding() : allocate(i % 3 === 1))
      await new Promise(resolve => setTimeout(resolve, BEAT))
    }
  }

  /** One datagram that breaks some rule. */
  malformed(): void {
    this.#send(malformed())
  }

  /** A connection that speaks another protocol, and one that says half a word and is silent. */
  intrude(): void {
    const web = connect(this.#port, LOOPBACK, () => web.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'))
    const half = connect(this.#port, LOOPBACK, () => half.write(allocate(false).subarray(0, 9)))
    const noTls = connect(this.#tlsPort, LOOPBACK, () => noTls.write(randomBytes(40)))
    for (const socket of [web, half, noTls]) {
      socket.on('error', () => socket.destroy())
      setTimeout(() => socket.destroy(), 2000)
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.close()
  }

  #send(bytes: Buffer): void {
    this.#sockets[this.#sent++ % this.#sockets.length]!.send(bytes, this.#port, LOOPBACK)
  }
}

/** STUN with one octet wrong, a length that lies, an attribute beyond the end, or no STUN at all. */
export function malformed(): Buffer {
  const bytes = Buffer.from(allocate(true))
  switch (randomInt(4)) {
    case 0:
      bytes.writeUInt16BE(randomInt(0x10000), 2)
      return bytes
    case 1:
      bytes.writeUInt16BE(randomInt(0x10000), 22)
      return bytes
    case 2:
      bytes[randomInt(20, bytes.length)]! ^= 1 << randomInt(8)
      return bytes
    default:
      return randomBytes(randomInt(1, 200))
  }
}

function binding(): Buffer {
  return new MessageWriter('request', Method.Binding, randomBytes(12)).finish()
}

function allocate(forged: boolean): Buffer {
  const writer = new MessageWriter('request', Method.Allocate, randomBytes(12))
  if (!forged) return writer.finish()
  return writer.set(USERNAME, '1:nobody').set(REALM, 'soak').sign('sha1', randomBytes(16)).finish()
}
