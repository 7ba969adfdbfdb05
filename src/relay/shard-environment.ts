import type { Settings } from '../config/settings.ts'
import type { Listener } from '../config/values/listener.ts'
import type { RelayConfig } from '../core/config.ts'
import type { Environment } from '../core/environment.ts'
import type { OwnAddresses } from '../net/kernel/machine.ts'
import { openOwnAddresses } from '../net/kernel/own-addresses.ts'
import type { ResolvedRelayAddress } from '../net/ports/relay-addresses.ts'
import { type HostNames, hostNames } from '../policy/same-host.ts'
import { wallTime } from '../system/clock.ts'
import { authenticator, peerReach, type RelaySurroundings, random, relayConfig } from './relay-config.ts'
import { sealing } from './sealing.ts'
import type { SharedParts } from './shard-parts.ts'

/** The share of the time that may be spent on judging peers anew because routes change. */
const JUDGING = 0.05

export interface ShardEnvironmentParts {
  readonly settings: Settings
  readonly relays: readonly ResolvedRelayAddress[]
  /** True where sockets can set DF. */
  readonly dontFragment: boolean
  readonly shared: SharedParts | undefined
  /** Is told that the addresses of this machine may have changed: `judge` is to be called. */
  readonly changed: () => void
}

/**
 * What the core of a shard is told by its configuration and what it asks, made
 * from the settings, the relay addresses and the addresses of this machine.
 */
export class ShardEnvironment {
  /** What the core asks; what decides is replaced under it by `configure`. */
  readonly asked: Environment
  readonly #parts: ShardEnvironmentParts
  readonly #own: OwnAddresses
  #settings: Settings
  #relays: readonly ResolvedRelayAddress[]
  #authenticate!: Environment['authenticate']
  #reach!: Environment['reach']
  #host!: HostNames
  /**
   * Whether the kernel's routes have changed since the peers were judged, and
   * from when on they may be judged again.
   */
  #isStale = false
  #judgeAgain = 0

  constructor(parts: ShardEnvironmentParts) {
    this.#parts = parts
    this.#settings = parts.settings
    this.#relays = parts.relays
    this.#own = openOwnAddresses(() => {
      this.#isStale = true
      parts.changed()
    })
    this.#sendFrom()
    this.#decide()
    this.asked = this.#environment(parts.shared)
  }

  get config(): RelayConfig {
    return relayConfig(this.#settings, this.#surroundings())
  }

  configure(settings: Settings, relays: readonly ResolvedRelayAddress[]): void {
    this.#settings = settings
    this.#relays = relays
    this.#sendFrom()
    this.#decide()
  }

  /**
   * Has `apply` judge all peers by the configuration if the addresses of this
   * machine may have changed. The more there is to judge, the longer until it
   * is judged again, however often the kernel's routes change.
   */
  judge(apply: (config: RelayConfig) => void): void {
    const began = performance.now()
    if (!this.#isStale || began < this.#judgeAgain) return
    this.#isStale = false
    apply(this.config)
    const ended = performance.now()
    this.#judgeAgain = ended + (ended - began) / JUDGING
  }

  stop(): void {
    this.#own.stop()
  }

  #environment(shared: SharedParts | undefined): Environment {
    return {
      random,
      wall: wallTime,
      reach: peer => this.#reach(peer),
      authenticate: request => this.#authenticate(request),
      sealing,
      host: {
        wire: peer => this.#host.wire(peer),
        peer: from => this.#host.peer(from),
        isRelayed: ip => this.#host.isRelayed(ip),
        keyFor: peer => this.#host.keyFor(peer),
      },
      ...(shared && {
        siblings: { ...shared.ports.siblings(shared.number), chargePeers: shared.chargePeers },
      }),
    }
  }

  #sendFrom(): void {
    const { relay } = this.#settings
    this.#own.sendFrom(
      this.#relays.map(({ local }) => local),
      relay.ports,
    )
  }

  /** Makes what decides about users and peers from the settings. */
  #decide(): void {
    const surroundings = this.#surroundings()
    const { relays, isOwn, endpoints } = surroundings
    this.#authenticate = authenticator(this.#settings)
    this.#reach = peerReach(this.#settings, surroundings)
    this.#host = hostNames(relays, isOwn, endpoints)
  }

  #surroundings(): RelaySurroundings {
    const { listen, metrics, console, issue } = this.#settings
    // Whatever else we serve is nobody's peer either.
    const pages = [metrics, console, issue].flatMap((page): Listener[] =>
      page ? [{ transport: 'tcp', address: page.listen }] : [],
    )
    return {
      dontFragment: this.#parts.dontFragment,
      isOwn: (ip, port) => this.#own.has(ip, port),
      relays: this.#relays,
      endpoints: [...listen, ...pages].map(listener => listener.address),
    }
  }
}
