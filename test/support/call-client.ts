import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Address } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import type { Time } from '../../src/base/time.ts'
import { TurnClient } from '../../src/client/turn-client.ts'
import type { TurnEvent } from '../../src/client/turn-event.ts'
import { random } from '../../src/server/relay-config.ts'
import { credential } from './credentials.ts'

type AllocateOptions = Parameters<TurnClient['allocate']>[0]

export interface CallClient {
  readonly port: number
  /** Payloads that peers sent, first to last. */
  readonly inbox: string[]
  allocate(options?: AllocateOptions): Promise<TurnEvent>
  refresh(lifetime: number): Promise<TurnEvent>
  permit(peer: Address): Promise<TurnEvent>
  bind(channel: number, peer: Address): Promise<TurnEvent>
  /** Sends by a channel number, or to a peer by a Send indication. */
  send(to: number | Address, text: string): void
  /** Resolves when so many payloads have come since the start. */
  received(count: number): Promise<void>
  close(): void
}

/** A TURN client over UDP on loopback, with a socket of its own; every request resolves with what became of it. */
export async function callClient(port: number, secret: string, user: string): Promise<CallClient> {
  const turn = new TurnClient({ ...credential(secret, user), random })
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const inbox: string[] = []
  let settle: (event: TurnEvent) => void = () => {}
  let arrived: () => void = () => {}
  const now = () => Date.now() as Time
  const flush = () => {
    for (const bytes of turn.drain()) socket.send(bytes, port, '127.0.0.1')
  }
  socket.on('message', bytes => {
    for (const event of turn.take(bytes, now())) {
      if (event.kind === 'data') {
        inbox.push(event.bytes.toString())
        arrived()
      } else if (event.kind !== 'ignored') {
        settle(event)
      }
    }
    flush()
  })
  // Loopback loses nothing but what finds a full buffer; then it is sent again, as any client would.
  const timer = setInterval(() => {
    for (const event of turn.tick(now())) settle(event)
    flush()
  }, 50)
  const request = (start: () => void) =>
    new Promise<TurnEvent>(resolve => {
      settle = resolve
      start()
      flush()
    })
  return {
    port: socket.address().port,
    inbox,
    allocate: (options = {}) => request(() => turn.allocate(options, now())),
    refresh: lifetime => request(() => turn.refresh({ lifetime }, now())),
    permit: peer => request(() => turn.permit([peer], now())),
    bind: (channel, peer) => request(() => turn.bind(channel as ChannelNumber, peer, now())),
    send: (to, text) => {
      if (typeof to === 'number') turn.sendChannel(to as ChannelNumber, Buffer.from(text))
      else turn.sendIndication(to, Buffer.from(text))
      flush()
    },
    received: count =>
      new Promise(resolve => {
        arrived = () => {
          if (inbox.length >= count) resolve()
        }
        arrived()
      }),
    close: () => {
      clearInterval(timer)
      socket.close()
    },
  }
}
