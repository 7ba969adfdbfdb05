/** What a ClientHello says of where it wants to go (RFC 8446 §4.1.2). */
export interface ClientHello {
  /** The server's name (RFC 6066 §3), in lower case and without a final dot. */
  readonly serverName: string | undefined
  /** The protocols that are offered (RFC 7301 §3.1), as latin1. */
  readonly protocols: readonly string[]
}

/** A ClientHello, that more of it must come, or that it cannot be one. */
export type HelloReading =
  | { readonly kind: 'hello'; readonly hello: ClientHello }
  | { readonly kind: 'more' }
  | { readonly kind: 'malformed' }

/**
 * Gathers a ClientHello, which may come in pieces of any size and in several
 * records. Each octet is looked at once; how many there may be is bounded.
 */
export class HelloReader {
  readonly #raw = new Gathered()
  /** Where the next record begins. */
  #record = 0
  /** The handshake message, as far as whole records hold it. */
  readonly #message = new Gathered()

  /** All that has come, to be handed on as it is. */
  get bytes(): Buffer {
    return this.#raw.bytes
  }

  /** Reads on. `malformed` also where it is longer than can be kept for a stranger. */
  read(chunk: Buffer): HelloReading {
    if (this.#raw.length + chunk.length > LONGEST) return MALFORMED
    this.#raw.add(chunk)
    const raw = this.#raw.bytes
    while (raw.length - this.#record >= RECORD_HEADER) {
      const length = raw.readUInt16BE(this.#record + 3)
      const isHandshake = raw[this.#record] === HANDSHAKE && raw[this.#record + 1] === 3
      if (!isHandshake || length === 0 || length > LONGEST_RECORD) return MALFORMED
      const end = this.#record + RECORD_HEADER + length
      if (end > raw.length) break
      this.#message.add(raw.subarray(this.#record + RECORD_HEADER, end))
      this.#record = end
      const found = parseMessage(this.#message.bytes)
      if (found.kind !== 'more') return found
    }
    return MORE
  }
}

/** Octets that come in pieces, each of which is copied a few times at most. */
class Gathered {
  length = 0
  #buffer = NOTHING

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.length)
  }

  add(piece: Buffer): void {
    const wanted = this.length + piece.length
    if (wanted > this.#buffer.length) {
      const wider = Buffer.alloc(Math.max(wanted, this.#buffer.length * 2, SMALLEST))
      this.#buffer.copy(wider, 0, 0, this.length)
      this.#buffer = wider
    }
    piece.copy(this.#buffer, this.length)
    this.length = wanted
  }
}

function parseMessage(message: Buffer): HelloReading {
  if (message[0] !== CLIENT_HELLO) return MALFORMED
  if (message.length < 4) return MORE
  const end = 4 + message.readUIntBE(1, 3)
  if (end > LONGEST) return MALFORMED
  if (message.length < end) return MORE
  const hello = parseHello(message.subarray(4, end))
  return hello ? { kind: 'hello', hello } : MALFORMED
}

/** Undefined where a length does not fit, or an extension that matters comes twice. */
function parseHello(hello: Buffer): ClientHello | undefined {
  const body = new Cursor(hello)
  body.skip(VERSION_AND_RANDOM)
  body.vector(1)
  body.vector(2)
  body.vector(1)
  let serverName: string | undefined
  let protocols: string[] | undefined
  // Old clients have none.
  const extensions = new Cursor(body.left > 0 ? body.vector(2) : NOTHING)
  while (extensions.left > 0 && extensions.fits) {
    const type = extensions.number(2)
    const content = new Cursor(extensions.vector(2))
    if (type === SERVER_NAME) {
      if (serverName !== undefined) return undefined
      serverName = nameOf(content)
    } else if (type === ALPN) {
      if (protocols) return undefined
      protocols = protocolsOf(content)
    } else continue
    if (!content.fits) return undefined
  }
  if (!body.fits || !extensions.fits) return undefined
  return { serverName: serverName || undefined, protocols: protocols ?? [] }
}

function nameOf(content: Cursor): string {
  const names = new Cursor(content.vector(2))
  let found = ''
  while (names.left > 0 && names.fits) {
    const type = names.number(1)
    const name = names.vector(2)
    if (type === HOST_NAME && found === '') found = name.toString('latin1').toLowerCase().replace(/\.$/, '')
  }
  if (!names.fits) content.fits = false
  return found
}

function protocolsOf(content: Cursor): string[] {
  const list = new Cursor(content.vector(2))
  const protocols: string[] = []
  while (list.left > 0 && list.fits) protocols.push(list.vector(1).toString('latin1'))
  if (!list.fits) content.fits = false
  return protocols
}

/** Reads on in octets that may be anything. Past their end there is nothing, and `fits` is false. */
class Cursor {
  fits = true
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  skip(octets: number): Buffer {
    if (octets > this.left) {
      this.fits = false
      this.#at = this.#bytes.length
      return NOTHING
    }
    this.#at += octets
    return this.#bytes.subarray(this.#at - octets, this.#at)
  }

  number(octets: 1 | 2): number {
    const bytes = this.skip(octets)
    return bytes.length === 0 ? 0 : bytes.readUIntBE(0, octets)
  }

  /** Octets whose length stands before them, in so many octets itself. */
  vector(lengthOctets: 1 | 2): Buffer {
    return this.skip(this.number(lengthOctets))
  }
}

const MORE: HelloReading = { kind: 'more' }
const MALFORMED: HelloReading = { kind: 'malformed' }
const NOTHING = Buffer.alloc(0)
const SMALLEST = 1024
/** Octets of the longest ClientHello that is taken, with its records. Post-quantum keys make it two thousand. */
const LONGEST = 16_384
const LONGEST_RECORD = 16_384
const RECORD_HEADER = 5
const VERSION_AND_RANDOM = 34
const [HANDSHAKE, CLIENT_HELLO] = [22, 1]
const [SERVER_NAME, ALPN] = [0, 16]
const HOST_NAME = 0
