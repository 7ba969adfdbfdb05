import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Address } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import type { Time } from '../../src/base/time.ts'
import { Deframer } from '../../src/client/deframer.ts'
import { TurnClient } from '../../src/client/turn-client.ts'
import type { TurnEvent } from '../../src/client/turn-event.ts'
import { random } from '../../src/relay/relay-config.ts'
import { type Credential, credential } from './credentials.ts'

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
  /** How the relay ended the connection. Never, over UDP. */
  readonly ended: Promise<'fin' | 'reset'>
  close(): void
}

/** A TURN client on loopback, with a socket of its own; every request resolves with what became of it. */
export function callClient(
  port: number,
  secret: string,
  user: string,
  via: 'udp' | 'tcp' = 'udp',
): Promise<CallClient> {
  return callClientWith(port, credential(secret, user), via)
}

/** The same with a credential that somebody else made. */
export async function callClientWith(
  port: number,
  { username, password }: Credential,
  via: 'udp' | 'tcp' = 'udp',
): Promise<CallClient> {
  const reliable = via === 'tcp'
  const turn = new TurnClient({ username, password, random, reliable })
  const wire = reliable ? await tcpWire(port) : await udpWire(port)
  const inbox: string[] = []
  let settle: (event: TurnEvent) => void = () => {}
  let arrived: () => void = () => {}
  const now = () => Date.now() as Time
  const flush = () => {
    for (const bytes of turn.drain()) wire.send(bytes)
  }
  wire.receive(bytes => {
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
    port: wire.port,
    ended: wire.ended,
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
      wire.close()
    },
  }
}

interface Wire {
  readonly port: number
  send(bytes: Buffer): void
  receive(take: (bytes: Buffer) => void): void
  readonly ended: Promise<'fin' | 'reset'>
  close(): void
}

async function udpWire(port: number): Promise<Wire> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    port: socket.address().port,
    send: bytes => socket.send(bytes, port, '127.0.0.1'),
    receive: take => void socket.on('message', take),
    ended: new Promise(() => {}),
    close: () => socket.close(),
  }
}

async function tcpWire(port: number): Promise<Wire> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const frames = new Deframer()
  const ended = new Promise<'fin' | 'reset'>(resolve => {
    socket.on('end', () => resolve('fin'))
    socket.on('error', () => resolve('reset'))
  })
  // The other end may be a worker that has just been killed.
  socket.on('error', () => socket.destroy())
  return {
    port: socket.localPort!,
    ended,
    send: bytes => void socket.write(bytes),
    receive: take => void socket.on('data', chunk => frames.take(chunk)?.forEach(take)),
    close: () => socket.destroy(),
  }
}
