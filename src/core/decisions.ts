import type { Time } from '../base/time.ts'
import type { Meters } from '../limits/meters.ts'
import type { Command } from './command.ts'
import type { RelayConfig } from './config.ts'
import type { Environment } from './environment.ts'
import type { Input } from './input.ts'
import type { Tickets } from './mobility/tickets.ts'
import type { Nonces } from './trust/nonce.ts'
import type { FindSigner } from './trust/signer.ts'
import type { Strangers } from './trust/strangers.ts'

/**
 * All that has a part in what the relay does beside its inputs and its own
 * books: secrets, chance, and what forwarders and other threads have taken of
 * the limits meanwhile. The relay asks nowhere else, so a recording that keeps
 * the answers can be replayed without any of it.
 */
export interface Decisions {
  readonly environment: Environment
  readonly findSigner: FindSigner
  readonly nonces: Pick<Nonces, 'configure' | 'isFresh' | 'make'>
  readonly tickets: Pick<Tickets, 'open' | 'seal'>
  readonly strangers: Pick<
    Strangers,
    'chargeAnswer' | 'configure' | 'dropped' | 'failed' | 'holdBack' | 'isSpent' | 'proved' | 'report'
  >
  readonly meters: Pick<Meters, 'take'>
}

/** Watches a relay at work, for a recording. */
export interface Witness {
  /** Before the first input. Returns what the relay asks in place of its own. */
  began(own: Decisions, config: RelayConfig, lastId: number): Decisions
  /** After each input, before its commands are carried out. What views the batch must be copied. */
  handled(input: Input, now: Time, commands: readonly Command[]): void
}
