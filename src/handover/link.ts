import type { Socket } from 'node:net'
import { type RunningPart, sayPart } from '../texts/running.ts'

/** Octets of a frame's header: its length, and what it is. */
const HEADER = 5
/** A frame is at most as long as a snapshot can be. */
const LONGEST = (1 << 30) + 1024
/** Frames that may wait to be heard; with many workers a snapshot of each comes at once. */
const MOST_SAID = 1024
const [JSON_FRAME, OCTETS] = [0, 1]

/** What the other process has done wrong, or that it is gone. */
export class LinkError extends Error {
  override readonly name = 'LinkError'
  /** `message` in no language yet. */
  readonly why: RunningPart

  constructor(why: RunningPart) {
    super(sayPart(why, 'en'))
    this.why = why
  }
}

/** What is said: an object whose `kind` says what it is, or octets. */
export type Said = { readonly kind: string; readonly [member: string]: unknown } | Buffer

/**
 * A connection between the two processes of a hand-over, on one machine and of
 * one user: frames of JSON or octets, in order. Never throws but from `next`.
 */
export class HandOverLink {
  readonly #socket: Socket
  #chunks: Buffer[] = []
  #have = 0
  readonly #said: Said[] = []
  #waiting: { readonly heard: (said: Said) => void; readonly failed: (error: Error) => void } | undefined
  #fault: LinkError | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('data', chunk => this.#take(chunk))
    socket.on('close', () => this.#fail({ key: 'takeOver.closed' }))
  }

  /** Whether the other process can still be heard. */
  get isOpen(): boolean {
    return this.#fault === undefined
  }

  say(said: { readonly kind: string; readonly [member: string]: unknown }): void {
    this.#write(JSON_FRAME, Buffer.from(JSON.stringify(said), 'utf8'))
  }

  sayOctets(octets: Uint8Array): void {
    this.#write(OCTETS, octets)
  }

  /** What is said next. Rejects with a `LinkError` where nothing comes within so many milliseconds, or ever. */
  next(patience: number): Promise<Said> {
    const said = this.#said.shift()
    if (said) return Promise.resolve(said)
    if (this.#fault) return Promise.reject(this.#fault)
    return new Promise((resolve, reject) => {
      const late = new LinkError({ key: 'takeOver.silent', values: { seconds: Math.ceil(patience / 1000) } })
      const timer = setTimeout(() => settle(() => reject(late)), patience)
      const settle = (then: () => void) => {
        clearTimeout(timer)
        this.#waiting = undefined
        then()
      }
      this.#waiting = {
        heard: heard => settle(() => resolve(heard)),
        failed: error => settle(() => reject(error)),
      }
    })
  }

  /** Ends the connection once what was said has left. */
  end(): void {
    this.#fail('the connection was ended')
    this.#socket.destroySoon()
  }

  #write(kind: number, octets: Uint8Array): void {
    const header = Buffer.alloc(HEADER)
    header.writeUInt32BE(octets.length, 0)
    header[4] = kind
    this.#socket.cork()
    this.#socket.write(header)
    this.#socket.write(octets)
    this.#socket.uncork()
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#have += chunk.length
    while (this.#have >= HEADER && !this.#fault) {
      const header = this.#peek(HEADER)
      const length = header.readUInt32BE(0)
      if (length > LONGEST) {
        this.#fail(`a frame of ${length} octets`)
        return
      }
      if (this.#have < HEADER + length) return
      const frame = this.#peek(HEADER + length)
      const [first, ...others] = this.#chunks
      this.#chunks = [first!.subarray(HEADER + length), ...others].filter(chunk => chunk.length > 0)
      this.#have -= HEADER + length
      this.#frame(header[4]!, frame.subarray(HEADER))
    }
  }

  /** The first octets of what has come; they stay. */
  #peek(octets: number): Buffer {
    if (this.#chunks[0]!.length < octets) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]!.subarray(0, octets)
  }

  #frame(kind: number, octets: Buffer): void {
    const said = kind === OCTETS ? octets : parse(octets)
    if (said === undefined) this.#fail('a frame that cannot be read')
    else if (this.#waiting) this.#waiting.heard(said)
    else if (this.#said.push(said) > MOST_SAID) this.#fail('more than was asked for')
  }

  #fail(why: RunningPart): void {
    this.#fault ??= new LinkError(why)
    this.#waiting?.failed(this.#fault)
  }
}

function parse(octets: Buffer): Said | undefined {
  try {
    const value: unknown = JSON.parse(octets.toString('utf8'))
    const isSaid = typeof value === 'object' && value !== null && 'kind' in value
    return isSaid && typeof value.kind === 'string' ? (value as Said) : undefined
  } catch {
    return undefined
  }
}
