import { VIA } from '../base/via.ts'
import type { Status } from '../control/view.ts'
import { type HealthFinding, type Judgement, judgeHealth } from '../health/judge.ts'
import { RecentCounts } from '../health/recent-counts.ts'
import type { BudgetLeft, Counts, Share, Vitals } from '../health/vitals.ts'
import { healthText, healthWords } from '../health/words.ts'
import type { Tally } from '../metrics/tally.ts'
import type { WaitingText } from '../texts/waiting.ts'
import type { Engine } from '../workers/engine.ts'
import type { LiveSettings } from './live-settings.ts'
import { type Readiness, readDescriptors } from './readiness.ts'

export interface HealthWatchParts {
  readonly engine: Engine
  readonly tally: Tally
  readonly settings: Pick<LiveSettings, 'current' | 'lastReload'>
  readonly readiness: Readiness
  /** Who has the certificate made, where the relay does. */
  readonly certificates: { readonly waiting: WaitingText | undefined }
  /** Who has the router map ports, where that was asked for. */
  readonly mapping: { readonly waiting: WaitingText | undefined } | undefined
  /** Those of which little or nothing is left. */
  readonly budgets: { readonly states: Iterable<BudgetLeft> } | undefined
}

/** Milliseconds between two ticks, and how late one may be. */
const TICK = 1000
const LATE = 200
/** What the API and `/readyz` say; console and command line write it in the language of the reader. */
const ENGLISH = healthWords('en')

/** Watches what the health of the relay is judged by. */
export class HealthWatch {
  readonly #parts: HealthWatchParts
  readonly #recent: RecentCounts
  #lateTicks = 0
  #tickedAt: number | undefined

  constructor(parts: HealthWatchParts) {
    this.#parts = parts
    this.#recent = new RecentCounts(performance.now(), this.#counts())
  }

  /** Once a second. */
  tick(): void {
    const at = performance.now()
    if (this.#tickedAt !== undefined && at - this.#tickedAt > TICK + LATE) this.#lateTicks++
    this.#tickedAt = at
    this.#recent.add(at, this.#counts())
  }

  /** Every condition that holds, as the API says it. */
  health(): Status['health'] {
    const { findings, checked, unchecked } = this.#judgeHealth()
    return {
      findings: findings.map(({ id, level, values = {} }) => ({
        id,
        level,
        values: { ...values },
        text: healthText({ id, values }, ENGLISH),
      })),
      checked,
      unchecked: [...unchecked],
    }
  }

  /** Every condition that holds, for those who write it in words of their own. */
  findings(): readonly HealthFinding[] {
    return this.#judgeHealth().findings
  }

  /** Why new calls should go elsewhere; empty when they may come. */
  notReady(): string[] {
    return this.#judgeHealth()
      .findings.filter(({ turnsAway }) => turnsAway)
      .map(finding => healthText(finding, ENGLISH))
  }

  #judgeHealth(): Judgement {
    const { engine, readiness, settings, certificates } = this.#parts
    const { shards, workers, waiting, certificateExpires, onlyPrivate, addressChange } = engine
    const vitals: Vitals = {
      now: Date.now(),
      state: readiness.state,
      waiting,
      unmapped: this.#parts.mapping?.waiting,
      workers: { running: workers - shards.missing, missing: shards.missing },
      shares: this.#shares(),
      isShortOfMemory: shards.gauges.shortOfMemory > 0,
      certificateExpires,
      certificateWaiting: certificates.waiting,
      lastReload: settings.lastReload,
      onlyPrivate,
      addressChange,
      increase: minutes => this.#recent.increase(minutes),
      opened: shards.counters.read('allocationOpened'),
      budgets: [...(this.#parts.budgets?.states ?? [])],
    }
    return judgeHealth(vitals)
  }

  #shares(): Share[] {
    const { engine, tally, settings } = this.#parts
    const { ports, admission, shards } = engine
    const { homeservers, limits } = settings.current
    const descriptors = readDescriptors()
    return [
      { what: 'ports', used: ports.used, limit: ports.total },
      { what: 'sessions', used: admission.total, limit: admission.limit },
      { what: 'connections', used: shards.gauges.connections, limit: limits.connections },
      ...(descriptors
        ? [{ what: 'descriptors', used: descriptors.open, limit: descriptors.limit } as const]
        : []),
      ...homeservers.flatMap(({ name, limits: own }): Share[] =>
        own?.allocations === undefined
          ? []
          : [
              {
                what: 'homeserver-sessions',
                name,
                used: tally.homeservers.get(name)?.allocations ?? 0,
                limit: own.allocations,
              },
            ],
      ),
    ]
  }

  #counts(): Counts {
    const { engine, tally } = this.#parts
    const { counters, gauges } = engine.shards
    const { user, system } = process.cpuUsage()
    return {
      wrongSecret: counters.read('authWrongSecret') + counters.read('authGuessing'),
      expired: counters.read('authExpired'),
      unknownUser: counters.read('authUnknownUser'),
      noCapacity: tally.rejected.capacity ?? 0,
      opened: counters.read('allocationOpened'),
      unverified: counters.read('dropUnverified'),
      overRate: counters.read('dropRate'),
      notSent: counters.read('dropSendQueue') + counters.read('dropSlowStream'),
      relayedPackets: VIA.reduce((sum, via) => {
        const { toPeer, toClient } = counters.traffic(via)
        return sum + toPeer.packets + toClient.packets
      }, 0),
      faults: gauges.faults,
      cpuSeconds: (user + system) / 1e6,
      lateTicks: this.#lateTicks,
    }
  }
}
