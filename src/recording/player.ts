import { COUNTER_NAMES, type CounterName, Counters } from '../base/counters.ts'
import { Lifetimes } from '../base/lifetimes.ts'
import { failed, succeeded } from '../base/result.ts'
import type { Command } from '../core/command.ts'
import type { Decisions, Witness } from '../core/decisions.ts'
import type { Sealing } from '../core/environment.ts'
import { Relay } from '../core/relay.ts'
import type { NoSigner, Signer } from '../core/trust/signer.ts'
import { Meters } from '../limits/meters.ts'
import { outline } from './outline.ts'
import type { Asked, Beginning, Step } from './step.ts'

/** What a replayed step came to. */
export interface Played {
  readonly commands: readonly Command[]
  /** Counters that moved, and by how much. */
  readonly counted: ReadonlyMap<CounterName, number>
  /** What it does in outline where that is not what was recorded. */
  readonly differs: readonly string[] | undefined
}

/**
 * A relay that is fed the steps of a recording. Whatever it asks is answered
 * as it was then; it has no secrets, no clock and no network.
 */
export class Player {
  readonly relay: Relay
  readonly #counters = new Counters()
  #answers: Asked[] = []

  constructor({ config, lastId }: Beginning) {
    const witness: Witness = { began: () => this.#decisions(), handled: () => {} }
    this.relay = new Relay({
      config,
      environment: {
        random: into => void into.fill(0),
        wall: at => at,
        reach: () => 'no',
        authenticate: () => [],
        sealing: NO_SEALING,
      },
      counters: this.#counters,
      meters: new Meters(),
      lifetimes: new Lifetimes(),
      lastId,
      witness,
    })
  }

  play(step: Step): Played {
    this.#answers = [...step.asked]
    const before = this.#counters.values.slice()
    const commands = this.relay.handle(step.input, step.at)
    const counted = new Map<CounterName, number>()
    for (const [i, name] of COUNTER_NAMES.entries()) {
      const moved = this.#counters.values[i]! - before[i]!
      if (moved > 0) counted.set(name, moved)
    }
    const did = outline(step.input, commands)
    return { commands, counted, differs: same(did, step.did) ? undefined : did }
  }

  /** The next recorded answer to this question; those to others that were not asked again are passed over. */
  #answer<T>(question: string, otherwise: T): T {
    const at = this.#answers.findIndex(([name]) => name === question)
    if (at < 0) return otherwise
    const [, answer] = this.#answers[at]!
    this.#answers.splice(0, at + 1)
    return answer as T
  }

  #decisions(): Decisions {
    const answer = <T>(question: string, otherwise: T): T => this.#answer(question, otherwise)
    return {
      environment: {
        random: into => void answer('random', Buffer.alloc(into.length)).copy(into),
        wall: at => answer('wall', at),
        reach: () => answer('reach', 'yes'),
        authenticate: () => [],
        sealing: NO_SEALING,
        siblings: {
          wire: () => answer('wire', undefined),
          relayed: () => answer('relayed', undefined),
          mayReserve: () => answer('reserved', false),
          mayHold: () => answer('elsewhere', false),
          chargePeers: () => answer('peers', true),
        },
        host: {
          wire: () => answer('host wire', undefined),
          peer: () => answer('host peer', undefined),
          isRelayed: () => answer('host relays', false),
          keyFor: () => answer('host key', undefined),
        },
      },
      findSigner: ({ known }) => {
        const found = answer<NoSigner | (Omit<Signer, 'known'> & { known?: boolean })>(
          'signer',
          'unavailable',
        )
        if (typeof found === 'string') return failed(found)
        const { known: isKnown, ...signer } = found
        return succeeded(isKnown && known ? { ...signer, known } : signer)
      },
      nonces: {
        configure: () => {},
        make: () => answer('nonce', ''),
        isFresh: () => answer('fresh', true),
      },
      tickets: {
        seal: () => answer('ticket', Buffer.alloc(0)),
        open: () => answer('opened ticket', undefined),
      },
      strangers: {
        configure: () => {},
        chargeAnswer: () => answer('answer', true),
        isSpent: () => answer('spent', false),
        holdBack: () => answer('held back', false),
        dropped: () => {},
        failed: () => {},
        proved: () => {},
        report: () => answer('report', []),
      },
      meters: { take: () => answer('rate', true) },
    }
  }
}

/** Nothing is sealed: a replay is answered as it was then. */
const NO_SEALING: Sealing = { seal: () => Buffer.alloc(0), open: () => undefined }

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i])
}
