import { Counters } from '../../src/base/counters.ts'
import type { RouteId } from '../../src/base/ids.ts'
import { Lifetimes } from '../../src/base/lifetimes.ts'
import { failed, succeeded } from '../../src/base/result.ts'
import type { Time } from '../../src/base/time.ts'
import type { Command } from '../../src/core/command.ts'
import type { RelayConfig } from '../../src/core/config.ts'
import type { Input } from '../../src/core/input.ts'
import { Relay } from '../../src/core/relay.ts'
import type { SnapshotPart } from '../../src/core/snapshot/parts.ts'
import { readSnapshot } from '../../src/core/snapshot/read.ts'
import type { NoSigner, Signer } from '../../src/core/trust/signer.ts'
import { Meters } from '../../src/limits/meters.ts'
import type { Asked } from '../../src/recording/step.ts'
import { sealing } from '../../src/relay/sealing.ts'
import { dice, octets, seedOf } from './random.ts'

export const SEED = Number(process.env.MODEL_SEED ?? 20_261_131)

/** A relay made of a snapshot. The same world answers it as answers the first. */
export class Twin {
  readonly relay: Relay
  readonly lifetimes = new Lifetimes()
  readonly names = new RouteNames()
  #answers: Asked[] = []

  constructor(config: RelayConfig, snapshot: Buffer, now: Time) {
    const answer = <T>(question: string, otherwise: T): T => {
      const at = this.#answers.findIndex(([name]) => name === question)
      if (at < 0) return otherwise
      const [[, found]] = this.#answers.splice(at, 1) as [Asked]
      return found as T
    }
    this.relay = new Relay({
      config,
      environment: {
        random: octets(dice(seedOf(SEED, 'twin'))),
        wall: at => at,
        reach: () => 'no',
        authenticate: () => [],
        sealing,
      },
      counters: new Counters(),
      meters: new Meters(),
      lifetimes: this.lifetimes,
      witness: {
        began: own => ({
          ...own,
          environment: {
            random: into => void answer('random', Buffer.alloc(into.length)).copy(into),
            wall: at => answer('wall', at),
            reach: () => answer('reach', 'no'),
            authenticate: () => [],
            sealing,
          },
          tickets: {
            seal: () => answer('ticket', Buffer.alloc(0)),
            open: ticket => own.tickets.open(ticket),
          },
          findSigner: ({ known }) => {
            const found = answer<NoSigner | Signer>('signer', 'unavailable')
            if (typeof found === 'string') return failed(found)
            return succeeded(found.known && known ? { ...found, known } : found)
          },
        }),
        handled: () => {},
      },
    })
    this.restore(snapshot, now)
  }

  /** Takes over a snapshot, or a difference. */
  restore(snapshot: Buffer, now: Time): void {
    for (const part of parts(snapshot)) this.take({ kind: 'restore', part }, now, [])
  }

  take(input: Input, now: Time, asked: readonly Asked[]): string {
    // A permission that is swept asks for nothing, so what is asked more than once is answered in order.
    this.#answers = asked.map(([question, answer]) => {
      const known =
        question === 'signer' && typeof answer === 'object' ? (answer as { known: boolean }) : undefined
      return [question, known?.known === false ? { ...known, known: undefined } : answer]
    })
    return this.names.text(this.relay.handle(input, now), this.lifetimes)
  }
}

/** Routes have other ids in another relay, and lifetimes and token buckets too. */
export class RouteNames {
  readonly #names = new Map<RouteId, string>()

  text(commands: readonly Command[], lifetimes: Lifetimes): string {
    const named = commands.map(command => {
      if (command.kind === 'unroute') return { ...command, route: this.#names.get(command.route) }
      if (command.kind !== 'route') return command
      const { id, meters, relayedLifetime, peerLifetime, ...route } = command.route
      const ends = [lifetimes.until(relayedLifetime), lifetimes.until(peerLifetime)]
      this.#names.set(id, `${command.allocation} ${route.peer.key}`)
      return { ...command, route, ends, meters: meters.length }
    })
    return JSON.stringify(named, (_key, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    )
  }
}

/** The parts of a snapshot. */
export function parts(snapshot: Buffer): readonly SnapshotPart[] {
  const found: SnapshotPart[] = []
  const reading = readSnapshot(snapshot)
  for (;;) {
    const next = reading.next()
    if (next.done && !next.value.ok) throw new Error(next.value.error)
    if (next.done) return found
    if (next.value) found.push(next.value)
  }
}

/** Runs a generator to its end. */
export function whole<T>(slices: Generator<unknown, T>): T {
  for (;;) {
    const slice = slices.next()
    if (slice.done) return slice.value
  }
}
