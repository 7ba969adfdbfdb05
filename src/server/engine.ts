import { isDeepStrictEqual } from 'node:util'
import type { Log } from '../admin/log.ts'
import { type Address, address, formatIp } from '../base/address.ts'
import { Counters } from '../base/counters.ts'
import { Meters } from '../base/meters.ts'
import { isStream } from '../base/via.ts'
import type { Settings, TlsFiles } from '../config/settings.ts'
import type { RelayConfig } from '../core/config.ts'
import type { Event } from '../core/event.ts'
import { Relay } from '../core/relay.ts'
import { RouteTable } from '../forward/route-table.ts'
import { monotonicClock } from '../net/clock.ts'
import { ownAddresses, type RelayAddress, relayAddresses } from '../net/relay-addresses.ts'
import { RelayPorts } from '../net/relay-ports.ts'
import { SocketIds } from '../net/socket-ids.ts'
import { AllSockets } from '../net/sockets.ts'
import { StreamTransport } from '../net/stream.ts'
import { TlsContext } from '../net/tls-context.ts'
import { Shard } from '../shard/shard.ts'
import { Admission } from './admission.ts'
import { GuardedInbox } from './guarded-inbox.ts'
import { endpointsOf, Listeners } from './listeners.ts'
import { authenticator, quotas, random, relayConfig } from './relay-config.ts'
import { cannotRelay, StartError } from './start-error.ts'
import { type OpenedUdp, openUdp } from './udp.ts'
import { RealWorld } from './world.ts'

/**
 * One shard and the sockets under it: the core, the route table, the
 * transports and the book of quotas, put together from the settings.
 */
export class Engine {
  readonly counters = new Counters()
  readonly admission: Admission
  readonly relays: readonly RelayAddress[]
  readonly listeners: Listeners
  readonly ids = new SocketIds()
  readonly inbox: GuardedInbox
  readonly #udp: OpenedUdp
  readonly #streams: StreamTransport
  readonly #ports: RelayPorts
  readonly #log: Log
  #tls: TlsContext | undefined
  readonly #shard: Shard
  #settings: Settings
  #own: readonly Uint8Array[]
  #lost: string[] = []

  /** Opens the transports; nothing is bound yet. `heard` is told what the relay tells. */
  constructor(settings: Settings, options: EngineOptions) {
    const { log, heard } = options
    this.#log = log
    this.#settings = settings
    this.#own = ownAddresses()
    this.inbox = new GuardedInbox(log)
    this.admission = new Admission(quotas(settings))
    const { addresses, warnings } = relayAddresses(
      settings.relay.addresses.map(entry =>
        entry === 'auto'
          ? entry
          : { local: formatIp(entry.local), ...(entry.public && { public: formatIp(entry.public) }) },
      ),
    )
    this.relays = addresses
    for (const warning of warnings) log.warn(warning)
    if (addresses.length === 0) throw new StartError('there is no address to relay from; set relay.addresses')

    this.#udp = openUdp(settings.udp, this.ids, this.inbox, this.counters)
    this.#streams = new StreamTransport(this.ids, this.inbox, this.counters, monotonicClock, settings.limits)
    if (settings.tls) this.#useTls(settings.tls)
    this.#ports = new RelayPorts(this.#udp.transport, addresses, settings.relay.ports)
    const meters = new Meters()
    const relay = new Relay(this.#relayConfig(), authenticator(settings), this.counters, meters)
    this.#shard = new Shard(relay, new RouteTable(this.counters, meters, random), inbox => {
      const world: RealWorld = new RealWorld({
        clock: monotonicClock,
        sockets: new AllSockets(this.ids, [this.#udp.transport, this.#streams], socket => {
          this.#ports.closed(socket)
          world.closed(socket)
        }),
        ports: this.#ports,
        admission: this.admission,
        inbox,
        heard: event => {
          this.#keep(event)
          heard(event)
        },
      })
      return world
    })
    this.inbox.attach(this.#shard)
    this.listeners = new Listeners(
      settings.listen,
      {
        udp: (bind, done) => this.#udp.transport.bind(bind, done),
        stream: (listener, done) => this.#streams.listen(listener, done),
      },
      options.lenient,
    )
  }

  get udp(): OpenedUdp['kind'] {
    return this.#udp.kind
  }

  /** Why UDP is not native although it might have been. */
  get fellBack(): string | undefined {
    return this.#udp.fellBack
  }

  get ports(): { readonly used: number; readonly total: number } {
    return { used: this.#ports.inUse, total: this.#ports.capacity }
  }

  get connections(): number {
    return this.#streams.open
  }

  /** Milliseconds since the epoch; undefined without a certificate. */
  get certificateExpires(): number | undefined {
    return this.#tls?.material.validTo.getTime()
  }

  /** Binds the listeners, or throws a `StartError` and leaves nothing bound. */
  async listen(): Promise<void> {
    try {
      for (const relay of this.relays) await this.#tryRelay(relay.local)
      await this.listeners.open(this.#own)
    } catch (error) {
      this.closeSockets()
      throw error
    }
  }

  /** Applies settings under live allocations. Throws, and changes nothing, when the certificate cannot be used. */
  configure(settings: Settings): void {
    if (settings.tls && !isDeepStrictEqual(settings.tls, this.#settings.tls)) this.#useTls(settings.tls)
    else this.#tls?.reload()
    this.#settings = settings
    this.#streams.setLimits(settings.limits)
    this.#apply()
  }

  #apply(): void {
    const settings = this.#settings
    this.admission.configure(quotas(settings))
    this.#shard.configure(this.#relayConfig(), authenticator(settings))
  }

  /** Once a second. */
  tick(): void {
    this.inbox.tick()
  }

  /** Looks for addresses that the machine has got or lost since, and listens there too. */
  rescan(added: (at: string) => void): void {
    const own = ownAddresses()
    const names = own.map(formatIp)
    const before = this.#own.map(formatIp)
    if (names.join() === before.join()) return
    for (const relay of this.relays) {
      const name = formatIp(relay.local)
      if (before.includes(name) && !names.includes(name)) this.#lost.push(name)
    }
    this.#lost = this.#lost.filter(name => !names.includes(name))
    this.#own = own
    this.listeners.rescan(own, added)
    this.#apply()
  }

  /** Relay addresses that the machine had and has lost. */
  get lost(): string[] {
    return this.#lost
  }

  drain(): void {
    this.#shard.drain(true)
  }

  allocations(): number {
    let count = 0
    for (const _ of this.#shard.allocations()) count++
    return count
  }

  /** Ends every allocation; each is told as closed with the reason `stopped`. */
  closeAllocations(): void {
    for (const { id } of [...this.#shard.allocations()]) {
      this.inbox.guard('stop', () => this.#shard.revoke(id, 'stopped'))
    }
  }

  closeSockets(): void {
    this.#tls?.close()
    this.#streams.stop()
    this.#udp.transport.stop()
  }

  /** Serves this certificate, and the next one whenever the files change. */
  #useTls(files: TlsFiles): void {
    const log = this.#log
    const next = new TlsContext(files, {
      changed: material => {
        this.#streams.setTls(material.options)
        log.info('certificate loaded', { file: files.certificate, expires: material.validTo.toISOString() })
        for (const warning of material.warnings) log.warn(warning)
      },
      broken: error => log.error(`the certificate in use stays: ${error.message}`),
    })
    this.#tls?.close()
    this.#tls = next
    this.#streams.setTls(next.material.options)
  }

  /** A connection with an allocation may be silent for as long as that lives. */
  #keep(event: Event): void {
    if (event.kind !== 'opened' && event.kind !== 'closed') return
    if (isStream(event.via)) this.#streams.keepClient(event.client, event.kind === 'opened')
  }

  #relayConfig(): RelayConfig {
    const settings = this.#settings
    const { listen } = settings
    const metrics = settings.metrics ? [settings.metrics.listen] : []
    return relayConfig(settings, {
      dontFragment: this.#udp.transport.dontFragment,
      own: this.#own,
      relayed: this.relays.map(relay => relay.public),
      endpoints: [...endpointsOf(listen, this.#own), ...seenFromOutside(listen, this.relays), ...metrics],
    })
  }

  /** Binds a relay address once, as a call would: better to learn now than then that it is not there. */
  #tryRelay(local: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#udp.transport.bind({ address: address(local, 0), purpose: 'relay' }, (error, bound) => {
        if (bound) this.#udp.transport.close(bound.socket)
        if (error) reject(cannotRelay(local, error))
        else resolve()
      })
    })
  }
}

export interface EngineOptions {
  readonly log: Log
  readonly heard: (event: Event) => void
  /** True where nobody chose the listeners. */
  readonly lenient: boolean
}

/** Our listeners as the other side of a 1:1 NAT sees them. */
function seenFromOutside(listen: Settings['listen'], relays: readonly RelayAddress[]): Address[] {
  return listen.flatMap(listener => relays.map(relay => address(relay.public, listener.address.port)))
}
