import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { parseAddress } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import type { Time } from '../../src/base/time.ts'
import { TurnClient } from '../../src/client/turn-client.ts'
import type { TurnEvent } from '../../src/client/turn-event.ts'
import { random } from '../../src/relay/relay-config.ts'

const CHANNEL = 0x4000 as ChannelNumber

/** A TURN client over UDP on loopback, with a socket of its own. */
export class LookClient {
  readonly turn: TurnClient
  readonly #socket: Socket
  #settle: (event: TurnEvent) => void = () => {}

  private constructor(socket: Socket, credential: { readonly username: string; readonly password: string }) {
    this.#socket = socket
    this.turn = new TurnClient({ ...credential, random })
    socket.on('message', bytes => {
      for (const event of this.turn.take(bytes, now())) if (event.kind !== 'data') this.#settle(event)
      this.#flush()
    })
    socket.on('error', () => {})
  }

  static async connect(
    port: number,
    credential: { readonly username: string; readonly password: string },
  ): Promise<LookClient> {
    const socket = createSocket('udp4')
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new LookClient(socket, credential)
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

  /** Sends by the channel. */
  send(payload: Buffer): void {
    this.turn.sendChannel(CHANNEL, payload)
    this.#flush()
  }

  close(): void {
    this.#socket.close()
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
    for (const bytes of this.turn.drain()) this.#socket.send(bytes)
  }
}

function now(): Time {
  return Date.now() as Time
}
