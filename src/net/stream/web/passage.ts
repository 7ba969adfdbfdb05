import { connect, type Socket } from 'node:net'
import { type Address, formatIp } from '../../../base/address.ts'
import { stopReading } from '../../../system/socket-handle.ts'
import type { Pair, Pump } from './pump.ts'

/** What a passage tells. */
export interface PassageWatch {
  /** Octets have come in from one end. */
  moved(octets: number, to: 'web' | 'client'): void
  /** The web server could not be reached; the client has been hung up on. */
  failed(error: NodeJS.ErrnoException): void
}

/**
 * Passes what a client and the web server send on to the other, as it is. Who
 * does not read holds up the other end: no more is kept than the buffers of two
 * sockets. Where one has sent all it has to send, the other is told, and may
 * send on (RFC 9293 §3.6).
 */
export class Passage {
  readonly #client: Socket
  readonly #web: Socket
  readonly #watch: PassageWatch
  readonly #pump: Pump | undefined
  #pair: Pair | undefined
  #isOpen = false

  /**
   * `client` is paused. `first` is what the web server is to have before all
   * that comes from there. With a pump that can, octets pass by that.
   */
  constructor(client: Socket, to: Address, first: readonly Buffer[], watch: PassageWatch, pump?: Pump) {
    this.#client = client
    this.#watch = watch
    this.#pump = pump
    // Node looks at it when the other end has closed its half.
    client.allowHalfOpen = true
    this.#web = connect({ host: formatIp(to.ip), port: to.port, noDelay: true, allowHalfOpen: true })
    // Nothing is read before it is known who reads.
    this.#web.pause()
    this.#web.setTimeout(TO_REACH, () => this.#web.destroy(new Error('it did not answer in ten seconds')))
    this.#web.once('connect', () => {
      this.#isOpen = true
      this.#web.setTimeout(0)
    })
    this.#web.write(Buffer.concat(first), error => error ?? this.#begin())
    // A paused socket tells of its end all the same, and that may come before the web server is there.
    client.once('end', () => this.#web.end())
    this.#web.on('error', error => this.#broken(error))
    this.#web.once('close', hadError => leave(client, hadError))
    client.once('close', hadError => {
      this.#pair?.release()
      leave(this.#web, hadError || !this.#isOpen)
      this.#web.removeAllListeners('timeout').setTimeout(LAST_WORDS, () => this.#web.destroy())
    })
  }

  /** Tells what has moved, where that is not told at once. */
  look(): void {
    this.#pair?.look()
  }

  /** Ends both connections at once. */
  destroy(): void {
    this.#pair?.release()
    this.#client.destroy()
    this.#web.destroy()
  }

  /** All that was to go first has left. */
  #begin(): void {
    const [client, web] = [this.#client, this.#web]
    if (client.destroyed || web.destroyed) return
    if (this.#pump) {
      // What Node has read of the client meanwhile goes before what the pump reads.
      const rest = client.read() as Buffer | null
      stopReading(client)
      if (rest) {
        this.#watch.moved(rest.length, 'web')
        web.write(rest, error => error ?? this.#begin())
        return
      }
      this.#pair = this.#pump.carry(client, web, {
        moved: (toWeb, toClient) => {
          if (toWeb > 0) this.#watch.moved(toWeb, 'web')
          if (toClient > 0) this.#watch.moved(toClient, 'client')
        },
        ended: () => this.destroy(),
      })
      if (this.#pair) return
    }
    web.once('end', () => client.end())
    this.#carry(client, web, 'web')
    this.#carry(web, client, 'client')
    client.resume()
    web.resume()
  }

  #carry(from: Socket, to: Socket, direction: 'web' | 'client'): void {
    from.on('data', chunk => {
      this.#watch.moved(chunk.length, direction)
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
  }

  #broken(error: NodeJS.ErrnoException): void {
    this.#client.destroy()
    if (!this.#isOpen) this.#watch.failed(error)
  }
}

/** Hangs up after the other end has gone: at once if it did not end properly, else with what was sent before. */
function leave(other: Socket, hadError: boolean): void {
  if (hadError) other.destroy()
  else other.destroySoon()
}

/** Milliseconds that the web server has to take a connection. */
const TO_REACH = 10_000
/** Milliseconds that it has to read the last that a client said. */
const LAST_WORDS = 10_000
