import type { Socket } from 'node:net'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import type { Address } from '../../base/address.ts'
import { demultiplex } from '../../wire/channel.ts'
import { Announcements } from './announcements.ts'
import type { StreamConnection } from './connection.ts'
import type { StreamPort } from './stream-listeners.ts'
import { type AcmeChallenge, AcmeDoor } from './tls/acme-door.ts'
import { helloLength, TlsAcceptor } from './tls/tls-acceptor.ts'
import { explainHandshake, NO_CERTIFICATE, nameForeign, PLAIN_ON_TLS, type Unserved } from './unserved.ts'
import { WebDoor, type WebDoorParts, type WebServer } from './web/web-door.ts'

/** What `FirstOctets` tells of connections. */
export interface FirstOctetsParts {
  /** STUN comes by `socket`. `chunk` has been read of it already. */
  readonly ready: (connection: StreamConnection, socket: Socket, via: 'tcp' | 'tls', chunk?: Buffer) => void
  readonly refuse: (connection: StreamConnection, unserved: Unserved) => void
  /** Its proxy has named its client, or none as it speaks for itself; false where it is not served. */
  readonly announced: (connection: StreamConnection, client: Address | undefined) => boolean
  /** Everything is said with this, on `socket`, and the connection may end. */
  readonly answered: (connection: StreamConnection, socket: Socket, last?: string) => void
  /** Called before each half of a handshake: a signature, as work goes. */
  readonly breathe: () => void
}

/** Tells by the first octet of each connection what it carries (RFC 7983), and has TLS shake hands. */
export class FirstOctets {
  readonly #parts: FirstOctetsParts
  #tls: TlsAcceptor | undefined
  /** Connections whose TLS handshake is on its way, by both ends: that is all node tells when it is done. */
  readonly #handshakes = new Map<string, StreamConnection>()
  readonly #announcements: Announcements
  readonly #web: WebDoor
  readonly #acme: AcmeDoor

  constructor(parts: FirstOctetsParts, web: WebDoorParts) {
    this.#parts = parts
    this.#announcements = new Announcements({ refuse: parts.refuse })
    this.#acme = new AcmeDoor({
      done: socket => this.#proved(socket),
      failed: (error, socket) => this.#blame(error, socket),
    })
    this.#web = new WebDoor(web, {
      take: (connection, hello) => this.#shake(connection, hello),
      isProof: hello => this.#acme.isProof(hello),
    })
  }

  /** Passes what is not meant for the relay on to this server from now on. */
  setWebServer(server: WebServer | undefined): void {
    this.#web.configure(server)
  }

  /** No connection comes any more. */
  stop(): void {
    this.#web.stop()
  }

  /** Visitors' connections that are open. */
  get visitors(): number {
    return this.#web.open
  }

  /** Serves TLS with this certificate from now on; connections that are open keep theirs. */
  setTls(options: SecureContextOptions): void {
    if (this.#tls) this.#tls.setSecureContext(options)
    else {
      this.#tls = new TlsAcceptor(options, {
        done: socket => this.#secured(socket),
        failed: (error, socket) => this.#blame(error, socket),
      })
    }
  }

  /** Answers authorities that look for these from now on. */
  prove(challenges: readonly AcmeChallenge[]): void {
    this.#acme.prove(challenges)
  }

  /** Waits for the first octet. */
  await(connection: StreamConnection, port: StreamPort): void {
    if (port.proxy)
      this.#announcements.await(connection, (client, rest) => this.#announced(connection, port, client, rest))
    else connection.raw.once('data', chunk => this.#first(connection, chunk, port))
  }

  #announced(
    connection: StreamConnection,
    port: StreamPort,
    client: Address | undefined,
    rest: Buffer,
  ): void {
    if (!this.#parts.announced(connection, client)) connection.raw.destroy()
    else if (rest.length > 0) this.#first(connection, rest, port)
    else connection.raw.once('data', chunk => this.#first(connection, chunk, port))
  }

  /** The connection is gone. */
  forget({ state }: StreamConnection): void {
    if (state.kind === 'handshaking') this.#handshakes.delete(state.ends)
  }

  #first(connection: StreamConnection, chunk: Buffer, { tlsOnly, web }: StreamPort): void {
    switch (demultiplex(chunk[0]!)) {
      case 'tls':
        if (web) this.#web.sort(connection, chunk)
        else this.#shake(connection, chunk)
        return
      case 'stun':
        if (tlsOnly) this.#parts.refuse(connection, PLAIN_ON_TLS)
        else this.#parts.ready(connection, connection.raw, 'tcp', chunk)
        return
      default:
        // ChannelData cannot come first, but HTTP and others would pass for it: "GET " is channel 0x4745.
        this.#foreign(connection, chunk)
    }
  }

  /** Neither STUN nor TLS came. An authority may ask by HTTP for what shows that a name is ours. */
  #foreign(connection: StreamConnection, chunk: Buffer): void {
    const answer = this.#acme.answerTo(chunk)
    if (!answer) this.#parts.refuse(connection, nameForeign(chunk))
    else if (answer.kind === 'answer') this.#parts.answered(connection, connection.raw, answer.text)
    else {
      connection.raw.once('data', more => {
        this.#parts.breathe()
        this.#foreign(connection, Buffer.concat([chunk, more]))
      })
    }
  }

  /** TLS for the relay begins, with what has come of it. */
  #shake(connection: StreamConnection, hello: Buffer): void {
    if (!this.#tls && !this.#acme.isProving) {
      this.#parts.refuse(connection, NO_CERTIFICATE)
      return
    }
    connection.shakeHands(endsOf(connection.raw))
    this.#hello(connection, hello)
  }

  /** Waits for the whole of a ClientHello, which may come in pieces, and hands it to TLS. */
  #hello(connection: StreamConnection, hello: Buffer): void {
    const { raw } = connection
    this.#parts.breathe()
    if (hello.length < helloLength(hello)) {
      raw.once('data', more => this.#hello(connection, Buffer.concat([hello, more])))
      return
    }
    if (connection.state.kind !== 'handshaking') return
    const acceptor = this.#acme.takes(hello) ? this.#acme : this.#tls
    if (!acceptor) {
      this.#parts.refuse(connection, NO_CERTIFICATE)
      return
    }
    this.#handshakes.set(connection.state.ends, connection)
    raw.pause()
    raw.unshift(hello)
    acceptor.accept(raw, hello)
  }

  #secured(socket: TLSSocket): void {
    const connection = this.#handedOver(socket)
    if (connection) this.#parts.ready(connection, socket, 'tls')
  }

  /** An authority has seen our certificate, which is all that it wants (RFC 8737 §3). */
  #proved(socket: TLSSocket): void {
    const connection = this.#handedOver(socket)
    if (connection) this.#parts.answered(connection, socket)
  }

  /** The connection of a handshake that is done. */
  #handedOver(socket: TLSSocket): StreamConnection | undefined {
    // Node tells of octets that do not decrypt, and leaves the connection open.
    socket.on('error', () => socket.destroy())
    const connection = this.#handshakes.get(endsOf(socket))
    if (connection?.state.kind !== 'handshaking') {
      socket.destroy()
      return undefined
    }
    this.#parts.breathe()
    this.#handshakes.delete(connection.state.ends)
    return connection
  }

  #blame(error: Error, socket: Socket): void {
    this.#handshakes.get(endsOf(socket))?.blame(explainHandshake(error))
  }
}

/** Both ends of a connection, the same for a socket and for the TLS socket on top of it. */
function endsOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`
}
