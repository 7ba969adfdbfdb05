import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { parseAddress } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import type { Time } from '../../src/base/time.ts'
import { Deframer } from '../../src/client/deframer.ts'
import { TurnClient } from '../../src/client/turn-client.ts'
import type { TurnEvent } from '../../src/client/turn-event.ts'
import { random } from '../../src/relay/relay-config.ts'
import type { Credential } from './credential.ts'

const CHANNEL = 0x4000 as ChannelNumber

/** What octets go and come by. */
interface Wire {
  send(bytes: Buffer): void
  /** Calls back with each message. */
  listen(take: (bytes: Buffer) => void): void
  close(): void
}

/** A TURN client on loopback, with a socket of its own. */
export class LookClient {
  readonly turn: TurnClient
  readonly #wire: Wire
  #settle: (event: TurnEvent) => void = () => {}

  private constructor(wire: Wire, credential: Credential, reliable: boolean) {
    this.#wire = wire
    this.turn = new TurnClient({ ...credential, random, reliable })
    wire.listen(bytes => {
      for (const event of this.turn.take(bytes, now()))
        if (event.kind !== 'data' && event.kind !== 'ignored') this.#settle(event)
      this.#flush()
    })
  }

  /** `from` is the address on loopback that it has. */
  static async connect(
    port: number,
    credential: Credential,
    via: 'udp' | 'tcp' = 'udp',
    from = '127.0.0.1',
  ): Promise<LookClient> {
    const wire = via === 'udp' ? await overUdp(port, from) : await overTcp(port, from)
    return new LookClient(wire, credential, via === 'tcp')
  }

  /** Resolves when the relay has granted an allocation; rejects with what it says else. */
  async allocate(): Promise<void> {
    await this.#ask(() => this.turn.allocate({}, now()), 'allocated')
  }

  /** Binds a channel to a UDP port on loopback. */
  async bind(port: number): Promise<void> {
    const peer = parseAddress(`127.0.0.1:${port}`)!
    await this.#ask(() => this.turn.bind(CHANNEL, peer, now()), 'bound')
  }

  async refresh(): Promise<void> {
    await this.#ask(() => this.turn.refresh({}, now()), 'refreshed')
  }

  /** Sends by the channel. */
  send(payload: Buffer): void {
    this.turn.sendChannel(CHANNEL, payload)
    this.#flush()
  }

  close(): void {
    this.#wire.close()
  }

  #ask(start: () => unknown, wanted: TurnEvent['kind']): Promise<void> {
    return new Promise((resolve, reject) => {
      const again = setInterval(() => {
        this.turn.tick(now())
        this.#flush()
      }, 500)
      this.#settle = event => {
        clearInterval(again)
        if (event.kind === wanted) resolve()
        else reject(new Error(JSON.stringify(event)))
      }
      start()
      this.#flush()
    })
  }

  #flush(): void {
    for (const bytes of this.turn.drain()) this.#wire.send(bytes)
  }
}

function now(): Time {
  return Date.now() as Time
}

async function overUdp(port: number, from: string): Promise<Wire> {
  const socket = createSocket('udp4')
  socket.on('error', () => {})
  socket.bind(0, from)
  await once(socket, 'listening')
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return {
    send: bytes => socket.send(bytes),
    listen: take => void socket.on('message', take),
    close: () => socket.close(),
  }
}

async function overTcp(port: number, from: string): Promise<Wire> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  const deframer = new Deframer()
  return {
    send: bytes => void socket.write(bytes),
    listen: take =>
      void socket.on('data', chunk => {
        for (const frame of deframer.take(chunk) ?? []) take(frame)
      }),
    close: () => socket.destroy(),
  }
}
