import { type Address, address, RECORD, writeRecord } from '../../base/address.ts'
import type { PortSpan } from '../../base/range.ts'
import { loadAddon, type NativeRoutes } from '../../system/native-addon.ts'
import { LocalTables } from './local-tables.ts'
import type { OwnAddresses } from './machine.ts'
import { type RoutingRules, routingRules } from './routing-rules.ts'

/** Answers that are remembered; who asks for more addresses than this asks the kernel for each. */
const REMEMBERED = 4096
/** Milliseconds in which the kernel is asked once whether anything has changed. */
const TURN = 1
/** Milliseconds after which an answer is asked for again, in case the kernel did not tell of a change. */
const TRUSTED = 10_000
const LOOPBACK = address(Uint8Array.of(127, 0, 0, 1), 0)
const ANY4 = new Uint8Array(4)
const ANY6 = new Uint8Array(16)

/** Opens the best source that this machine has. `changed` is called soon after what it says may have changed. */
export function openOwnAddresses(changed: () => void): OwnAddresses {
  return KernelRoutes.open(changed) ?? new LocalTables(changed)
}

/**
 * Asks the kernel by netlink what it would do with a packet, address by
 * address, and port by port where a rule goes by that. The kernel tells of
 * changes before the program that made them goes on, so an answer that is
 * remembered is never older than the last change.
 */
export class KernelRoutes implements OwnAddresses {
  readonly #changed: () => void
  readonly #answers = new Map<number | string, boolean>()
  readonly #record = new Uint8Array(RECORD)
  #routes!: NativeRoutes
  /** From where the relay sends. */
  #sources: readonly Uint8Array[] = []
  #ports: PortSpan = { from: 0, to: 0 }
  #rules: RoutingRules | undefined
  /** What to ask from, as records: what rules may tell apart. */
  #askFrom: readonly Uint8Array[] = []
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

  has(ip: Uint8Array, port = 0): boolean {
    const now = performance.now()
    if (now - this.#looked > TURN) {
      this.#looked = now
      if (this.#look() || now - this.#since > TRUSTED) {
        this.#forget()
        this.#since = now
      }
    }
    const rules = this.#rules ?? this.#readRules()
    const peer = address(ip, rules.byPeerPort ? port : 0)
    const known = this.#answers.get(peer.key)
    if (known !== undefined) return known
    const answer = this.#ask(peer, rules) || (rules.hasOther && this.#tables.has(ip))
    if (this.#answers.size >= REMEMBERED) this.#answers.clear()
    this.#answers.set(peer.key, answer)
    return answer
  }

  sendFrom(ips: readonly Uint8Array[], ports: PortSpan): void {
    this.#sources = ips
    // Allocations that are open keep the ports that they have.
    const { from, to } = this.#ports
    this.#ports = from === 0 ? ports : { from: Math.min(from, ports.from), to: Math.max(to, ports.to) }
    this.#forget()
  }

  stop(): void {
    this.#routes.stop()
    this.#fallback?.stop()
  }

  /** What all routing tables say, for what the kernel cannot be asked. */
  get #tables(): LocalTables {
    this.#fallback ??= new LocalTables(this.#changed)
    return this.#fallback
  }

  /** Asks in every way in which the relay might send to the peer. */
  #ask(peer: Address, rules: RoutingRules): boolean {
    writeRecord(peer, this.#record, 0)
    let hasFailed = false
    for (const tos of rules.tos) {
      for (const from of this.#askFrom) {
        if (from[0] !== peer.family) continue
        const answer = this.#routes.deliversHere(this.#record, from, tos)
        if (answer === 1) return true
        hasFailed ||= answer < 0
      }
    }
    // The kernel has no memory for an answer, or a family is switched off.
    return hasFailed && this.#tables.has(peer.ip)
  }

  #readRules(): RoutingRules {
    const rules = routingRules(words => this.#routes.rules(words), this.#ports)
    const sources = [ANY4, ANY6, ...this.#sources]
    this.#askFrom = rules.relayPorts.flatMap(port =>
      sources.map(ip => {
        const record = new Uint8Array(RECORD)
        writeRecord(address(ip, port), record, 0)
        return record
      }),
    )
    this.#rules = rules
    return rules
  }

  #forget(): void {
    this.#answers.clear()
    this.#rules = undefined
  }

  /** Reads what has changed. */
  #look(): boolean {
    if (this.#routes.changed() === 0) return false
    this.#forget()
    setImmediate(this.#changed)
    return true
  }
}
