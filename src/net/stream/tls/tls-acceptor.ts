import type { Socket } from 'node:net'
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls'

/** What the acceptor tells of handshakes. */
export interface Handshakes {
  done(socket: TLSSocket): void
  /** The socket is destroyed already. What it was connected to may not be known any more. */
  failed(error: Error, socket: TLSSocket): void
}

/**
 * Serves TLS on connections that others have accepted, whichever port they
 * came by. Handshakes that fail end their connection and nothing else.
 *
 * There are two servers, since Node either chooses a protocol from the client's
 * list, refuses the handshake or leaves the list unanswered, and only a server
 * without a list of its own does the last. It is for clients that offer foreign
 * protocols and no other: they are served as ever, but nothing is confirmed
 * that is not spoken here (RFC 7443; the guard against ALPACA).
 */
export class TlsAcceptor {
  readonly #choosing: Server
  readonly #silent: Server

  constructor(options: SecureContextOptions, handshakes: Handshakes) {
    this.#choosing = createServer({ ...options, ALPNCallback: chooseProtocol })
    this.#silent = createServer(options)
    for (const server of [this.#choosing, this.#silent]) {
      server.on('secureConnection', socket => handshakes.done(socket))
      server.on('tlsClientError', (error, socket) => {
        socket.destroy()
        handshakes.failed(error, socket)
      })
    }
  }

  /** Serves with this certificate, and these ticket keys, from now on. */
  setSecureContext(options: SecureContextOptions): void {
    this.#choosing.setSecureContext(options)
    this.#silent.setSecureContext(options)
  }

  /** Begins the handshake on a paused connection whose first octets, `hello`, will be read again. */
  accept(raw: Socket, hello: Buffer): void {
    const server = OURS.some(protocol => hello.includes(protocol)) ? this.#choosing : this.#silent
    server.emit('connection', raw)
  }
}

/**
 * Chooses TURN (RFC 7443). NAT discovery is not served here, so a client that
 * offers it and not TURN is refused. Must never throw (CVE-2026-21637).
 */
export function chooseProtocol(offer: { readonly protocols: readonly string[] }): string | undefined {
  return offer.protocols.includes(TURN) ? TURN : undefined
}

/**
 * Octets of the first TLS record, of which `bytes` are the first: what a
 * ClientHello needs to be complete, unless a client has split it into several
 * records. A longer one than strangers may have kept is not waited for.
 */
export function helloLength(bytes: Buffer): number {
  if (bytes.length < RECORD_HEADER) return RECORD_HEADER
  return Math.min(RECORD_HEADER + bytes.readUInt16BE(3), LONGEST_HELLO)
}

const TURN = 'stun.turn'
const OURS = [TURN, 'stun.nat-discovery']
const RECORD_HEADER = 5
const LONGEST_HELLO = 4096
