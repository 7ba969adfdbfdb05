import type { Server } from 'node:http'
import { formatAddress, formatIp } from '../base/address.ts'
import type { Loaded } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'
import type { Settings } from '../config/settings.ts'
import type { Reloaded } from '../control/view.ts'
import { createHttp } from '../http/metrics-server.ts'
import { Journal } from '../log/journal.ts'
import type { Log } from '../log/log.ts'
import { Privacy } from '../log/privacy.ts'
import { Pseudonyms } from '../log/pseudonyms.ts'
import { createMetrics } from '../metrics/registry.ts'
import { Tally } from '../metrics/tally.ts'
import { Overseer } from '../operate/overseer.ts'
import { notReady, readDescriptors } from '../operate/readiness.ts'
import { cannotServe } from '../relay/start-error.ts'
import { monotonicClock } from '../system/clock.ts'
import { FileWatch } from '../system/file-watch.ts'
import type { InheritedSocket } from '../system/inherited-sockets.ts'
import { Engine } from '../workers/engine.ts'
import type { Spawn } from '../workers/spawn.ts'
import type { BoundListener } from './banner.ts'
import { ControlPlane } from './control-plane.ts'
import { CredentialIssuing } from './issuing.ts'
import { merge, Reload } from './reload.ts'
import type { Signalled } from './signals.ts'
import { Stop } from './stop.ts'
import type { Health, Manager } from './systemd.ts'
import { freshTesting } from './test-credentials.ts'

export interface ServiceOptions {
  readonly version: string
  readonly log: Log
  /** Reads the configuration again. Throws a `ConfigError` when it cannot be used. */
  readonly load: () => Loaded
  /** Starts workers in another way. */
  readonly spawn?: Spawn
  /** Whoever started us and wants to know how we are. */
  readonly manager?: Manager
  /** Sockets that it has bound for us. */
  readonly inherited?: readonly InheritedSocket[]
}

/** Seconds between two looks at the machine's addresses. */
const RESCAN_EVERY = 10

/**
 * The relay as an operator knows it: started, reloaded, drained and stopped,
 * with its log, its metrics page and its readiness.
 */
export class Service implements Signalled {
  readonly #log: Log
  readonly #load: () => Loaded
  readonly #version: string
  readonly #privacy: Privacy
  readonly #tally = new Tally()
  readonly #engine: Engine
  readonly #reload: Reload
  readonly #watch: FileWatch
  readonly #stop: Stop
  readonly #http: Server | undefined
  readonly #issuing: CredentialIssuing
  readonly #manager: Manager | undefined
  readonly #testing = freshTesting()
  readonly #overseer: Overseer
  readonly #control: ControlPlane
  #settings: Settings
  #reloaded: { readonly ok: boolean; readonly at: number; readonly problems: readonly string[] } = {
    ok: true,
    at: Date.now() / 1000,
    problems: [],
  }
  #listening = false
  #draining = false
  #ticks = 0
  #timer: NodeJS.Timeout | undefined
  #finish: (code: number) => void = () => {}
  /** Resolves with the exit code when everything is closed. */
  readonly finished = new Promise<number>(resolve => {
    this.#finish = resolve
  })

  /** Opens nothing yet. */
  constructor(loaded: Loaded, options: ServiceOptions) {
    const settings = this.#withTesting(loaded.settings)
    const { log } = options
    this.#log = log
    this.#load = options.load
    this.#version = options.version
    this.#manager = options.manager
    this.#settings = settings
    const pseudonyms = new Pseudonyms()
    this.#privacy = new Privacy(settings.log.privacy, pseudonyms)
    this.#tally.configure(namesOf(settings))
    const journal = new Journal(log, this.#privacy)
    this.#engine = new Engine(settings, {
      log,
      lenient: loaded.defaults.listen,
      heard: event => {
        this.#tally.count(event)
        this.#overseer.hear(event)
        this.#control.hear(event)
        journal.write(event)
      },
      rejected: (why, count) => {
        this.#tally.countRejected(why, count)
        journal.writeFewer(why, count)
      },
      ...(options.spawn && { spawn: options.spawn }),
      ...(options.inherited && { inherited: options.inherited }),
    })
    this.#overseer = new Overseer({
      version: options.version,
      engine: this.#engine,
      tally: this.#tally,
      pseudonyms,
      settings: () => this.#settings,
      state: () => this.#state(),
      notReady: () => this.notReady(),
      reloaded: () => ({ ...this.#reloaded, at: Math.round(this.#reloaded.at * 1000) }),
      reload: () => this.#reloadNow(),
      drain: () => this.drain(),
    })
    this.#control = new ControlPlane(settings, this.#overseer, log)
    this.#reload = new Reload(() => void this.#reloadNow())
    this.#watch = new FileWatch(() => {
      log.info('a secret file has changed')
      this.reload()
    })
    this.#watch.watch(watched(loaded))
    this.#stop = new Stop(
      {
        drain: () => this.#beginDrain(),
        allocations: () => this.#engine.allocations(),
        closeAllocations: () => this.#engine.closeAllocations(),
        closeSockets: () => this.#engine.closeSockets(),
      },
      code => this.#end(code),
    )
    this.#http = settings.metrics ? this.#createHttp(settings.metrics.coturnNames) : undefined
    this.#issuing = new CredentialIssuing(settings, { log, privacy: this.#privacy, tally: this.#tally })
  }

  /** Binds everything, or throws a `StartError` and leaves nothing bound. */
  async start(): Promise<BoundListener> {
    try {
      // First, so that readiness says "not yet" instead of nothing.
      if (this.#http && this.#settings.metrics) await listen(this.#http, this.#settings.metrics.listen)
      await this.#engine.listen()
      await this.#issuing.listen()
      await this.#control.listen()
    } catch (error) {
      this.#control.close()
      this.#issuing.close()
      this.#engine.closeSockets()
      this.#http?.close()
      throw error
    }
    this.#listening = true
    this.#watch.start()
    this.#timer = setInterval(() => this.#tick(), 1000).unref()
    const { udp, fellBack, relays, listeners, workers } = this.#engine
    if (fellBack !== undefined) this.#log.info('relaying through node:dgram', { why: fellBack })
    this.#manager?.ready(this.#health().status)
    this.#manager?.watch(() => this.#health())
    return { listening: listeners.bound, relays, udp, workers }
  }

  stop(why: string): void {
    const { deadline } = this.#settings.stop
    this.#log.info('stopping', { why, allocations: this.#engine.allocations(), seconds: deadline })
    this.#manager?.stopping(deadline)
    this.#stop.begin(monotonicClock.now(), deadline)
  }

  force(): void {
    this.#log.warn('stopping at once')
    this.#stop.force()
  }

  reload(): void {
    this.#reload.request()
  }

  drain(): void {
    this.#log.info('draining; the relay stops when the last allocation has ended', {
      allocations: this.#engine.allocations(),
    })
    this.#stop.begin(monotonicClock.now(), Number.POSITIVE_INFINITY)
  }

  /** Why new calls should go elsewhere; empty when they may come. */
  notReady(): string[] {
    const { admission, ports, lost, missing, certificateExpires } = this.#engine
    return notReady({
      listening: this.#listening,
      draining: this.#draining,
      lost,
      missing,
      ports,
      allocations: { held: admission.total, limit: admission.limit },
      descriptors: readDescriptors(),
      certificateExpires,
      now: Date.now(),
    })
  }

  #tick(): void {
    this.#engine.tick()
    this.#overseer.tick()
    this.#log.tick()
    this.#stop.tick(monotonicClock.now())
    if (++this.#ticks % RESCAN_EVERY === 0 && !this.#draining) {
      this.#engine.rescan(at => this.#log.info('listening', { at }))
    }
  }

  #beginDrain(): void {
    this.#draining = true
    this.#engine.drain()
    this.#manager?.status(this.#health().status)
  }

  /** For the service manager. A drain is no stop to it: it would not wait for the last call. */
  #health(): Health {
    const count = this.#engine.allocations()
    const calls = `${count} ${count === 1 ? 'allocation' : 'allocations'}`
    const old = this.#reloaded.ok ? '' : '; the last reload failed, so the configuration is the one before'
    return {
      healthy: this.#engine.missing === 0,
      status: `${this.#draining ? 'draining' : 'serving'}, ${calls}${old}`,
    }
  }

  /** Tests begin on the console's pages, so without it there are none. */
  #withTesting(settings: Settings): Settings {
    return settings.console ? { ...settings, testing: this.#testing } : settings
  }

  #state(): 'starting' | 'serving' | 'draining' | 'stopping' {
    if (this.#stop.asked) return this.#stop.isPatient ? 'draining' : 'stopping'
    return this.#listening ? 'serving' : 'starting'
  }

  #reloadNow(): Reloaded {
    if (this.#stop.asked) return { ok: false, problems: ['the relay is stopping'], warnings: [], restart: [] }
    this.#manager?.reloading()
    const reloaded = this.#applyReload()
    this.#manager?.ready(this.#health().status)
    return reloaded
  }

  #applyReload(): Reloaded {
    try {
      const next = this.#load()
      const { settings, restart } = merge(this.#settings, this.#withTesting(next.settings))
      this.#engine.configure(settings)
      this.#issuing.configure(settings)
      this.#control.configure(settings)
      this.#settings = settings
      this.#log.configure(settings.log.level)
      this.#privacy.configure(settings.log.privacy)
      this.#tally.configure(namesOf(settings))
      this.#watch.watch(watched(next))
      this.#reloaded = { ok: true, at: Date.now() / 1000, problems: [] }
      for (const warning of next.warnings) this.#log.warn(warning)
      this.#log.info('configuration reloaded', { file: next.source ?? 'built in' })
      if (restart.length > 0) this.#log.warn('these changes need a restart', { keys: restart })
      return { ok: true, problems: [], warnings: next.warnings, restart }
    } catch (error) {
      const problems = error instanceof ConfigError ? error.message.split('\n') : [(error as Error).message]
      this.#reloaded = { ...this.#reloaded, ok: false, problems }
      for (const problem of problems) this.#log.error(`the configuration in use stays: ${problem}`)
      return { ok: false, problems, warnings: [], restart: [] }
    }
  }

  #end(code: number): void {
    clearInterval(this.#timer)
    this.#manager?.close()
    this.#watch.stop()
    this.#listening = false
    this.#http?.close()
    this.#http?.closeAllConnections()
    this.#issuing.close()
    this.#control.close()
    this.#engine.closed(() => {
      this.#log.tick()
      this.#log.info('stopped', { code })
      this.#log.close(() => this.#finish(code))
    })
  }

  #createHttp(coturnNames: boolean): Server {
    const engine = this.#engine
    const registry = createMetrics(
      {
        version: this.#version,
        realm: this.#settings.realm,
        counters: engine.counters,
        tally: this.#tally,
        users: () => engine.admission.users,
        allocationsLimit: () => engine.admission.limit,
        connectionsLimit: () => this.#settings.limits.connections,
        homeserverLimits: () => limitsOf(this.#settings),
        carried: () => this.#overseer.carried(),
        gauges: () => engine.gauges,
        ports: () => engine.ports,
        certificateExpires: () => {
          const expires = engine.certificateExpires
          return expires === undefined ? undefined : expires / 1000
        },
        reload: () => this.#reloaded,
        ready: () => this.notReady().length === 0,
        draining: () => this.#draining,
        workers: () => ({ running: engine.workers - engine.missing, missing: engine.missing }),
      },
      { coturnNames, process: true },
    )
    return createHttp({
      metrics: async () => ({ type: registry.contentType, text: await registry.metrics() }),
      notReady: () => this.notReady(),
    })
  }
}

/** The certificate is followed by whoever serves it; the configuration itself is read when asked for. */
function watched({ files, source, settings }: Loaded): string[] {
  const others = [source, settings.tls?.certificate, settings.tls?.key]
  return files.filter(file => !others.includes(file))
}

function limitsOf({ homeservers }: Settings): Map<string, number> {
  return new Map(
    homeservers.flatMap(({ name, limits }) =>
      limits?.allocations === undefined ? [] : [[name, limits.allocations] as const],
    ),
  )
}

function namesOf(settings: Settings): string[] {
  return settings.homeservers.map(homeserver => homeserver.name)
}

function listen(http: Server, at: NonNullable<Settings['metrics'] & object>['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(cannotServe(formatAddress(at), at.port, error))
    http.once('error', failed)
    http.listen({ host: formatIp(at.ip), port: at.port }, () => {
      http.off('error', failed)
      resolve()
    })
  })
}
