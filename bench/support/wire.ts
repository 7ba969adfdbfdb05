import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Deframer } from '../../src/client/deframer.ts'

export type Via = 'udp' | 'tcp' | 'tls'

/** Where a relay listens. */
export interface Listening {
  readonly host: string
  readonly port: number
  readonly tlsPort: number
  /** PEM. Absent, any certificate is good. */
  readonly certificate?: string
}

/** How a client sends to a relay, and hears from it. */
export interface Wire {
  send(bytes: Buffer): void
  receive(take: (bytes: Buffer) => void): void
  close(): void
}

/** Connects to a relay from an address of the same family. */
export async function openWire(via: Via, at: Listening): Promise<Wire> {
  const { host, port, tlsPort, certificate } = at
  if (via === 'udp') {
    const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 })
    socket.connect(port, host)
    await once(socket, 'connect')
    socket.on('error', () => {})
    return {
      send: bytes => socket.send(bytes),
      receive: take => void socket.on('message', take),
      close: () => socket.close(),
    }
  }
  const trust = certificate === undefined ? { rejectUnauthorized: false } : { ca: certificate }
  const socket = via === 'tcp' ? connect(port, host) : connectTls({ port: tlsPort, host, ...trust })
  await once(socket, via === 'tcp' ? 'connect' : 'secureConnect')
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  const deframer = new Deframer()
  return {
    send: bytes => void (socket.destroyed || socket.write(bytes)),
    receive: take => void socket.on('data', chunk => deframer.take(chunk)?.forEach(take)),
    close: () => socket.destroy(),
  }
}
