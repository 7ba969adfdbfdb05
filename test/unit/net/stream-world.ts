import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { type Address, formatIp, parseAddress } from '../../../src/base/address.ts'
import { Counters } from '../../../src/base/counters.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Event } from '../../../src/core/event.ts'
import { SocketIds } from '../../../src/net/socket-ids.ts'
import { AllSockets } from '../../../src/net/sockets.ts'
import type { StreamListenOptions } from '../../../src/net/stream/stream-listeners.ts'
import { type StreamLimits, StreamTransport } from '../../../src/net/stream/stream-transport.ts'
import { Recorder } from './recorder.ts'

/** A stream transport with a clock that the test moves, and nothing behind it but a recorder. */
export class StreamWorld {
  readonly ids = new SocketIds()
  readonly inbox = new Recorder()
  readonly counters = new Counters()
  readonly streams: StreamTransport
  readonly sockets: AllSockets
  /** Connections that ended before STUN began, as they were told. */
  readonly unserved: Extract<Event, { kind: 'unserved' }>[] = []
  /** Called between events of many connections. */
  between: () => void = () => {}
  #now = 1_000_000
  #t: Test

  constructor(
    t: Test,
    limits: StreamLimits = { connections: 100, connectionsPerAddress: 100 },
    more: { readonly pumps?: boolean } = {},
  ) {
    this.#t = t
    this.streams = new StreamTransport({
      ids: this.ids,
      inbox: this.inbox,
      counters: this.counters,
      clock: { now: () => this.#now as Time },
      limits,
      ...more,
      unserved: event => this.unserved.push(event),
      between: () => this.between(),
    })
    this.sockets = new AllSockets(this.ids, [this.streams])
    t.teardown(() => this.streams.stop())
  }

  async listen(
    transport: StreamListenOptions['transport'] = 'tcp',
    at = '127.0.0.1:0',
    options: Pick<StreamListenOptions, 'proxy' | 'web'> = {},
  ): Promise<Address> {
    const local = await this.streams.listen({ address: parseAddress(at)!, transport, ...options })
    if (!local.ok) throw local.error
    return local.value
  }

  /** Lets seconds pass, as far as the transport can tell. */
  advance(seconds: number): void {
    this.#now += seconds * 1000
    this.streams.sweep()
  }

  /** Waits until all connections have gone. */
  async empty(): Promise<void> {
    while (this.streams.open > 0) await new Promise(resolve => setImmediate(resolve))
  }

  async client(at: Address, localAddress?: string): Promise<Client> {
    const socket = connect({
      host: formatIp(at.ip),
      port: at.port,
      noDelay: true,
      ...(localAddress !== undefined && { localAddress }),
    })
    await once(socket, 'connect')
    return new Client(this.#t, socket)
  }
}

/** A client's end of a connection: keeps what arrives. */
export class Client {
  readonly socket: Socket
  readonly #chunks: Buffer[] = []
  #length = 0
  closed = false
  #waiting: (() => void)[] = []

  constructor(t: Test, socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', chunk => {
      this.#chunks.push(chunk)
      this.#length += chunk.length
      this.#wake()
    })
    socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
    t.teardown(() => socket.destroy())
  }

  /** All that has arrived. */
  get received(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  write(bytes: Buffer | string): void {
    this.socket.write(bytes)
  }

  /** All that has arrived, once that is at least `length` octets or the connection is closed. */
  async read(length: number): Promise<Buffer> {
    while (this.#length < length && !this.closed) await new Promise<void>(go => this.#waiting.push(go))
    return Buffer.concat(this.#chunks)
  }

  /** Resolves when the connection is closed, with all that had arrived. */
  async end(): Promise<Buffer> {
    while (!this.closed) await new Promise<void>(go => this.#waiting.push(go))
    return Buffer.concat(this.#chunks)
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) go()
  }
}

/** A STUN message of this type with `length` octets of nothing particular; `mark` tells one from another. */
export function stunFrame(mark: number, length = 0, type = 0x0001): Buffer {
  const bytes = Buffer.alloc(20 + length, mark)
  bytes.writeUInt16BE(type, 0)
  bytes.writeUInt16BE(length, 2)
  bytes.writeUInt32BE(0x2112a442, 4)
  return bytes
}

/** ChannelData without padding. */
export function channelFrame(channel: number, payload: Buffer | string): Buffer {
  const octets = Buffer.from(payload as string)
  const bytes = Buffer.alloc(4 + octets.length)
  bytes.writeUInt16BE(channel, 0)
  bytes.writeUInt16BE(octets.length, 2)
  octets.copy(bytes, 4)
  return bytes
}

/** The same with padding, as it must be on a stream. */
export function padded(frame: Buffer): Buffer {
  return Buffer.concat([frame, Buffer.alloc(-frame.length & 3)])
}
