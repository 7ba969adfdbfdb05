import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type Address, formatIp } from '../base/address.ts'
import { Deframer } from '../client/deframer.ts'
import type { DialogueLink } from './dialogue.ts'
import { LoadError } from './fault.ts'
import type { LoadTarget } from './protocol.ts'

/** A client's connection to its server, over TCP or TLS. */
export class StreamLink implements DialogueLink {
  /** Takes the frames of a connection; views that are only lent. */
  onFrame: (frame: Buffer) => void = () => {}
  readonly #socket: Socket
  readonly #deframer = new Deframer()

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', chunk => {
      const frames = this.#deframer.take(chunk)
      if (!frames) socket.destroy()
      for (const frame of frames ?? []) this.onFrame(frame)
    })
    // A connection that breaks shows as loss; there is nobody else to tell.
    socket.on('error', () => {})
  }

  get backlog(): number {
    return this.#socket.destroyed ? Number.POSITIVE_INFINITY : this.#socket.writableLength
  }

  send(bytes: Buffer): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes)
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** Connects to the server from `clientIp`; throws a `LoadError` when it cannot be reached. */
export function openStream(target: LoadTarget, server: Address, clientIp: string): Promise<StreamLink> {
  return new Promise((resolve, reject) => {
    const to = { host: formatIp(server.ip), port: server.port, localAddress: clientIp }
    const refuse = (error: Error) => reject(new LoadError({ kind: 'connection', why: error.message }))
    const socket =
      target.transport === 'tls'
        ? connectTls(
            {
              ...to,
              servername: /^[\d.]+$|:/.test(target.host) ? '' : target.host,
              rejectUnauthorized: !target.insecure,
              ...(target.ca !== undefined && { ca: target.ca }),
            },
            done,
          )
        : connect(to, done)
    socket.once('error', refuse)
    function done() {
      socket.off('error', refuse)
      resolve(new StreamLink(socket))
    }
  })
}
