import { Socket } from 'node:net'
import { loadAddon, type NativeAddon, type NativePassages } from '../../../system/native-addon.ts'
import { descriptorOf, stopReading } from '../../../system/socket-handle.ts'

/** Pairs of which one call tells that they have ended. */
const TOLD_AT_ONCE = 64
/** Words of each. */
const WORDS = 4

/** What a pair of sockets tells. */
export interface PairWatch {
  /** Octets have come from the first, and from the second, since it was last told. */
  moved(fromOne: number, fromOther: number): void
  /** Nothing more is passed on: both have said all there is to say, or one has broken off. */
  ended(): void
}

/** Two sockets between which the thread passes octets. */
export interface Pair {
  /** Tells what has moved since the last time. */
  look(): void
  /** Passes nothing more; both sockets stay open. Tells what has moved. */
  release(): void
}

/**
 * Passes octets between pairs of TCP sockets in a thread of the addon, so that
 * neither JavaScript nor the packets of calls wait for what a web server sends.
 */
export class Pump {
  readonly #pairs = new Map<number, OnePair>()
  readonly #words = new Uint32Array(TOLD_AT_ONCE * WORDS)
  #engine: { readonly passages: NativePassages; readonly news: Socket } | undefined
  #stopped = false

  /**
   * Begins with two sockets that are paused, and of which all has been taken
   * that Node.js had read; undefined where it has to be done without the thread.
   */
  carry(one: Socket, other: Socket, watch: PairWatch): Pair | undefined {
    const fds = [descriptorOf(one), descriptorOf(other)] as const
    if (fds[0] === undefined || fds[1] === undefined || this.#stopped) return undefined
    if (!stopReading(one) || !stopReading(other)) return undefined
    this.#engine ??= this.#start()
    const number = this.#engine?.passages.carry(fds[0], fds[1]) ?? -1
    if (!this.#engine || number < 0) return undefined
    const { passages } = this.#engine
    const pair = new OnePair(passages, number, watch, () => this.#forget(number))
    this.#pairs.set(number, pair)
    this.#engine.news.ref()
    return pair
  }

  /** Carries nothing new, and ends when the last pair has. */
  stop(): void {
    this.#stopped = true
    this.#endIfIdle()
  }

  #start(): { readonly passages: NativePassages; readonly news: Socket } | undefined {
    const addon = loadAddon()
    const ends = new Int32Array(2)
    if (!addon.ok || addon.value.socketPair(ends) < 0) return undefined
    const [ours, theirs] = ends as unknown as [number, number]
    const passages = openPassages(addon.value, theirs)
    if (!passages) {
      addon.value.release(ours)
      addon.value.release(theirs)
      return undefined
    }
    const news = new Socket({ fd: ours, readable: true, writable: false })
    news.on('data', () => this.#hear(passages))
    return { passages, news }
  }

  #hear(passages: NativePassages): void {
    for (let count = TOLD_AT_ONCE; count === TOLD_AT_ONCE; ) {
      count = passages.ended(this.#words)
      for (let i = 0; i < count; i++) {
        const [number, , ...moved] = this.#words.subarray(i * WORDS, (i + 1) * WORDS)
        this.#pairs.get(number!)?.end(moved)
      }
    }
  }

  #forget(number: number): void {
    this.#pairs.delete(number)
    if (this.#pairs.size === 0) this.#engine?.news.unref()
    this.#endIfIdle()
  }

  #endIfIdle(): void {
    if (!this.#stopped || this.#pairs.size > 0) return
    this.#engine?.passages.stop()
    this.#engine?.news.destroy()
    this.#engine = undefined
  }
}

function openPassages(addon: NativeAddon, news: number): NativePassages | undefined {
  const passages = addon.passages(news)
  return typeof passages === 'number' ? undefined : passages
}

class OnePair implements Pair {
  readonly #passages: NativePassages
  readonly #number: number
  readonly #watch: PairWatch
  readonly #forget: () => void
  readonly #words = new Uint32Array(2)
  readonly #told = new Uint32Array(2)
  #released = false

  constructor(passages: NativePassages, number: number, watch: PairWatch, forget: () => void) {
    this.#passages = passages
    this.#number = number
    this.#watch = watch
    this.#forget = forget
  }

  look(): void {
    if (this.#released || this.#passages.moved(this.#number, this.#words) < 0) return
    this.#tell(this.#words)
  }

  release(): void {
    if (this.#released) return
    this.look()
    this.#released = true
    this.#passages.release(this.#number)
    this.#forget()
  }

  end(moved: readonly number[]): void {
    if (this.#released) return
    this.#tell(moved)
    this.release()
    this.#watch.ended()
  }

  #tell([one = 0, other = 0]: Iterable<number> & ArrayLike<number>): void {
    // The thread counts modulo 2^32.
    const [fromOne, fromOther] = [(one - this.#told[0]!) >>> 0, (other - this.#told[1]!) >>> 0]
    this.#told.set([one, other])
    if (fromOne > 0 || fromOther > 0) this.#watch.moved(fromOne, fromOther)
  }
}
