import { isDeepStrictEqual } from 'node:util'
import { formatAddress, formatIp } from '../base/address.ts'
import type { Result } from '../base/result.ts'
import type { Settings, TlsFiles } from '../config/settings.ts'
import type { Listener } from '../config/values/listener.ts'
import type { Event, RejectReason } from '../core/event.ts'
import type { Log } from '../log/log.ts'
import { type OwnAddresses, ownAddresses } from '../net/kernel/machine.ts'
import { openOwnAddresses } from '../net/kernel/own-addresses.ts'
import { onlyPrivate, type ResolvedRelayAddress } from '../net/ports/relay-addresses.ts'
import { TlsContext, type TlsMaterial } from '../net/stream/tls/tls-context.ts'
import { Admission } from '../relay/admission.ts'
import { type AddressChange, Following } from '../relay/following.ts'
import type { GivenRelay } from '../relay/hand-over/hand-over.ts'
import type { TakenOver } from '../relay/hand-over/shard-hand-over.ts'
import { Listeners } from '../relay/listening/listeners.ts'
import { LocalShard } from '../relay/local-shard.ts'
import { openRecording, RECORDING_LIMIT, type RecordingTo } from '../relay/recording-file.ts'
import { quotas } from '../relay/relay-config.ts'
import type { Shards } from '../relay/shards.ts'
import { cannotTakeOver, StartError } from '../relay/start-error.ts'
import type { InheritedSocket } from '../system/inherited-sockets.ts'
import type { WaitingText } from '../texts/waiting.ts'
import type { Spawn } from './spawn.ts'
import { thisMachine, workersFor } from './worker-count.ts'
import { type JournalPlace, WorkerShards } from './worker-shards.ts'

export interface EngineOptions {
  readonly log: Log
  /** Is told what the relay tells. */
  readonly heard: (event: Event) => void
  /** Is told of rejections that are too many to be told one by one. */
  readonly rejected: (why: RejectReason, count: number) => void
  /** True where nobody chose the listeners. */
  readonly lenient: boolean
  /** Sockets that the service manager has bound for us. */
  readonly inherited?: readonly InheritedSocket[] | undefined
  /** How many workers the process has that this one takes over from. */
  readonly workersBefore?: number | undefined
  /** Records what the relay is told and what it does. */
  readonly record?: { readonly file: string; readonly version: string } | undefined
  /** Starts workers in another way. */
  readonly spawn?: Spawn | undefined
  /** Opens the places where so many shards keep what another process has to know; none where nobody keeps that. */
  readonly openJournals?: ((shards: number) => readonly JournalPlace[]) | undefined
}

/**
 * The shards, and what there is once for all of them: the machine's addresses,
 * the listeners, the certificate and the book of quotas.
 */
export class Engine {
  readonly shards: Shards
  readonly admission: Admission
  readonly listeners: Listeners
  readonly workers: number
  /** Tells the public address that the router names, where that is asked for ports. */
  router: (() => Promise<Uint8Array | undefined>) | undefined
  readonly #log: Log
  #tls: TlsContext | undefined
  #settings: Settings
  #own: readonly Uint8Array[]
  readonly #following: Following
  #watch: OwnAddresses | undefined

  /** Opens nothing yet that others could see. */
  constructor(settings: Settings, options: EngineOptions) {
    const { log, heard, rejected, spawn, inherited = [], workersBefore } = options
    this.#log = log
    this.#settings = settings
    this.#own = ownAddresses()
    this.admission = new Admission(quotas(settings))
    this.#following = new Following(settings.relay.addresses, {
      log,
      tryRelay: (local, done) => this.shards.tryRelay(local, done),
      changed: relays => this.shards.configure(this.#settings, relays),
      router: async () => this.router?.(),
    })

    this.workers = workersFor(settings, {
      ...thisMachine(),
      inheritsUdp: inherited.some(socket => socket.transport === 'udp'),
      before: workersBefore,
      sharesPorts: settings.relay.ports.shared !== undefined,
    })
    if (settings.workers !== 'auto' && settings.workers !== this.workers)
      log.warn('another number of workers takes effect once no calls are taken over', {
        workers: this.workers,
        configured: settings.workers,
      })
    const recordings = options.record && openRecordings(options.record, this.workers, log)
    const journals = options.openJournals?.(this.workers)
    const common = { log, relays: this.relays, heard }
    this.shards =
      this.workers === 1
        ? new LocalShard(settings, {
            ...common,
            gate: this.admission,
            record: recordings?.[0],
            journal: journals?.[0]?.journal,
          })
        : new WorkerShards(settings, {
            ...common,
            size: this.workers,
            admission: this.admission,
            rejected,
            ...(journals?.length === this.workers && { journals }),
            ...(recordings && { recordings }),
            ...(spawn && { spawn }),
          })
    if (settings.tls) this.#useTls(settings.tls)
    this.listeners = new Listeners(settings.listen, this.shards.listen, options.lenient, inherited)
  }

  /** Relay ports in use, and those that there are. */
  get ports(): { readonly used: number; readonly total: number } {
    const { from, to, shared } = this.#settings.relay.ports
    // Those that all allocations share are never used up.
    if (shared) return { used: 0, total: this.relays.length * shared.length }
    return { used: this.shards.gauges.ports, total: this.relays.length * (to - from + 1) }
  }

  /** Milliseconds since the epoch; undefined without a certificate. */
  get certificateExpires(): number | undefined {
    return this.certificate?.validTo.getTime()
  }

  /** What TLS is served with; nothing where there is no certificate, or none yet. */
  get certificate(): TlsMaterial | undefined {
    return this.#tls?.material
  }

  /** Serves what is in the certificate's files now. */
  reloadCertificate(): void {
    this.#tls?.reload()
  }

  /** The addresses that new allocations get. */
  get relays(): readonly ResolvedRelayAddress[] {
    return this.#following.addresses
  }

  /** Sentences that say which relay addresses are missing. */
  get waiting(): readonly WaitingText[] {
    return this.#following.waiting
  }

  /** True where peers on the Internet cannot reach an address that is relayed from. */
  get onlyPrivate(): boolean {
    return onlyPrivate(this.relays.map(relay => relay.public))
  }

  /** The last change of the addresses since the start. */
  get addressChange(): AddressChange | undefined {
    return this.#following.lastChange
  }

  /** Binds the listeners, or throws a `StartError` and leaves nothing bound. */
  async listen(): Promise<void> {
    try {
      await this.prepare()
      await this.open()
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Does all that `listen` does before a listener is bound. */
  async prepare(): Promise<void> {
    await this.shards.start()
    await this.#following.start()
  }

  /** Adopts what another process has bound, and has UDP ready to be read; `open` does the rest. */
  async openAhead(adopted: readonly InheritedSocket[]): Promise<void> {
    this.listeners.adopt(adopted, this.#own)
    await this.listeners.openAdopted(this.#own)
  }

  /** Binds the listeners, or adopts what another process has bound; of that, what is not wanted is closed. */
  async open(adopted: readonly InheritedSocket[] = []): Promise<void> {
    this.listeners.adopt(adopted, this.#own)
    await this.listeners.open(this.#own)
    for (const warning of this.listeners.warnings) this.#log.warn(warning)
    this.#watch = openOwnAddresses(() => this.rescan())
  }

  /**
   * Binds for later what another process does not listen on. Throws a
   * `StartError` where that cannot be, or where calls would be lost with what it listens on.
   */
  bindMissing(theirs: readonly Listener[]): InheritedSocket[] {
    const unwanted = this.listeners.unwanted(theirs, this.#own)
    if (unwanted) {
      const at = `${unwanted.transport}://${formatAddress(unwanted.address)}`
      throw cannotTakeOver(`calls run over ${at}, which \`listen\` does not have any more`)
    }
    return this.listeners.bindMissing(theirs, this.#own, at => this.shards.handOver!.bindUnread(at))
  }

  /** Takes over what another process has given, or says why that cannot be. `judge` is to be called once it goes on. */
  async take(given: GivenRelay): Promise<Result<TakenOver, string>> {
    const taken = await this.shards.handOver!.take(given)
    if (!taken.ok) return taken
    for (const { owner, client, allocation } of taken.value.opened)
      this.admission.take(owner, client, allocation)
    const reserved = [...given.shards.flatMap(shard => shard.reserved), ...(given.common?.reserved ?? [])]
    for (const { owner, client } of reserved) this.admission.take(owner, client, 'reserved')
    return taken
  }

  /**
   * Applies the settings to what was taken over, which was admitted under others. It takes a while in which calls
   * should not have to wait.
   */
  judge(): void {
    this.shards.configure(this.#settings, this.relays)
  }

  /** Applies settings under live allocations. Throws, and changes nothing, when the certificate cannot be used. */
  configure(settings: Settings): void {
    if (settings.tls && !isDeepStrictEqual(settings.tls, this.#settings.tls)) this.#useTls(settings.tls)
    else this.#tls?.reload()
    this.#settings = settings
    this.admission.configure(quotas(settings))
    this.shards.configure(settings, this.relays)
  }

  /** Looks at the machine's addresses, to listen on new ones and to relay from what there is now. */
  rescan(): void {
    void this.#following.look()
    // Each of the two reads half a dozen files of the system.
    this.shards.look()
    const own = ownAddresses()
    if (own.map(formatIp).join() === this.#own.map(formatIp).join()) return
    this.#own = own
    this.listeners.rescan(own, at => this.#log.info('listening', { at }))
  }

  /** To be called when the router has named another public address. */
  moved(): void {
    this.#following.moved()
  }

  /** Closes every socket and no longer follows the certificate's files. May be called again. */
  close(): void {
    this.#watch?.stop()
    this.#following.stop()
    this.#tls?.close()
    this.shards.closeSockets()
  }

  /** Serves this certificate, and the next one whenever the files change. */
  #useTls(files: TlsFiles): void {
    const log = this.#log
    const next = new TlsContext(files, {
      isAwaited: files.acme !== undefined,
      rotated: material => this.shards.setTls(material.options),
      changed: material => {
        this.shards.setTls(material.options)
        log.info('certificate loaded', { file: files.certificate, expires: material.validTo.toISOString() })
        for (const warning of material.warnings) log.warn(warning)
      },
      broken: error => log.error(`the certificate in use stays: ${error.message}`),
    })
    this.#tls?.close()
    this.#tls = next
    if (next.material) this.shards.setTls(next.material.options)
  }
}

/** One file for each worker: FILE, FILE.2 and so on. Throws a `StartError` for one that cannot be opened. */
function openRecordings(
  { file, version }: { readonly file: string; readonly version: string },
  workers: number,
  log: Log,
): RecordingTo[] {
  return Array.from({ length: workers }, (_, index) => {
    const name = index === 0 ? file : `${file}.${index + 1}`
    const opened = openRecording(name)
    if (!opened.ok) throw new StartError(opened.error)
    log.warn({ key: 'warn.recording' }, { file: name, mib: RECORDING_LIMIT / (1 << 20) })
    return { fd: opened.value, version, worker: workers === 1 ? 0 : index + 1, limit: RECORDING_LIMIT }
  })
}
