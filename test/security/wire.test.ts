import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { type Address, parseAddress } from '../../src/base/address.ts'
import type { Seconds } from '../../src/base/time.ts'
import {
  CHANNEL_NUMBER,
  DATA,
  LIFETIME,
  NONCE,
  REALM,
  REQUESTED_TRANSPORT,
  USERNAME,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../../src/wire/attributes.ts'
import { frameLength } from '../../src/wire/framing.ts'
import { longTermKey, PasswordAlgorithm } from '../../src/wire/integrity.ts'
import { get, type Message, MessageWriter, Method, parse } from '../../src/wire/message.ts'
import { credential } from '../support/credentials.ts'
import { enterNamespace, needNamespaces } from '../support/namespaces.ts'
import { type RunningRelay, type Server, startRelay } from '../support/relay.ts'
import { ask, bindingRequest } from '../support/stun.ts'

await enterNamespace(import.meta.url)
t.setTimeout(300_000)

const CHANNEL = 0x4000
const SERVERS: readonly { readonly server: Server; readonly tools: readonly string[] }[] = [
  { server: 'taciturn', tools: ['openssl'] },
  { server: 'coturn', tools: ['openssl', 'turnserver'] },
]

const HTTP = [
  { name: 'GET', request: 'GET / HTTP/1.1\r\nHost: relay\r\n\r\n' },
  {
    name: 'POST with a Content-Length that lies',
    request: 'POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 65535\r\n\r\na=b',
  },
  { name: 'POST without a body', request: 'POST / HTTP/1.1\r\nContent-Length: 4294967295\r\n\r\n' },
]

t.test(
  'the ports of a relay know nothing of the web [SEC-04, SEC-26]',
  needNamespaces('openssl'),
  async t => {
    const relay = await start(t, 'taciturn')
    for (const via of ['tcp', 'tls'] as const) {
      for (const { name, request } of HTTP) {
        const { bytes, closed } = await speak(relay, via, Buffer.from(request))
        t.equal(bytes, 0, `${name} over ${via} is answered with nothing`)
        t.ok(closed, 'and ends its connection')
      }
    }
    t.ok(await ask(relay.port, bindingRequest(), 5000), 'the relay goes on')
  },
)

for (const { server, tools } of SERVERS) {
  t.test(
    `${server}, and what pads ChannelData over TCP [SEC-05, SEC-21]`,
    needNamespaces(...tools),
    async t => {
      const relay = await start(t, server)
      const client = await Client.open(t, relay, 'tcp')
      const peer = createSocket('udp4').bind(0, '127.0.0.1')
      await once(peer, 'listening')
      t.teardown(() => peer.close())
      const relayed = await client.allocate()
      await client.bind(parseAddress(`127.0.0.1:${peer.address().port}`)!)

      const paddings: Buffer[] = []
      for (let round = 0; round < 20; round++) {
        for (const length of [1400, 1, 2, 3, 5]) {
          peer.send(randomBytes(length), relayed.port, '127.0.0.1')
          const frame = await client.next(bytes => bytes[0] === 0x40)
          t.equal(frame.readUInt16BE(2), length)
          paddings.push(frame.subarray(4 + length))
        }
      }
      const padding = Buffer.concat(paddings)
      const leaked = padding.filter(octet => octet !== 0).length
      t.comment(`${leaked} of ${padding.length} octets of padding are not zero`)
      t.equal(padding.length, 20 * (0 + 3 + 2 + 1 + 3))
      if (server === 'taciturn') t.equal(leaked, 0)
      else t.ok(leaked > 0, 'coturn 4.6.1 sends what packets before it held')
    },
  )

  t.test(
    `${server}, and what somebody appended behind the integrity [SEC-18, SEC-56]`,
    needNamespaces(...tools),
    async t => {
      const relay = await start(t, server)
      const client = await Client.open(t, relay, 'udp')
      const relayed = await client.allocate()
      const refresh = client.signed(Method.Refresh, writer => writer.set(LIFETIME, 600 as Seconds))
      const refreshed = await client.ask(append(refresh, writer => writer.set(LIFETIME, 0 as Seconds)))
      t.equal(refreshed.class, 'success')
      const lifetime = get(refreshed, LIFETIME)
      if (server === 'coturn') {
        t.equal(lifetime, 0, 'coturn 4.6.1 obeys, and the call has ended')
        return
      }
      t.equal(lifetime, 600, 'the lifetime is what was signed')

      // Permissions are for hosts, and all of 127/8 is here.
      const [meant, smuggled] = ['127.0.0.1:9', '127.0.0.2:9'].map(text => parseAddress(text)!)
      const request = client.signed(Method.CreatePermission, writer => writer.set(XOR_PEER_ADDRESS, meant!))
      const both = append(request, writer => writer.set(XOR_PEER_ADDRESS, smuggled!))
      t.equal((await client.ask(both)).class, 'success')
      t.equal(await reaches(client, relayed, '127.0.0.2'), false, 'nobody else has been permitted')
      t.equal(await reaches(client, relayed, '127.0.0.1'), true)
    },
  )
}

async function start(t: Test, against: Server): Promise<RunningRelay> {
  const relay = await startRelay({ against, loopbackPeers: true })
  t.teardown(() => relay.stop())
  return relay
}

/** Says something on a port for streams; how much came back until the other side hung up, or two seconds were over. */
async function speak(relay: RunningRelay, via: 'tcp' | 'tls', words: Buffer) {
  const socket =
    via === 'tcp'
      ? connect(relay.port, '127.0.0.1')
      : connectTls({ host: '127.0.0.1', port: relay.tlsPort, rejectUnauthorized: false })
  await once(socket, via === 'tcp' ? 'connect' : 'secureConnect')
  let bytes = 0
  let closed = false
  socket.on('error', () => {})
  socket.on('data', chunk => {
    bytes += chunk.length
  })
  socket.write(words)
  await new Promise<void>(resolve => {
    const timer = setTimeout(resolve, 2000)
    socket.once('close', () => {
      closed = true
      clearTimeout(timer)
      resolve()
    })
  })
  socket.destroy()
  return { bytes, closed }
}

/** Whether the relay lets in to the client what this host sends. */
async function reaches(client: Client, relayed: Address, host: string): Promise<boolean> {
  const text = randomBytes(8)
  const socket = createSocket('udp4').bind(0, host)
  await once(socket, 'listening')
  const sending = setInterval(() => socket.send(text, relayed.port, '127.0.0.1'), 50)
  const heard = await client
    .next(bytes => {
      const message = parse(Buffer.from(bytes))
      return message.kind === 'message' && message.method === Method.Data && get(message, DATA)!.equals(text)
    }, 1500)
    .then(
      () => true,
      () => false,
    )
  clearInterval(sending)
  socket.close()
  return heard
}

/** Appends attributes to a message that is complete, as somebody on the way could. */
function append(message: Buffer, fill: (writer: MessageWriter) => unknown): Buffer {
  const writer = new MessageWriter('request', 0, message.subarray(8, 20))
  fill(writer)
  const longer = Buffer.concat([message, writer.finish().subarray(20)])
  longer.writeUInt16BE(longer.length - 20, 2)
  return longer
}

/** A TURN client that sees the octets as they come. */
class Client {
  readonly #send: (bytes: Buffer) => void
  readonly #user: { readonly username: string; readonly password: string }
  readonly #frames: Buffer[] = []
  #heard: () => void = () => {}
  #nonce = ''
  #realm = ''

  private constructor(send: (bytes: Buffer) => void, user: { username: string; password: string }) {
    this.#send = send
    this.#user = user
  }

  static async open(t: Test, relay: RunningRelay, via: 'udp' | 'tcp'): Promise<Client> {
    const user = credential(relay.secret, '@alice:example.org')
    if (via === 'udp') {
      const socket = createSocket('udp4')
      socket.connect(relay.port, '127.0.0.1')
      await once(socket, 'connect')
      t.teardown(() => socket.close())
      const client = new Client(bytes => socket.send(bytes), user)
      socket.on('message', bytes => client.#take(bytes))
      return client
    }
    const socket = connect(relay.port, '127.0.0.1')
    await once(socket, 'connect')
    t.teardown(() => socket.destroy())
    const client = new Client(bytes => void socket.write(bytes), user)
    let rest = Buffer.alloc(0)
    socket.on('data', chunk => {
      rest = Buffer.concat([rest, chunk])
      for (;;) {
        const length = frameLength(rest, 0, rest.length)
        if (length <= 0 || length > rest.length) return
        client.#take(rest.subarray(0, length))
        rest = rest.subarray(length)
      }
    })
    return client
  }

  async allocate(): Promise<Address> {
    const wanted = (writer: MessageWriter) => writer.set(REQUESTED_TRANSPORT, 17)
    const challenge = await this.ask(
      wanted(new MessageWriter('request', Method.Allocate, randomBytes(12))).finish(),
    )
    this.#nonce = get(challenge, NONCE)!
    this.#realm = get(challenge, REALM)!
    const answer = await this.ask(this.signed(Method.Allocate, wanted))
    return get(answer, XOR_RELAYED_ADDRESS)!
  }

  async bind(peer: Address): Promise<void> {
    const request = this.signed(Method.ChannelBind, writer =>
      writer.set(CHANNEL_NUMBER, CHANNEL).set(XOR_PEER_ADDRESS, peer),
    )
    const answer = await this.ask(request)
    if (answer.class !== 'success') throw new Error('ChannelBind was refused')
  }

  signed(method: number, fill: (writer: MessageWriter) => unknown): Buffer {
    const { username, password } = this.#user
    const writer = new MessageWriter('request', method, randomBytes(12))
    fill(writer)
    writer.set(USERNAME, username).set(REALM, this.#realm).set(NONCE, this.#nonce)
    return writer.sign('sha1', longTermKey(username, this.#realm, password, PasswordAlgorithm.MD5)).finish()
  }

  async ask(request: Buffer): Promise<Message> {
    this.#send(request)
    const transaction = request.subarray(8, 20)
    const answer = parse(await this.next(bytes => bytes.subarray(8, 20).equals(transaction)))
    if (answer.kind !== 'message') throw new Error(`the answer is ${answer.why}`)
    return answer
  }

  /** The next frame of a kind; rejects when there is none within `patience` milliseconds. */
  async next(is: (bytes: Buffer) => boolean, patience = 5000): Promise<Buffer> {
    const end = performance.now() + patience
    for (;;) {
      const at = this.#frames.findIndex(is)
      if (at >= 0) return this.#frames.splice(at, 1)[0]!
      const left = end - performance.now()
      if (left <= 0) throw new Error('no such frame')
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, left)
        this.#heard = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  #take(bytes: Buffer): void {
    this.#frames.push(bytes)
    this.#heard()
  }
}
