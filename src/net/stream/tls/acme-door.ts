import type { Socket } from 'node:net'
import { createSecureContext, createServer, type SecureContext, type Server } from 'node:tls'
import type { ClientHello } from './client-hello.ts'
import type { Handshakes } from './tls-acceptor.ts'

/** What an authority wants to see before it believes that a name is ours. Data only: workers get it too. */
export type AcmeChallenge =
  /** RFC 8555 §8.3: `answer`, asked for by `token` over HTTP. */
  | { readonly kind: 'http-01'; readonly token: string; readonly answer: string }
  /** RFC 8737: a certificate, PEM, that says so, in a handshake for `name`. */
  | {
      readonly kind: 'tls-alpn-01'
      readonly name: string
      readonly certificate: string
      readonly key: string
    }

/** What an HTTP request calls for: this answer, or more of the request. */
type ProofReading = { readonly kind: 'answer'; readonly text: string } | { readonly kind: 'more' }

/**
 * Answers an authority that looks whether a name is ours, on whichever port it
 * comes by: forwarded ports have other numbers here than outside. While nothing
 * is being proved, nobody is answered.
 */
export class AcmeDoor {
  readonly #answers = new Map<string, string>()
  readonly #contexts = new Map<string, SecureContext>()
  readonly #handshakes: Handshakes
  #server: Server | undefined

  constructor(handshakes: Handshakes) {
    this.#handshakes = handshakes
  }

  /** Answers these challenges from now on, and no other. */
  prove(challenges: readonly AcmeChallenge[]): void {
    this.#answers.clear()
    this.#contexts.clear()
    for (const challenge of challenges) {
      if (challenge.kind === 'http-01') this.#answers.set(`${PATH}${challenge.token} `, challenge.answer)
      else {
        const { certificate: cert, key } = challenge
        this.#contexts.set(challenge.name, createSecureContext({ cert, key }))
      }
    }
  }

  /** Whether an authority may come by TLS now. */
  get isProving(): boolean {
    return this.#contexts.size > 0
  }

  /** What to send to an HTTP request that begins like this; nothing where it is not for us. */
  answerTo(request: Buffer): ProofReading | undefined {
    if (this.#answers.size === 0) return undefined
    const text = request.toString('latin1', 0, LONGEST_REQUEST)
    for (const [line, answer] of this.#answers) {
      if (text.startsWith(line)) return { kind: 'answer', text: httpAnswer(answer) }
      if (line.startsWith(text)) return { kind: 'more' }
    }
    return undefined
  }

  /** Whether a ClientHello is from an authority that looks for one of our names. */
  isProof({ serverName, protocols }: ClientHello): boolean {
    return serverName !== undefined && protocols.includes(ACME_TLS) && this.#contexts.has(serverName)
  }

  /** Whether `accept` is to take a connection that begins with this ClientHello. */
  takes(hello: Buffer): boolean {
    return this.isProving && hello.includes(ACME_TLS)
  }

  /** Shakes hands on a paused connection whose first octets will be read again. */
  accept(raw: Socket): void {
    this.#server ??= this.#open()
    this.#server.emit('connection', raw)
  }

  #open(): Server {
    const server = createServer({
      ALPNProtocols: [ACME_TLS],
      // Without a context for the name the handshake fails, which is what the authority should see.
      SNICallback: (name, done) => done(null, this.#contexts.get(name.toLowerCase())),
    })
    server.on('secureConnection', socket => this.#handshakes.done(socket))
    server.on('tlsClientError', (error, socket) => {
      socket.destroy()
      this.#handshakes.failed(error, socket)
    })
    return server
  }
}

function httpAnswer(text: string): string {
  return [
    'HTTP/1.1 200 OK',
    'content-type: application/octet-stream',
    `content-length: ${text.length}`,
    'connection: close',
    '',
    text,
  ].join('\r\n')
}

const ACME_TLS = 'acme-tls/1'
const PATH = 'GET /.well-known/acme-challenge/'
/** Octets of a request that are looked at. Tokens have 43 characters with the authorities that there are. */
const LONGEST_REQUEST = 512
