import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Address } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import type { Time } from '../../src/base/time.ts'
import type { AllocateOptions } from '../../src/client/allocate-options.ts'
import { Deframer } from '../../src/client/deframer.ts'
import type { WriteFields } from '../../src/client/transactions.ts'
import { TurnClient } from '../../src/client/turn-client.ts'
import type { TurnEvent } from '../../src/client/turn-event.ts'
import { random } from '../../src/relay/relay-config.ts'
import { CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS } from '../../src/wire/attributes.ts'
import { Method } from '../../src/wire/message.ts'
import type { Credential } from './credentials.ts'

/** Where a server is, and how to reach it. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly via?: 'udp' | 'tcp' | 'tls'
  /** The address to come from. */
  readonly from?: string
  /** The name to ask for in TLS (SNI). */
  readonly name?: string
}

/** A TURN client with many requests under way at once; an answer is told by its code, 0 for success. */
export interface TurnSession {
  readonly turn: TurnClient
  readonly port: number
  /** Called with each payload from a peer. */
  onData: (bytes: Buffer, peer: Address) => void
  allocate(options?: AllocateOptions): Promise<TurnEvent>
  /** Goes on here with the allocation of the client that this one succeeds (RFC 8016). */
  resume(): Promise<TurnEvent>
  release(): Promise<number>
  ask(method: number, fields: WriteFields): Promise<number>
  permit(peer: Address): Promise<number>
  bind(channel: number, peer: Address): Promise<number>
  send(channel: number, text: string): void
  indicate(peer: Address, text: string | Buffer): void
  raw(bytes: Buffer): void
  /** Reads nothing more, as a client that hangs; streams only. */
  stall(): void
  close(): void
}

/** Connects to a server; allocates nothing. `before`: the client that has the allocation until `resume`. */
export async function openSession(
  target: Target,
  user: Credential,
  before?: TurnClient,
): Promise<TurnSession> {
  const via = target.via ?? 'udp'
  const reliable = via !== 'udp'
  const turn =
    before?.successor({ reliable }) ?? new TurnClient({ ...user, random, reliable, algorithms: 'ignore' })
  const pending = new Map<number, (event: TurnEvent) => void>()
  const now = () => Date.now() as Time
  const settle = (events: TurnEvent[]) => {
    for (const event of events) {
      if (event.kind === 'data') session.onData(event.bytes, event.peer)
      else if ('request' in event) {
        const done = pending.get(event.request)
        pending.delete(event.request)
        done?.(event)
      }
    }
    for (const bytes of turn.drain()) link.send(bytes)
  }
  const link = await open(target, via, bytes => settle(turn.take(bytes, now())))
  const timer = setInterval(() => settle(turn.tick(now())), 50)
  const request = (start: () => number) =>
    new Promise<TurnEvent>(resolve => {
      pending.set(start(), resolve)
      settle([])
    })
  const session: TurnSession = {
    turn,
    port: link.port,
    onData: () => {},
    allocate: (options = {}) => request(() => turn.allocate(options, now())),
    resume: () => request(() => turn.resume(now())),
    release: async () => codeOf(await request(() => turn.release(now()))),
    ask: async (method, fields) => codeOf(await request(() => turn.request(method, fields, now()))),
    permit: peer => session.ask(Method.CreatePermission, writer => void writer.set(XOR_PEER_ADDRESS, peer)),
    bind: async (channel, peer) =>
      codeOf(await request(() => turn.bind(channel as ChannelNumber, peer, now()))),
    send: (channel, text) => {
      turn.sendChannel(channel as ChannelNumber, Buffer.from(text))
      settle([])
    },
    indicate: (peer, text) => {
      turn.sendIndication(peer, Buffer.from(text as string))
      settle([])
    },
    raw: link.send,
    stall: link.stall,
    close: () => {
      clearInterval(timer)
      link.close()
    },
  }
  return session
}

/** 0 for success, the code of an error answer, or -1 when there was none that counts. */
export function codeOf(event: TurnEvent): number {
  if (event.kind === 'rejected') return event.code
  return event.kind === 'failed' ? -1 : 0
}

/** The relayed address of an answer to Allocate; throws when it is none. */
export function relayedOf(event: TurnEvent): Address {
  if (event.kind !== 'allocated') throw new Error(`not allocated: ${JSON.stringify(event)}`)
  return event.relayed[0]!
}

export { CHANNEL_NUMBER, LIFETIME, Method, XOR_PEER_ADDRESS }

interface Link {
  readonly port: number
  send(bytes: Buffer): void
  stall(): void
  close(): void
}

async function open(
  target: Target,
  via: 'udp' | 'tcp' | 'tls',
  take: (bytes: Buffer) => void,
): Promise<Link> {
  const { host, port, from, name } = target
  if (via === 'udp') {
    const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 })
    socket.bind(0, from)
    await once(socket, 'listening')
    socket.on('error', () => {})
    socket.on('message', take)
    return {
      port: socket.address().port,
      send: bytes => socket.send(bytes, port, host),
      stall: () => {},
      close: () => socket.close(),
    }
  }
  const options = { host, port, ...(from && { localAddress: from }) }
  const socket: Socket =
    via === 'tls'
      ? connectTls({ ...options, rejectUnauthorized: false, ...(name && { servername: name }) })
      : connect(options)
  await once(socket, via === 'tls' ? 'secureConnect' : 'connect')
  const frames = new Deframer()
  socket.on('error', () => socket.destroy())
  socket.on('data', chunk => void frames.take(chunk)?.forEach(take))
  return {
    port: socket.localPort!,
    send: bytes => void socket.write(bytes),
    stall: () => void socket.pause(),
    close: () => void socket.destroy(),
  }
}
