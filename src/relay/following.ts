import { promises as dns } from 'node:dns'
import { isDeepStrictEqual } from 'node:util'
import { type Family, formatIp, ipKey, parseIp } from '../base/address.ts'
import type { Log } from '../log/log.ts'
import { type Machine, readMachine } from '../net/kernel/machine.ts'
import {
  type RelayEntry,
  type ResolvedRelayAddress,
  relayAddresses,
  scopeOf,
} from '../net/ports/relay-addresses.ts'
import { wallTime } from '../system/clock.ts'
import type { RunningText } from '../texts/running.ts'
import type { WaitingText } from '../texts/waiting.ts'
import { cannotRelay } from './start-error.ts'

/** An address that a name stands for, and for how many seconds that may be believed. */
export interface Looked {
  readonly ip: Uint8Array
  readonly ttl: number
}

/** A change of the public addresses; `at` is in milliseconds since the epoch. */
export interface AddressChange {
  readonly at: number
  readonly from: string
  readonly to: string
}

export interface FollowingParts {
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Binds an address once, as a call would. */
  readonly tryRelay: (local: Uint8Array, done: (error: NodeJS.ErrnoException | null) => void) => void
  /** Is told when new allocations go elsewhere. */
  readonly changed: (addresses: readonly ResolvedRelayAddress[]) => void
  readonly machine?: () => Machine
  /** All addresses of a name, the time to live in seconds. Rejects where there are none. */
  readonly lookup?: (name: string, family: Family) => Promise<readonly Looked[]>
}

/** Seconds between two looks at a name: at least, at most, and after a failure. */
const SOONEST = 5
const LATEST = 60
const AGAIN = 10

/**
 * The addresses to relay from, as the machine and the DNS have them now.
 *
 * An address that goes is given up once its family has another; until then it
 * is waited for, as interfaces come and go, and calls on it live on. One that
 * cannot be bound keeps nothing else from working.
 */
export class Following {
  addresses: readonly ResolvedRelayAddress[]
  /** Which addresses are missing, and why. */
  waiting: readonly WaitingText[] = []
  /** The last change after the start, if there was one. */
  lastChange: AddressChange | undefined
  readonly #entries: readonly RelayEntry[]
  readonly #parts: FollowingParts
  readonly #names = new Map<string, Uint8Array>()
  readonly #said = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #started = false
  #stopped = false

  /** Takes what the machine has, and binds nothing yet. */
  constructor(entries: readonly RelayEntry[], parts: FollowingParts) {
    this.#entries = entries
    this.#parts = parts
    this.addresses = relayAddresses(entries, this.#machine()).addresses
  }

  /**
   * Looks the names up and binds every address once. Throws a `StartError`
   * where only fixed ones are wanted and none is there.
   */
  async start(): Promise<void> {
    await this.#lookUp()
    let first: NodeJS.ErrnoException | undefined
    this.addresses = []
    await this.#look(error => (first ??= error))
    const fixed = this.#entries.find(entry => entry !== 'auto' && entry.local instanceof Uint8Array)
    const isFixed = this.#entries.every(entry => entry !== 'auto' && entry.local instanceof Uint8Array)
    if (
      first &&
      isFixed &&
      this.addresses.length === 0 &&
      fixed !== 'auto' &&
      fixed?.local instanceof Uint8Array
    ) {
      throw cannotRelay(fixed.local, first)
    }
    this.#started = true
    this.#parts.changed(this.addresses)
  }

  /** Looks at the machine again. Calls at the same time are one. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** Looks every name up again, and then at the machine. */
  async refresh(): Promise<void> {
    await this.#lookUp()
    await this.look()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #machine(): Machine {
    return (this.#parts.machine ?? readMachine)()
  }

  async #look(failed: (error: NodeJS.ErrnoException) => void = () => {}): Promise<void> {
    const lookup = (name: string, family: Family) => this.#names.get(`${family} ${name}`)
    const { addresses, warnings, waiting } = relayAddresses(this.#entries, this.#machine(), lookup)
    const missing = [...waiting]
    const usable: ResolvedRelayAddress[] = []
    const isAway = this.addresses.some(one => scopeOf(one.local) !== 'loopback')
    for (const one of addresses) {
      // A network that has gone for a moment does not end calls for the sake of loopback.
      if (isAway && scopeOf(one.local) === 'loopback') continue
      const error = await new Promise<NodeJS.ErrnoException | null>(resolve =>
        this.#parts.tryRelay(one.local, resolve),
      )
      if (this.#stopped) return
      if (!error) usable.push(one)
      else {
        failed(error)
        missing.push(this.#missing(one, error))
      }
    }
    const kept = this.addresses.filter(one => !usable.some(({ family }) => family === one.family))
    for (const one of kept) {
      const ip = formatIp(one.local)
      if (!missing.some(({ values }) => values.ip === ip))
        missing.push({ key: 'waiting.gone', values: { ip } })
    }
    for (const warning of warnings) this.#sayOnce(warning)
    this.#wait(missing)
    this.#use([...usable, ...kept])
  }

  #missing({ local }: ResolvedRelayAddress, error: NodeJS.ErrnoException): WaitingText {
    const ip = formatIp(local)
    if (error.code !== 'EADDRNOTAVAIL') {
      return { key: 'waiting.unusable', values: { ip, code: error.code ?? error.message } }
    }
    const had = this.addresses.some(one => ipKey(one.local) === ipKey(local))
    return { key: had ? 'waiting.gone' : 'waiting.missing', values: { ip } }
  }

  #wait(missing: readonly WaitingText[]): void {
    for (const why of missing) {
      const isKnown = this.waiting.some(one => isDeepStrictEqual(one, why))
      if (!isKnown) this.#parts.log.warn({ key: 'warn.waiting', values: { why } })
    }
    this.waiting = missing
  }

  #use(addresses: readonly ResolvedRelayAddress[]): void {
    const name = (one: ResolvedRelayAddress) => `${formatIp(one.local)}=${formatIp(one.public)}`
    const had = this.addresses
    const before = had.map(name)
    const now = addresses.map(name)
    this.addresses = addresses
    // What there is at the start is told as a part of that.
    if (!this.#started || before.join() === now.join()) return
    const publics = (all: readonly ResolvedRelayAddress[]) =>
      all.map(one => formatIp(one.public)).join(', ') || '–'
    const [from, to] = [publics(had), publics(addresses)]
    if (from !== to) this.lastChange = { at: wallTime(), from, to }
    this.#parts.log.info('relay addresses', {
      relaying: addresses.map(one => formatIp(one.public)),
      lost: before.filter(one => !now.includes(one)),
    })
    this.#parts.changed(addresses)
  }

  /** Looks up every name, and again before what is known becomes too old. */
  async #lookUp(): Promise<void> {
    const wanted = this.#entries.flatMap(entry => {
      if (entry === 'auto' || typeof entry.public !== 'string') return []
      const family: Family = entry.local === 'auto' || entry.local.length === 4 ? 4 : 6
      return [{ name: entry.public, family }]
    })
    if (wanted.length === 0) return
    let next = LATEST
    for (const { name, family } of wanted) {
      const key = `${family} ${name}`
      try {
        const found = await (this.#parts.lookup ?? lookUpName)(name, family)
        const known = this.#names.get(key)
        // Where a name has several addresses, their order means nothing.
        const same = found.find(({ ip }) => known && ipKey(ip) === ipKey(known)) ?? found[0]
        if (same) this.#names.set(key, same.ip)
        for (const { ttl } of found) next = Math.min(next, Math.max(ttl, SOONEST))
      } catch {
        // What was known stays; where nothing was, that is waited for and told.
        next = Math.min(next, AGAIN)
      }
    }
    if (this.#stopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.refresh(), next * 1000).unref()
  }

  #sayOnce(warning: RunningText): void {
    const said = JSON.stringify(warning)
    if (this.#said.has(said)) return
    this.#said.add(said)
    this.#parts.log.warn(warning)
  }
}

/** Asks the DNS; where that knows nothing, whatever else this machine looks names up by. */
async function lookUpName(name: string, family: Family): Promise<Looked[]> {
  try {
    const resolver = new dns.Resolver({ timeout: 2000, tries: 2 })
    const found = await (family === 4
      ? resolver.resolve4(name, { ttl: true })
      : resolver.resolve6(name, { ttl: true }))
    return found.flatMap(({ address, ttl }) => octets(address, ttl))
  } catch {
    const found = await dns.lookup(name, { family, all: true })
    return found.flatMap(({ address }) => octets(address, LATEST))
  }
}

function octets(text: string, ttl: number): Looked[] {
  const ip = parseIp(text)
  return ip ? [{ ip, ttl }] : []
}
