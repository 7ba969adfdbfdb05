import { randomInt } from 'node:crypto'
import { constants } from 'node:os'
import { address, formatIp } from '../../base/address.ts'
import type { Claim } from '../../core/command.ts'
import { systemError } from '../../system/system-error.ts'
import type { BoundSocket, UdpTransport } from '../transport.ts'
import type { PortPool } from './port-pool.ts'

/** The socket found, with its odd sibling where a pair was wanted; or the reason there is none. */
export type PortSearchDone = (
  bound: BoundSocket | undefined,
  sibling: BoundSocket | undefined,
  why: string,
) => void

/**
 * One search for a port, or a pair of them, on one relay address.
 *
 * It guesses first, since a guess tells an observer nothing. When guesses keep
 * missing, it walks the range once from a random start, so that the last free
 * port is found and a full range is known to be full.
 */
export class PortSearch {
  #udp: UdpTransport
  #pool: PortPool
  #pair: boolean
  #done: PortSearchDone
  /** Candidates are `step` apart from `first` on. */
  #first: number
  #step: number
  #candidates: number
  #guesses = 0
  #start = 0
  #walked = 0
  #misses = 0

  constructor(udp: UdpTransport, pool: PortPool, shape: Claim['port'], done: PortSearchDone) {
    this.#udp = udp
    this.#pool = pool
    this.#pair = shape === 'pair'
    this.#done = done
    this.#step = shape === 'any' ? 1 : 2
    this.#first = shape === 'any' ? pool.from : pool.from + (pool.from & 1)
    const last = this.#pair ? pool.to - 1 : pool.to
    this.#candidates = Math.max(0, Math.floor((last - this.#first) / this.#step) + 1)
  }

  run(): void {
    if (this.#candidates > 0) this.#start = randomInt(this.#candidates)
    this.#advance()
  }

  /** Tries candidates until one holds: in a loop while binding answers at once, else when it does. */
  #advance(): void {
    let answered = true
    while (answered) {
      const port = this.#next()
      if (port === undefined) {
        this.#done(undefined, undefined, `all relay ports of ${this.#local} are in use`)
        return
      }
      answered = false
      let inLoop = true
      this.#try(port, () => {
        if (inLoop) answered = true
        else this.#advance()
      })
      inLoop = false
      // Ports of other programs are learnt one bind at a time; traffic must not wait for all of them.
      if (answered && ++this.#misses % MISSES_AT_ONCE === 0) {
        setImmediate(() => this.#advance())
        return
      }
    }
  }

  /** The next port worth a bind; `undefined` when none is left. */
  #next(): number | undefined {
    if (this.#pool.full || this.#candidates === 0) return undefined
    while (this.#guesses++ < GUESSES) {
      const port = this.#first + this.#step * randomInt(this.#candidates)
      if (this.#mayTry(port)) return port
    }
    while (this.#walked < this.#candidates) {
      const port = this.#first + this.#step * ((this.#start + this.#walked++) % this.#candidates)
      if (this.#mayTry(port)) return port
    }
    return undefined
  }

  #mayTry(port: number): boolean {
    return !this.#pool.has(port) && !(this.#pair && this.#pool.has(port + 1))
  }

  /** Binds `port`, and for a pair the one after it. Calls `taken` when another program has either. */
  #try(port: number, taken: () => void): void {
    this.#bind(port, (bound, error) => {
      if (!bound) this.#missed(error, taken)
      else if (!this.#pair) this.#done(bound, undefined, '')
      else {
        this.#bind(port + 1, (sibling, siblingError) => {
          if (sibling) {
            this.#done(bound, sibling, '')
            return
          }
          this.#udp.close(bound.socket)
          this.#pool.free(port)
          this.#missed(siblingError, taken)
        })
      }
    })
  }

  #bind(
    port: number,
    done: (bound: BoundSocket | undefined, error: NodeJS.ErrnoException | null) => void,
  ): void {
    // Ours from the asking on: another search may run before the answer.
    if (!this.#pool.take(port)) {
      done(undefined, systemError(-constants.errno.EADDRINUSE, 'bind'))
      return
    }
    const local = address(this.#pool.relay.local, port)
    this.#udp.bind({ address: local, purpose: 'relay' }, (error, bound) => {
      if (!bound) this.#pool.free(port)
      done(bound, error)
    })
  }

  #missed(error: NodeJS.ErrnoException | null, taken: () => void): void {
    if (error?.code === 'EADDRINUSE') taken()
    else this.#done(undefined, undefined, this.#explain(error))
  }

  /** Says what can be done about an error that another port would not mend. */
  #explain(error: NodeJS.ErrnoException | null): string {
    switch (error?.code) {
      case 'EMFILE':
      case 'ENFILE':
        return 'no file descriptor left for a relay socket; raise the limit of open files'
      case 'EADDRNOTAVAIL':
        return `this machine does not have the relay address ${this.#local}`
      default:
        return `cannot bind a relay socket on ${this.#local}: ${error?.code ?? error?.message ?? 'no reason given'}`
    }
  }

  get #local(): string {
    return formatIp(this.#pool.relay.local)
  }
}

const GUESSES = 16
const MISSES_AT_ONCE = 64
