import { Counter, Gauge, type Registry } from 'prom-client'
import type { CounterReader } from '../base/counters.ts'
import type { Traffic } from '../base/route.ts'
import type { Tally } from './tally.ts'

/** Where the figures come from. Read when somebody asks for the page, not before. */
export interface Figures {
  readonly version: string
  readonly realm: string
  readonly counters: CounterReader
  readonly tally: Tally
  users(): number
  allocationsLimit(): number
  /** TCP and TLS connections that may be open at once. */
  connectionsLimit(): number
  /** Allocations that the users of a homeserver may hold together; those without a limit are not in it. */
  homeserverLimits(): ReadonlyMap<string, number>
  /** Budgets of all, of homeservers and of groups, and how many users have used up their own. */
  budgets(): BudgetFigures
  /** What allocations that live have relayed so far, by homeserver. */
  carried(): Promise<ReadonlyMap<string, Traffic>>
  gauges(): GaugeReader
  /** Why datagrams went up that the kernel might have relayed, by reason; undefined where it is not asked to relay. */
  kernelPassed(): Readonly<Record<string, number>> | undefined
  /** Files and sockets that the process has open; undefined where the system does not say. */
  openDescriptors(): number | undefined
  ports(): { readonly used: number; readonly total: number }
  /** Seconds since the epoch at which the certificate expires; undefined without one. */
  certificateExpires(): number | undefined
  /** How the last reload went, and when one last went well, in seconds since the epoch. */
  reload(): { readonly ok: boolean; readonly at: number }
  ready(): boolean
  draining(): boolean
  /** Threads that relay, and those that broke and are not back yet. */
  workers(): { readonly running: number; readonly missing: number }
}

/** How much of everything there is just now. */
export interface GaugeReader {
  readonly sockets: number
  readonly connections: number
  /** Connections of visitors of the web server that a port is shared with. */
  readonly visitors: number
  /** Faults of the program that were caught since the start. */
  readonly faults: number
  /** Ways that the kernel relays along by itself. */
  readonly kernelRoutes: number
}

/** What was used of each budget in this day or month, in octets; `name` is empty for everybody's. */
export interface BudgetFigures {
  readonly budgets: Iterable<{
    readonly kind: string
    readonly name: string
    readonly span: 'day' | 'month'
    readonly used: number
    readonly limit: number
  }>
  readonly usersSpent: number
  /** Limits that users have set for themselves. */
  readonly ownLimits: number
}

/** One sample: its labels and its value. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

/** Adds metrics whose samples are read at each scrape. */
export class Page {
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  counter(
    name: string,
    help: string,
    labelNames: string[],
    read: () => Iterable<Sample> | Promise<Iterable<Sample>>,
  ): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      async collect() {
        const samples = await read()
        this.reset()
        for (const [labels, value] of samples) this.inc(labels, value)
      },
    })
  }

  gauge(name: string, help: string, labelNames: string[], read: () => Iterable<Sample>): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        // A reset leaves a zero behind where there are no labels, and no figure is not zero.
        this.reset()
        this.remove({})
        for (const [labels, value] of read()) this.set(labels, value)
      },
    })
  }
}

/**
 * The text of the page, as `Registry.metrics` writes it, but metric by metric:
 * `pause` is awaited in between, so that packets are relayed meanwhile.
 */
export async function pageText(registry: Registry, pause: () => Promise<void>): Promise<string> {
  const texts: string[] = []
  for (const { name } of registry.getMetricsAsArray()) {
    texts.push(await registry.getSingleMetricAsString(name))
    await pause()
  }
  return `${texts.join('\n\n')}\n`
}

/** A single sample without labels. */
export function only(value: number): Sample[] {
  return [[{}, value]]
}
