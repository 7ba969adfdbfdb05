import { formatAddress, formatIp } from '../base/address.ts'
import { type CounterReader, counterEntries, DROP_COUNTERS } from '../base/counters.ts'
import type { Result } from '../base/result.ts'
import { addTraffic, noTraffic, type Traffic } from '../base/route.ts'
import { VIA } from '../base/via.ts'
import { effective } from '../config/effective.ts'
import type { Settings } from '../config/settings.ts'
import type { BanControl } from '../control/bans/ban-control.ts'
import type { ChangeFault, Control, RelayLook, SessionsFound, Wanted } from '../control/control.ts'
import type {
  ChangeAsked,
  ChangesView,
  ChangeView,
  History,
  HistoryPoint,
  HistoryView,
  HomeserverView,
  NamesView,
  NotifiedView,
  Reloaded,
  SessionView,
  Status,
  Upgraded,
} from '../control/view.ts'
import type { Log } from '../log/log.ts'
import type { Tally } from '../metrics/tally.ts'
import type { KernelLink } from '../relay/kernel/kernel-link.ts'
import { monotonicClock, wallTime } from '../system/clock.ts'
import { DEAR, inSlices } from '../system/slices.ts'
import type { Language } from '../texts/language.ts'
import { type RunningPart, type RunningText, sayPart, sayRunning } from '../texts/running.ts'
import type { Engine } from '../workers/engine.ts'
import type { Changes } from './changes.ts'
import { frontStatus } from './front-status.ts'
import type { HealthWatch } from './health-watch.ts'
import { type Counted, PastTraffic } from './history.ts'
import { KeptHistory } from './kept-history.ts'
import type { LiveSettings } from './live-settings.ts'
import type { OpenSessions, SessionEntry } from './open-sessions.ts'
import { type Readiness, readDescriptors } from './readiness.ts'
import type { Reload } from './reload.ts'
import { SessionReader } from './session-reader.ts'
import type { Shutdown } from './shutdown.ts'

export interface RelayControlParts {
  readonly version: string
  readonly log: Log
  readonly engine: Engine
  readonly tally: Tally
  readonly sessions: OpenSessions
  readonly settings: LiveSettings
  readonly readiness: Readiness
  readonly health: HealthWatch
  readonly shutdown: Shutdown
  readonly reload: Reload
  readonly bans: BanControl
  /** Sends a test message by every way that people are notified by. */
  readonly notifyTest: () => Promise<readonly { readonly way: string; readonly why?: RunningText }[]>
  /** Has a new process take over; none where the relay runs inside another program. */
  readonly handingOver: () => { upgrade(): Promise<Attempt>; told(): void } | undefined
  readonly changes: Changes
  /** The connection to what has programs in the kernel, where they are wished for. */
  readonly kernel: KernelLink | undefined
}

/** What came of an upgrade, not yet in any language. */
type Attempt = Omit<Upgraded, 'why'> & { readonly why?: RunningPart }

const NO_HAND_OVER: Attempt = { ok: false, why: { key: 'upgrade.inside' } }

/** What an operator sees of the relay and does to it. Nothing is put together before somebody asks. */
export class RelayControl implements Control {
  readonly bans: BanControl
  readonly #parts: RelayControlParts
  readonly #reader: SessionReader
  readonly #past: PastTraffic
  readonly #kept: KeptHistory | undefined
  readonly #startedAt = performance.now()
  #cpu = process.cpuUsage()
  #cpuAt = performance.now()
  #share = 0

  constructor(parts: RelayControlParts) {
    this.#parts = parts
    this.bans = parts.bans
    const { engine, sessions } = parts
    const { control, console, state } = parts.settings.current
    // Where nobody can look, nothing is kept.
    this.#kept = control || console ? new KeptHistory(state, parts.log) : undefined
    this.#past = new PastTraffic(this.#counted(), this.#kept?.read(), hour => this.#kept?.addHour(hour))
    this.#reader = new SessionReader({
      sessions,
      read: () => engine.shards.read(),
      now: () => performance.now(),
      wait: milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds)),
      date: time => Math.round(time + wallTime() - monotonicClock.now()),
    })
  }

  /** Once a second. */
  tick(): void {
    this.#past.tick(this.#counted())
    this.#parts.health.tick()
    const at = performance.now()
    const { user, system } = process.cpuUsage(this.#cpu)
    this.#share = (user + system) / 1000 / (at - this.#cpuAt)
    this.#cpu = process.cpuUsage()
    this.#cpuAt = at
  }

  async look(wanted: Wanted): Promise<RelayLook> {
    const { sessions, more } = await this.#reader.sessions(wanted)
    const views: SessionView[] = []
    await inSlices(sessions, view => void views.push(view))
    return { sessions: views, more, status: this.#status(await this.#reader.carried()) }
  }

  findSessions(wanted: Wanted): Promise<SessionsFound> {
    return this.#reader.sessions(wanted)
  }

  session(id: string): Promise<SessionView | undefined> {
    return this.#reader.session(id)
  }

  traffic(): Promise<(allocation: number) => Traffic | undefined> {
    return this.#reader.traffic()
  }

  async status(): Promise<Status> {
    return this.#status(await this.#reader.carried())
  }

  /** What allocations that live have relayed so far, by homeserver. */
  carried(): Promise<ReadonlyMap<string, Traffic>> {
    return this.#reader.carried()
  }

  history(): HistoryView {
    return this.#past.view()
  }

  hours(): History {
    return this.#past.hours()
  }

  /** Keeps what the next process goes on from. */
  close(): void {
    this.#kept?.keepDay(this.#past.view().day.points)
  }

  point(): HistoryPoint {
    return this.#past.point
  }

  disconnect(session: string): boolean {
    const entry = this.#parts.sessions.find(session)
    if (entry) this.#parts.engine.shards.revoke(entry.opened.allocation)
    return entry !== undefined
  }

  async disconnectUser(user: string): Promise<number> {
    const { engine, sessions } = this.#parts
    let count = 0
    if (user === '') return count
    const disconnect = (entry: SessionEntry) => {
      if (entry.user !== user) return
      count++
      engine.shards.revoke(entry.opened.allocation)
    }
    await inSlices(sessions.entries(), disconnect, DEAR)
    return count
  }

  async reveal(users: readonly string[], ids: readonly string[]): Promise<NamesView> {
    const { sessions, changes } = this.#parts
    const wanted = new Set(users.filter(user => user !== ''))
    const found = [...changes.names()].filter(([pseudonym]) => wanted.has(pseudonym))
    if (wanted.size > 0) {
      await inSlices(sessions.entries(), ({ user, opened }) => {
        if (wanted.has(user)) found.push([user, opened.owner.user])
      })
    }
    return {
      users: Object.fromEntries(found),
      sessions: Object.fromEntries(
        ids.flatMap(id => {
          const opened = sessions.find(id)?.opened
          return opened ? [[id, { user: opened.owner.user, client: formatAddress(opened.client) }]] : []
        }),
      ),
    }
  }

  async pseudonymOf(name: string): Promise<string | undefined> {
    const { sessions, changes } = this.#parts
    let found = [...changes.names()].find(([, blocked]) => blocked === name)?.[0]
    await inSlices(sessions.entries(), ({ user, opened }) => {
      if (name !== '' && opened.owner.user === name) found = user
    })
    return found
  }

  drain(): void {
    this.#parts.shutdown.drain()
  }

  cancelDrain(): boolean {
    return this.#parts.shutdown.cancelDrain()
  }

  async upgrade(language: Language): Promise<Upgraded> {
    const { why, ...how } = (await this.#parts.handingOver()?.upgrade()) ?? NO_HAND_OVER
    return { ...how, ...(why !== undefined && { why: sayPart(why, language) }) }
  }

  upgradeTold(): void {
    this.#parts.handingOver()?.told()
  }

  reload(language: Language): Promise<Reloaded> {
    return this.#parts.reload.now(language)
  }

  async notifyTest(language: Language): Promise<NotifiedView> {
    const tested = await this.#parts.notifyTest()
    return { sent: tested.map(({ way, why }) => ({ way, ...(why && { why: sayRunning(why, language) }) })) }
  }

  changes(): ChangesView {
    return this.#parts.changes.view()
  }

  change(asked: ChangeAsked, who: string, language: Language): Promise<Result<ChangeView, ChangeFault>> {
    return this.#parts.changes.make(asked, who, language)
  }

  undo(id: string): Promise<Result<ChangeView, ChangeFault>> {
    return this.#parts.changes.undo(id)
  }

  configuration(): Readonly<Record<string, unknown>> {
    return effective(this.#parts.settings.current)
  }

  #status(carried: ReadonlyMap<string, Traffic>): Status {
    const { version, engine, tally, readiness, health, kernel } = this.#parts
    const { shards, relays, workers, admission, certificateExpires } = engine
    const { udp, counters, missing } = shards
    const settings = this.#parts.settings.current
    const { traffic } = this.#counted()
    const descriptors = readDescriptors()
    return {
      version,
      realm: settings.realm,
      at: Date.now(),
      // By the clock as it is set now: it may have been wrong at the start (a machine without a real-time clock).
      started: Math.round(Date.now() - (performance.now() - this.#startedAt)),
      state: readiness.state,
      notReady: health.notReady(),
      health: health.health(),
      udp,
      ...(kernel && {
        kernel: {
          connected: kernel.isConnected,
          routes: shards.gauges.kernelRoutes,
          toPeer: counters.read('kernelToPeer'),
          toClient: counters.read('kernelToClient'),
          passed: kernel.passed(),
        },
      }),
      workers: { running: workers - missing, missing },
      listening: engine.listeners.bound,
      ...frontStatus(settings, counters, shards.gauges.visitors),
      relays: relays.map(relay => ({ local: formatIp(relay.local), public: formatIp(relay.public) })),
      allocations: {
        live: VIA.reduce((sum, via) => sum + tally.live[via], 0),
        limit: admission.limit,
        opened: counters.read('allocationOpened'),
        byTransport: { ...tally.live },
      },
      users: admission.users,
      ports: engine.ports,
      ...(descriptors && Number.isFinite(descriptors.limit) && { descriptors }),
      rate: this.#past.rate,
      traffic: { toPeer: traffic.toPeer, toClient: traffic.toClient },
      dropped: dropsOf(counters),
      rejected: { ...tally.rejected },
      closed: { ...tally.closed },
      homeservers: homeserversOf(settings, tally, carried),
      ...(certificateExpires !== undefined && { certificate: { expires: certificateExpires } }),
      reload: this.#parts.settings.lastReload,
      process: {
        pid: process.pid,
        rss: process.memoryUsage.rss(),
        cpu: Math.round(this.#share * 1000) / 1000,
      },
    }
  }

  #counted(): Counted {
    const { engine, tally } = this.#parts
    const traffic: Traffic = noTraffic()
    for (const via of VIA) addTraffic(traffic, engine.shards.counters.traffic(via))
    return {
      at: Date.now(),
      allocations: VIA.reduce((sum, via) => sum + tally.live[via], 0),
      traffic,
      dropped: DROPS.reduce((sum, [name]) => sum + engine.shards.counters.read(name), 0),
      // The initial 401 is not counted as a refusal.
      rejected: Object.entries(tally.rejected).reduce(
        (sum, [why, count]) => sum + (why === 'first-401' ? 0 : count),
        0,
      ),
    }
  }
}

const DROPS = counterEntries(DROP_COUNTERS)

/** By reason, those that have happened. */
function dropsOf(counters: CounterReader): Record<string, number> {
  return Object.fromEntries(
    DROPS.flatMap(([name, reason]) => {
      const count = counters.read(name)
      return count > 0 ? [[reason, count]] : []
    }),
  )
}

/** The tally has what ended allocations carried; what live ones have carried is added to it. */
function homeserversOf(
  settings: Settings,
  tally: Tally,
  live: ReadonlyMap<string, Traffic>,
): HomeserverView[] {
  return settings.homeservers.map(({ name, paused, limits }) => {
    const counted = tally.homeservers.get(name)
    const now = live.get(name)
    return {
      name,
      paused,
      allocations: counted?.allocations ?? 0,
      ...(limits?.allocations !== undefined && { limit: limits.allocations }),
      opened: counted?.opened ?? 0,
      issued: counted?.issued ?? 0,
      bytesToPeer: (counted?.bytesToPeer ?? 0) + (now?.toPeer.bytes ?? 0),
      bytesToClient: (counted?.bytesToClient ?? 0) + (now?.toClient.bytes ?? 0),
    }
  })
}
