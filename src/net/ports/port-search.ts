import { randomInt } from 'node:crypto'
import { constants } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { address, formatIp } from '../../base/address.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import type { Claim } from '../../core/command.ts'
import type { CapacityCause } from '../../core/event.ts'
import { systemError } from '../../system/system-error.ts'
import type { BoundSocket, UdpTransport } from '../transport.ts'
import type { ParkedPort, parkSocket } from './parked-port.ts'
import type { PortPool } from './port-pool.ts'

/** Why there is no port, in a clause, and what was lacking. */
export interface PortFault {
  readonly why: string
  readonly cause?: CapacityCause
}

/** What a search has found. */
export interface FoundPort {
  readonly bound: BoundSocket
  /** The odd sibling, where a pair was wanted. */
  readonly sibling?: BoundSocket
  /** The same, where it is parked for all shards. */
  readonly parked?: Omit<ParkedPort, 'token'>
}

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
  #park: typeof parkSocket | undefined
  /** Candidates are `step` apart from `first` on. */
  #first: number
  #step: number
  #candidates: number
  #guesses = 0
  #start = 0
  #walked = 0

  /** With `park` the second of a pair is parked, else bound like the first. */
  constructor(udp: UdpTransport, pool: PortPool, shape: Claim['port'], park?: typeof parkSocket) {
    this.#udp = udp
    this.#park = park
    this.#pool = pool
    this.#pair = shape === 'pair'
    this.#step = shape === 'any' ? 1 : 2
    this.#first = shape === 'any' ? pool.from : pool.from + (pool.from & 1)
    const last = this.#pair ? pool.to - 1 : pool.to
    this.#candidates = Math.max(0, Math.floor((last - this.#first) / this.#step) + 1)
  }

  /** Tries candidates until one holds, or says why none does. */
  async run(): Promise<Result<FoundPort, PortFault>> {
    if (this.#candidates > 0) this.#start = randomInt(this.#candidates)
    for (let misses = 1; ; misses++) {
      const port = this.#next()
      if (port === undefined)
        return failed({ why: `all relay ports of ${this.#local} are in use`, cause: 'ports' })
      const found = await this.#try(port)
      if (found.ok) return found
      if (found.error.code !== 'EADDRINUSE') return failed(this.#explain(found.error))
      // Ports of other programs are learnt one bind at a time; traffic must not wait for all of them.
      if (misses % MISSES_AT_ONCE === 0) await nextTurn()
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

  /** Binds `port`, and for a pair the one after it; both or neither. */
  async #try(port: number): Promise<Result<FoundPort, NodeJS.ErrnoException>> {
    const bound = await this.#bind(port)
    if (!bound.ok) return bound
    if (!this.#pair) return succeeded({ bound: bound.value })
    const sibling = this.#park ? this.#parkAt(port + 1, this.#park) : await this.#bind(port + 1)
    if (sibling.ok) {
      const { value } = sibling
      return succeeded({ bound: bound.value, ...('fd' in value ? { parked: value } : { sibling: value }) })
    }
    this.#udp.close(bound.value.socket)
    this.#pool.free(port)
    return sibling
  }

  #parkAt(port: number, park: typeof parkSocket): Result<Omit<ParkedPort, 'token'>, NodeJS.ErrnoException> {
    if (!this.#pool.take(port)) return failed(systemError(-constants.errno.EADDRINUSE, 'bind'))
    const local = address(this.#pool.relay.local, port)
    const result = park(local)
    if (!result.ok) {
      this.#pool.free(port)
      return result
    }
    this.#pool.park(port)
    return succeeded({ fd: result.value, local })
  }

  async #bind(port: number): Promise<Result<BoundSocket, NodeJS.ErrnoException>> {
    // Mark the port as taken before binding: another search may run meanwhile.
    if (!this.#pool.take(port)) return failed(systemError(-constants.errno.EADDRINUSE, 'bind'))
    const result = await this.#udp.bind({ address: address(this.#pool.relay.local, port), purpose: 'relay' })
    if (!result.ok) this.#pool.free(port)
    return result
  }

  /** Says what can be done about an error that another port would not fix. */
  #explain(error: NodeJS.ErrnoException): PortFault {
    switch (error.code) {
      case 'EMFILE':
      case 'ENFILE':
        return { why: 'no file descriptor is left for a relay socket', cause: 'descriptors' }
      case 'EADDRNOTAVAIL':
        return { why: `this machine does not have the relay address ${this.#local}`, cause: 'relay-address' }
      default:
        return { why: `cannot bind a relay socket on ${this.#local}: ${error.code ?? error.message}` }
    }
  }

  get #local(): string {
    return formatIp(this.#pool.relay.local)
  }
}

const GUESSES = 16
const MISSES_AT_ONCE = 64
