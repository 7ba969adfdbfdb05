import type { Time } from '../base/time.ts'
import type { RelayConfig } from '../core/config.ts'
import type { Input } from '../core/input.ts'

/** What the relay asked while it handled an input, and the answer. */
export type Asked = readonly [question: string, answer: unknown]

/** How a recording begins: once for each start of a relay. */
export interface Beginning {
  readonly kind: 'beginning'
  readonly version: string
  /** From 1 on; 0 where there is one relay in the process. */
  readonly worker: number
  readonly config: RelayConfig
  readonly lastId: number
}

/** One input, what the relay asked, and what it did. */
export interface Step {
  readonly kind: 'step'
  readonly at: Time
  readonly input: Input
  readonly asked: readonly Asked[]
  /** Its commands in outline: without addresses, names and payload, so that a replay can be compared. */
  readonly did: readonly string[]
}

/** Why nothing was written any more. */
export interface Ending {
  readonly kind: 'ending'
  readonly why: 'full' | 'stopped'
}

export type RecordingEntry = Beginning | Step | Ending
