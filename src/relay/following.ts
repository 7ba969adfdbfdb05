import { promises as dns } from 'node:dns'
import { isDeepStrictEqual } from 'node:util'
import { type Family, formatAsked, formatIp, ipKey, parseIp } from '../base/address.ts'
import type { Log } from '../log/log.ts'
import { type Machine, readMachine } from '../net/kernel/machine.ts'
import {
  type AddressSource,
  type RelayEntry,
  type ResolvedRelayAddress,
  relayAddresses,
  scopeOf,
} from '../net/ports/relay-addresses.ts'
import { askStunAddress } from '../net/ports/stun-address.ts'
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
  /** The address that the router says is outside. It says by itself when it is another. */
  readonly router?: (() => Promise<Uint8Array | undefined>) | undefined
  /** Asks a STUN server. Rejects where that does not answer. */
  readonly stun?: typeof askStunAddress
}

/** Seconds between two looks at a name: at least, at most, and after a failure. */
const SOONEST = 5
const LATEST = 60
const AGAIN = 10
/** Seconds until a STUN server is asked again. */
const STUN_AGAIN = 10

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
  /** What is known, by `nameOf`. */
  readonly #found = new Map<string, Uint8Array>()
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

  /** Asks for every address that others know again, and then looks at the machine. */
  async refresh(): Promise<void> {
    await this.#lookUp()
    // One that is under way may not know it yet.
    await this.#looking
    if (!this.#stopped) await this.look()
  }

  /** To be called when the router has named another address. */
  moved(): void {
    if (this.#started && !this.#stopped) void this.refresh()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #machine(): Machine {
    return (this.#parts.machine ?? readMachine)()
  }

  async #look(failed: (error: NodeJS.ErrnoException) => void = () => {}): Promise<void> {
    const lookup = (source: AddressSource, family: Family) => this.#found.get(nameOf(source, family))
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

  /** Asks for every address that others know, and again before what is known becomes too old. */
  async #lookUp(): Promise<void> {
    const wanted = this.#entries.flatMap(entry => {
      if (entry === 'auto' || entry.public === undefined || entry.public instanceof Uint8Array) return []
      const { local, public: source } = entry
      const family: Family = local === 'auto' || local.length === 4 ? 4 : 6
      return [{ source, family, local: local === 'auto' ? undefined : local }]
    })
    if (wanted.length === 0) return
    let next = LATEST
    for (const { source, family, local } of wanted) {
      const key = nameOf(source, family)
      try {
        const found = await this.#ask(source, family, local)
        const known = this.#found.get(key)
        // Where a name has several addresses, their order means nothing.
        const same = found.find(({ ip }) => known && ipKey(ip) === ipKey(known)) ?? found[0]
        if (same) this.#found.set(key, same.ip)
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

  async #ask(
    source: AddressSource,
    family: Family,
    local: Uint8Array | undefined,
  ): Promise<readonly Looked[]> {
    if (typeof source === 'string') return (this.#parts.lookup ?? lookUpName)(source, family)
    if (source.from === 'stun') {
      const ip = await (this.#parts.stun ?? askStunAddress)(source, family, local)
      return [{ ip, ttl: STUN_AGAIN }]
    }
    const ip = await this.#parts.router?.()
    return ip ? [{ ip, ttl: LATEST }] : []
  }

  #sayOnce(warning: RunningText): void {
    const said = JSON.stringify(warning)
    if (this.#said.has(said)) return
    this.#said.add(said)
    this.#parts.log.warn(warning)
  }
}

function nameOf(source: AddressSource, family: Family): string {
  return `${family} ${typeof source === 'string' ? source : formatAsked(source)}`
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
