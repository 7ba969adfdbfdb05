import { address, ipKey, RECORD, writeRecord } from '../../base/address.ts'
import { loadAddon, type NativeRoutes } from '../../system/native-addon.ts'
import { LocalTables } from './local-tables.ts'
import type { OwnAddresses } from './machine.ts'

/** Answers that are remembered; who asks for more addresses than this asks the kernel for each. */
const REMEMBERED = 4096
/** Milliseconds in which the kernel is asked once whether anything has changed. */
const TURN = 1
/** Milliseconds after which an answer is asked for again, in case the kernel did not tell of a change. */
const TRUSTED = 10_000
const LOOPBACK = address(Uint8Array.of(127, 0, 0, 1), 0)

/** Opens the best source that this machine has. `changed` is called soon after what it says may have changed. */
export function openOwnAddresses(changed: () => void): OwnAddresses {
  return KernelRoutes.open(changed) ?? new LocalTables(changed)
}

/**
 * Asks the kernel by netlink what it would do with a packet, address by
 * address. The kernel tells of changes before the program that made them goes
 * on, so an answer that is remembered is never older than the last change.
 */
export class KernelRoutes implements OwnAddresses {
  readonly #changed: () => void
  readonly #answers = new Map<number | string, boolean>()
  readonly #record = new Uint8Array(RECORD)
  #routes!: NativeRoutes
  #sources: readonly Uint8Array[] = []
  #fallback: LocalTables | undefined
  #looked = Number.NEGATIVE_INFINITY
  #since = Number.NEGATIVE_INFINITY

  private constructor(changed: () => void) {
    this.#changed = changed
  }

  /** Undefined where there is no addon, or the kernel does not answer it. */
  static open(changed: () => void): KernelRoutes | undefined {
    const addon = loadAddon()
    if (!addon.ok) return undefined
    const made = new KernelRoutes(changed)
    const routes = addon.value.routes(() => made.#look())
    if (typeof routes === 'number') return undefined
    made.#routes = routes
    writeRecord(LOOPBACK, made.#record, 0)
    if (routes.deliversHere(made.#record) === 1) return made
    routes.stop()
    return undefined
  }

  has(ip: Uint8Array): boolean {
    const now = performance.now()
    if (now - this.#looked > TURN) {
      this.#looked = now
      if (this.#look() || now - this.#since > TRUSTED) {
        this.#answers.clear()
        this.#since = now
      }
    }
    const key = ipKey(ip)
    const known = this.#answers.get(key)
    if (known !== undefined) return known
    const answer = this.#ask(ip)
    if (this.#answers.size >= REMEMBERED) this.#answers.clear()
    this.#answers.set(key, answer)
    return answer
  }

  sendFrom(ips: readonly Uint8Array[]): void {
    this.#sources = ips.map(ip => {
      const record = new Uint8Array(RECORD)
      writeRecord(address(ip, 0), record, 0)
      return record
    })
    this.#answers.clear()
  }

  stop(): void {
    this.#routes.stop()
    this.#fallback?.stop()
  }

  #ask(ip: Uint8Array): boolean {
    writeRecord(address(ip, 0), this.#record, 0)
    const answer = this.#routes.deliversHere(this.#record)
    if (answer === 1) return true
    // A rule may lead elsewhere what a relay socket sends (`ip rule add from`).
    if (answer === 0)
      return this.#sources.some(source => this.#routes.deliversHere(this.#record, source) === 1)
    // The kernel has no memory for an answer, or a family is switched off.
    this.#fallback ??= new LocalTables(this.#changed)
    return this.#fallback.has(ip)
  }

  /** Reads what has changed. */
  #look(): boolean {
    if (this.#routes.changed() === 0) return false
    this.#answers.clear()
    setImmediate(this.#changed)
    return true
  }
}
