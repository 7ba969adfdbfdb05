import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { Counter, type Counters } from '../../base/counters.ts'
import { padded } from '../../wire/header.ts'

/** Octets that may wait for a client to read them. */
const MAX_WAITING = 256 << 10
const MAX_WAITING_ANSWERS = MAX_WAITING + (64 << 10)
const SMALLEST = 2048
const LARGEST = 32 << 10

/**
 * The frames that leave by one connection. They are gathered and leave together once per turn of the event loop: over
 * TCP in one system call, over TLS in one record. A client that connected over TLS without asking for the server by
 * name (SNI) gets each frame in a record of its own: clients exist among those (coturn's test client is one) that take
 * what one read of their TLS library brings for one message, and lose what follows in the same record. Browsers and
 * other WebRTC clients ask by name.
 */
export class FrameOutbox {
  readonly #raw: Socket
  readonly #counters: Counters
  #socket: Socket | undefined
  /** Each frame is written by itself. */
  #apart = false
  /** Frames that wait for `flush`: full buffers, and the one being filled. */
  #full: Buffer[] = []
  #filling: Buffer | undefined
  #filled = 0
  #gathered = 0
  /** What was written last and may not have left: at least as much as waits in `#socket`. */
  #written: Buffer[] = []
  /** Frames that were not sent since the client reads too slowly. */
  dropped = 0

  /** `raw` is destroyed where the client does not even read answers. */
  constructor(raw: Socket, counters: Counters) {
    this.#raw = raw
    this.#counters = counters
  }

  /** Frames leave by this socket, which is `raw` or TLS on top of it. */
  open(socket: Socket): void {
    this.#socket = socket
    this.#apart = socket instanceof TLSSocket && typeof socket.servername !== 'string'
    if (this.#apart) writeOneByOne(socket)
  }

  /**
   * Gathers a frame, padded to four octets with zeros (RFC 8656 §12.5). A
   * client that does not read loses datagrams, as it would over UDP; answers
   * it is owed a little longer, then it is hung up on. Returns true when there
   * is something to flush that was not before.
   */
  gather(bytes: Buffer, start: number, length: number): boolean {
    const socket = this.#socket
    if (!socket || socket.destroyed) return false
    const waiting = socket.writableLength + this.#gathered
    const octets = padded(length)
    if (waiting + octets > MAX_WAITING) {
      const answer = isAnswer(bytes, start)
      if (!answer || waiting + octets > MAX_WAITING_ANSWERS) {
        this.#counters.add(Counter.dropSlowStream)
        this.dropped++
        if (answer) this.#raw.destroy()
        return false
      }
    }
    const first = this.#gathered === 0
    const into = this.#room(octets)
    bytes.copy(into, this.#filled, start, start + length)
    into.fill(0, this.#filled + length, this.#filled + octets)
    this.#filled += octets
    this.#gathered += octets
    return first
  }

  /** Writes what was gathered. */
  flush(): void {
    const socket = this.#socket
    const last = this.#filling
    if (socket && last && !socket.destroyed && socket.writable) {
      if (this.#full.length > 0) socket.cork()
      for (const buffer of this.#full) socket.write(buffer)
      socket.write(last.subarray(0, this.#filled))
      if (this.#full.length > 0) socket.uncork()
      this.#noteWritten(socket, last.subarray(0, this.#filled))
    }
    // The buffers are the socket's now.
    this.#full = []
    this.#filling = undefined
    this.#filled = 0
    this.#gathered = 0
  }

  /** The last `left` octets that were written. */
  lastWritten(left: number): Buffer {
    const written = Buffer.concat(this.#written)
    return written.subarray(Math.max(0, written.length - left))
  }

  /** Writes octets that another process had written and that had not left. */
  resend(octets: Buffer): void {
    this.#raw.write(octets)
    this.#noteWritten(this.#raw, octets)
  }

  /** Keeps what was just written as long as it may wait for the client; nothing where that reads as it should. */
  #noteWritten(socket: Socket, last: Buffer): void {
    // Over TLS nothing can be given away.
    if (socket !== this.#raw) return
    const waiting = socket.writableLength
    if (waiting === 0) {
      if (this.#written.length > 0) this.#written = []
      return
    }
    this.#written.push(...this.#full, last)
    let kept = this.#written.reduce((sum, buffer) => sum + buffer.length, 0)
    while (kept - this.#written[0]!.length >= waiting) kept -= this.#written.shift()!.length
  }

  #room(octets: number): Buffer {
    const alone = this.#apart
    if (this.#filling && !alone && this.#filling.length - this.#filled >= octets) return this.#filling
    if (this.#filling) this.#full.push(this.#filling.subarray(0, this.#filled))
    // Every octet up to `#filled` is written before it is sent.
    this.#filling = Buffer.allocUnsafe(
      alone ? octets : Math.max(octets, Math.min(LARGEST, Math.max(SMALLEST, this.#gathered))),
    )
    this.#filled = 0
    return this.#filling
  }
}

/** Has frames leave together, once per turn of the event loop. */
export class PendingFlushes {
  #pending: FrameOutbox[] = []

  /** Puts a frame into an outbox. */
  gather(outbox: FrameOutbox, bytes: Buffer, start: number, length: number): void {
    if (!outbox.gather(bytes, start, length)) return
    // Not on the next tick: that comes after every datagram, and this after all that are there to be read.
    if (this.#pending.push(outbox) === 1) setImmediate(() => this.flush())
  }

  /** Writes all that was gathered. */
  flush(): void {
    const pending = this.#pending
    this.#pending = []
    for (const outbox of pending) outbox.flush()
  }
}

/**
 * Takes `_writev` from a socket, by which Node hands all writes that had to wait
 * to TLS at once, and so into one record. It is the method that
 * streams document for those who implement one (`writable._writev`); without it
 * each write goes by itself through `_write`. Should a Node not look it up on
 * the socket any more, a test of records over TLS fails.
 */
function writeOneByOne(socket: Socket): void {
  Object.assign(socket, { _writev: undefined })
}

/** True for STUN success and error responses. */
function isAnswer(bytes: Buffer, start: number): boolean {
  return bytes[start]! < 4 && (bytes[start]! & 1) === 1
}
