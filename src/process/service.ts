import type { Server } from 'node:http'
import type { CertificateKeeper } from '../acme/certificate-keeper.ts'
import { formatAddress } from '../base/address.ts'
import type { Loaded } from '../config/load.ts'
import { TestRuns } from '../control/tests/test-runs.ts'
import type { Predecessor } from '../handover/taker.ts'
import type { Budgets } from '../ledger/budgets/budgets.ts'
import type { OwnLimits } from '../ledger/budgets/own-limits.ts'
import type { UsageLedger } from '../ledger/ledger.ts'
import type { Log } from '../log/log.ts'
import type { PortMapper } from '../mapping/port-mapper.ts'
import type { Tally } from '../metrics/tally.ts'
import { Adoption } from '../operate/adoption.ts'
import { Changes } from '../operate/changes.ts'
import type { ClientGate } from '../operate/client-gate.ts'
import { HealthWatch } from '../operate/health-watch.ts'
import { LiveSettings, type LiveSettingsParts } from '../operate/live-settings.ts'
import { OpenSessions } from '../operate/open-sessions.ts'
import { Readiness } from '../operate/readiness.ts'
import { RelayControl } from '../operate/relay-control.ts'
import { Reload } from '../operate/reload.ts'
import { NO_SERVICE_MANAGER } from '../operate/service-manager.ts'
import { Shutdown } from '../operate/shutdown.ts'
import type { TakenAllocation } from '../relay/hand-over/shard-hand-over.ts'
import type { KernelLink } from '../relay/kernel/kernel-link.ts'
import type { FileWatch } from '../system/file-watch.ts'
import type { InheritedSocket } from '../system/inherited-sockets.ts'
import { Engine } from '../workers/engine.ts'
import type { Spawn } from '../workers/spawn.ts'
import { type BoundListener, publicHost } from './banner.ts'
import { type Books, openBooks } from './books.ts'
import { ControlPlane, type ControlPlaneParts } from './control-plane.ts'
import { gatekeeping } from './gatekeeping.ts'
import { HandingOver } from './handing-over.ts'
import { CredentialIssuing, type IssuingParts } from './issuing.ts'
import { listen, metricsServer } from './metrics.ts'
import { Notifying } from './notifying.ts'
import { certificateKeeper, kernelLink, portMapper, secretFiles, watchSecrets } from './service-parts.ts'
import type { StoredJournal } from './stored-journal.ts'
import type { Systemd } from './systemd.ts'
import { takeOver } from './taking-over.ts'
import type { LeftCalls } from './taking-up.ts'
import { freshTesting, testParts } from './test-credentials.ts'
import { budgetsControlOf } from './usage/budgeting.ts'
import { usagePagesOf } from './usage/usage-pages.ts'

export interface ServiceOptions {
  readonly version: string
  readonly log: Log
  /** Reads the configuration again. Throws a `ConfigError` when it cannot be used. */
  readonly load: LiveSettingsParts['load']
  /** A file to record to. */
  readonly record?: string | undefined
  /** Starts workers in another way. */
  readonly spawn?: Spawn
  readonly systemd?: Systemd
  /** How many workers the process has that this one takes over from. */
  readonly workersBefore?: number | undefined
  /** Sockets that systemd has bound for us. */
  readonly inherited?: readonly InheritedSocket[]
  /** The command line of node that starts this relay; with it, another process may take over. */
  readonly program?: readonly string[]
  /** What a process knows that goes on after this one has ended without a word. */
  readonly journal?: StoredJournal | undefined
}

/** Seconds between two looks at what people are to be told. */
const NOTIFY_EVERY = 10
/** Seconds between two looks at the machine's addresses. */
const RESCAN_EVERY = 10

/**
 * A relay with everything around it: its log, its metrics page, the control
 * plane and the issuing of credentials. It starts them, ticks once a second,
 * and closes them when `shutdown` has ended.
 */
export class Service {
  readonly shutdown: Shutdown
  readonly reload: Reload
  readonly readiness: Readiness
  readonly health: HealthWatch
  readonly #log: Log
  readonly #settings: LiveSettings
  readonly #engine: Engine
  readonly #books: {
    readonly tally: Tally
    readonly sessions: OpenSessions
    readonly changes: Changes
    readonly budgets: Budgets | undefined
    readonly own: OwnLimits | undefined
    readonly backups: Books['backups']
  }
  readonly #watch: FileWatch
  readonly #http: Server | undefined
  readonly #issuing: CredentialIssuing
  readonly #systemd: Systemd | undefined
  readonly #operator: RelayControl
  readonly #notifying: Notifying
  readonly #certificates: CertificateKeeper
  readonly #gatekeeping: { readonly gate: ClientGate; readonly kept: { idle(): Promise<void> } }
  readonly #controlPlane: ControlPlane
  readonly #kernel: KernelLink | undefined
  readonly #handingOver: HandingOver | undefined
  readonly #ledger: UsageLedger | undefined
  readonly #journal: StoredJournal | undefined
  readonly #mapping: PortMapper | undefined
  readonly #adoption = new Adoption(event => this.#adopt(event))
  #ticks = 0
  #timer: NodeJS.Timeout | undefined
  #finish: (code: number) => void = () => {}
  /** Resolves with the exit code when everything is closed. */
  readonly finished = new Promise<number>(resolve => {
    this.#finish = resolve
  })

  /** Opens nothing yet. */
  constructor(loaded: Loaded, options: ServiceOptions) {
    const { version, log, systemd, spawn, inherited, workersBefore } = options
    const testing = freshTesting()
    const between = () => engine.shards.look()
    const judged = (): Promise<void> => engine.shards.judged()
    const live = new LiveSettings(loaded, { log, load: options.load, testing, between, judged })
    const settings = live.current

    // Those that the engine reports to.
    const books = openBooks(settings, log, () => ({ operator: this.#operator, shards: this.#engine.shards }))
    const { pseudonyms, journal, tally, budgets } = books
    const sessions = new OpenSessions(pseudonyms)
    const tests = new TestRuns(testParts(live, testing, () => publicHost(live.loaded, this.#engine.relays)))
    let changes: Changes | undefined

    const engine = new Engine(settings, {
      log,
      lenient: loaded.defaults.listen,
      heard: event => {
        this.#adoption.before(event)
        books.count(event)
        sessions.hear(event)
        changes?.hear(event)
        tests.hear(event)
        this.#gatekeeping?.gate.hear(event)
        journal.write(event)
      },
      rejected: books.countFewer,
      ...{ spawn, inherited, workersBefore },
      openJournals: shards => options.journal?.open(shards) ?? [],
      ...(options.record !== undefined && { record: { file: options.record, version } }),
    })

    // Those that an operator uses.
    const shutdown = new Shutdown({
      shards: engine.shards,
      log,
      serviceManager: systemd ?? NO_SERVICE_MANAGER,
      deadline: () => live.current.stop.deadline,
      keep: options.program && (async () => this.#handingOver?.leave()),
      ended: code => this.#end(code),
    })
    const reload = new Reload({ settings: live, shutdown, serviceManager: systemd ?? NO_SERVICE_MANAGER })
    const readiness = new Readiness(shutdown)
    const certificates = (this.#certificates = certificateKeeper(settings, log, engine))
    const health = new HealthWatch({
      ...{ engine, tally, settings: live },
      readiness,
      certificates,
      mapping: (this.#mapping = portMapper(settings, log, engine)),
      budgets,
    })
    const notifying = new Notifying(settings, { log, health })
    live.follow(engine, certificates)
    changes = new Changes({ settings: live, sessions, shards: engine.shards, pseudonyms })
    const kernel = (this.#kernel = kernelLink(settings, engine.shards, log))
    const parts = {
      ...{ version, engine, kernel, tally, sessions },
      ...{ settings: live, readiness, health, shutdown, reload },
    }
    const { gate, bans } = (this.#gatekeeping = gatekeeping(settings, {
      log,
      sessions,
      shards: engine.shards,
    }))
    const more = { notifyTest: () => notifying.test(), handingOver: () => this.#handingOver }
    const operator = new RelayControl({ ...parts, log, changes, bans, ...more })
    this.#http = settings.metrics ? metricsServer({ ...parts, operator, budgets }) : undefined
    const desk = { control: operator, tests, log }
    ;[this.#controlPlane, this.#issuing] = openDoors(live, desk, books)
    this.#watch = watchSecrets(loaded, log, reload)
    live.follow(this.#issuing, this.#controlPlane, notifying, gate, {
      configure: settings => {
        books.configure(settings)
        this.#watch.watch(secretFiles(live.loaded))
      },
    })

    this.#journal = options.journal
    this.#ledger = books.ledger
    this.#log = log
    this.#settings = live
    this.#engine = engine
    this.#systemd = systemd
    this.#notifying = notifying
    this.#operator = operator
    this.shutdown = shutdown
    this.reload = reload
    this.readiness = readiness
    this.health = health
    this.#books = { tally, sessions, changes, budgets, own: books.own, backups: books.backups }
    this.#handingOver = options.program && this.#handOver(version, options.program)
  }

  /**
   * Binds everything, or throws a `StartError` and leaves nothing bound. `left`: calls
   * of the process before this one.
   */
  async start(left?: LeftCalls): Promise<BoundListener> {
    const { metrics } = this.#settings.current
    try {
      // First, so that readiness says "not yet" instead of nothing.
      if (this.#http && metrics) await listen(this.#http, metrics.listen)
      this.#mapping?.start()
      await (left ? left.take(this.#engine, this.#adopt, this.#store) : this.#engine.listen())
      await this.#issuing.listen()
      await this.#controlPlane.listen()
    } catch (error) {
      this.#closePages()
      // Another relay may be using what is mapped.
      void this.#mapping?.stop(false)
      this.#engine.close()
      throw error
    }
    return this.#serve()
  }

  /**
   * Does the same in place of a relay that runs: takes its calls over, and what it
   * listens on. Throws a `StartError` where that cannot be; then that one goes on.
   */
  async takeOver(from: Predecessor): Promise<BoundListener> {
    const { metrics } = this.#settings.current
    const log = this.#log
    const engine = this.#engine
    const isFree = (at: string) => !from.welcome.pages.includes(at)
    const http = async (when: (at: string) => boolean) => {
      if (this.#http && metrics && when(formatAddress(metrics.listen)))
        await listen(this.#http, metrics.listen)
      await this.#issuing.listen(when)
      await this.#controlPlane.listenOnWeb(when)
    }
    this.#mapping?.start()
    const stays = await takeOver(from, {
      engine,
      adoption: this.#adoption,
      log,
      bindPages: () => http(isFree),
      kept: this.#store,
    })
    // The other one has closed its pages; what cannot be opened now does not have to end calls.
    await http(at => !isFree(at)).catch(error => log.error((error as Error).message))
    await this.#controlPlane.listenAtSocket().catch(error => log.error((error as Error).message))
    log.info('took over', { from: from.welcome.pid, version: from.welcome.version, stays })
    return this.#serve()
  }

  /** Hears of a call that was taken over. */
  readonly #adopt = (event: TakenAllocation): void => {
    const { tally, sessions, changes, budgets } = this.#books
    tally.count(event)
    sessions.hear(event)
    this.#ledger?.adopt(event)
    changes.hear(event)
    this.#gatekeeping.gate.hear(event)
    budgets?.hear(event)
  }

  /** Has the service manager keep what we know, for the case that this process ends without a word. */
  readonly #store = (): void => this.#journal?.store(this.#engine.shards)

  /** A fault ends this process. What it knows of calls stays as it is, for the next one. */
  fail(): void {
    this.#journal?.close()
    this.shutdown.force()
  }

  #serve(): BoundListener {
    this.#store()
    this.readiness.listening = true
    this.#handingOver?.open()
    this.#watch.start()
    this.#kernel?.tick()
    void this.#ledger?.start()
    const { budgets } = this.#books
    if (budgets) this.#engine.admission.isSpent = owner => budgets.isSpent(owner)
    this.#timer = setInterval(() => this.#tick(), 1000).unref()
    const { shards, relays, listeners, workers } = this.#engine
    const { udp, fellBack } = shards
    if (fellBack !== undefined) this.#log.info('relaying through node:dgram', { why: fellBack })
    this.#systemd?.ready(this.reload.status)
    this.#systemd?.watch(() => ({ healthy: shards.missing === 0, status: this.reload.status }))
    return { listening: listeners.bound, relays, udp, workers }
  }

  /** Allocations that are open. */
  get allocations(): number {
    return this.#engine.shards.allocations()
  }

  /** Once a second, in steps between which packets are relayed. */
  #tick(): void {
    const { shards } = this.#engine
    shards.tick()
    shards.look()
    this.#log.tick()
    this.#ledger?.tick()
    this.#journal?.tick()
    this.shutdown.tick()
    // All else is for the process that goes on with most of the calls.
    if (this.#handingOver?.isOver) return
    this.#kernel?.tick()
    this.#books.budgets?.tick()
    this.#operator.tick()
    if (this.shutdown.state === 'none') this.#books.backups.tick()
    shards.look()
    if (this.shutdown.state === 'none') this.#certificates.tick()
    if (++this.#ticks % NOTIFY_EVERY === 0) this.#notifying.tick()
    void this.#gatekeeping.gate.tick()
    if (this.#ticks % RESCAN_EVERY === 0 && this.shutdown.state === 'none') {
      this.#engine.rescan()
      this.#mapping?.look()
    }
  }

  #closePages(): void {
    this.#http?.close()
    this.#http?.closeAllConnections()
    this.#issuing.close()
    this.#controlPlane.close()
  }

  #handOver(version: string, program: readonly string[]): HandingOver {
    const { current } = this.#settings
    const pages = [current.metrics, current.console, current.issue]
    return new HandingOver({
      version,
      log: this.#log,
      settings: () => this.#settings.current,
      engine: this.#engine,
      shutdown: this.shutdown,
      systemd: this.#systemd,
      journal: this.#journal,
      program,
      pages: () => pages.flatMap(page => (page ? [formatAddress(page.listen)] : [])),
      keep: () => this.#operator.close(),
      relaysInKernel: on => {
        if (on) this.#kernel?.tick()
        else {
          this.#engine.shards.setKernel(undefined)
          this.#kernel?.close()
        }
      },
      closePages: () => {
        // Nothing else keeps this process running until the last allocation that has stayed ends in order.
        this.#timer?.ref()
        this.#watch.stop()
        void this.#mapping?.stop(false)
        this.#closePages()
      },
    })
  }

  #end(code: number): void {
    clearInterval(this.#timer)
    this.#systemd?.close()
    this.#kernel?.close()
    this.#watch.stop()
    this.readiness.listening = false
    if (!this.#handingOver?.isOver) this.#operator.close()
    this.#handingOver?.close()
    this.#closePages()
    this.#engine.close()
    this.#engine.shards.closed(() => void this.#last(code))
  }

  /** Everything that ends has been told by now. */
  async #last(code: number): Promise<void> {
    const mapped = this.#mapping?.stop(!this.#handingOver?.goesOn)
    const { budgets, own } = this.#books
    const kept = [this.#gatekeeping.kept.idle(), own?.idle()]
    await Promise.all([this.#ledger?.close(), budgets?.close(), ...kept, mapped])
    this.#log.tick()
    this.#log.info('stopped', { code })
    this.#log.close(() => this.#finish(code))
  }
}

/** The control plane and the issuing of credentials, which leads to it for pages about one's own use. */
function openDoors(
  live: LiveSettings,
  desk: Pick<ControlPlaneParts, 'control' | 'tests' | 'log'>,
  books: Books,
): [ControlPlane, CredentialIssuing] {
  const { log } = desk
  const { privacy, tally, ledger } = books
  const own = usagePagesOf(live, books, log)
  const budgets = budgetsControlOf(books.budgets, user => ledger?.identitiesOf(user) ?? [])
  const controlPlane = new ControlPlane(live.current, { ...desk, ledger, own, budgets })
  const usageLink: IssuingParts['usageLink'] = owner => controlPlane.usageLink(owner)
  const issuing = new CredentialIssuing(live.current, { log, privacy, tally, usageLink })
  return [controlPlane, issuing]
}
