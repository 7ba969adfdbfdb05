import { failed, type Result, succeeded } from '../base/result.ts'
import { type Account, accountOf } from './account.ts'
import { type LineFault, readLine } from './line.ts'
import { Player } from './player.ts'
import type { Beginning, Ending } from './step.ts'

/** What one line of a recording came to. */
export type Replayed =
  | { readonly kind: 'began'; readonly version: string; readonly worker: number }
  | { readonly kind: 'step'; readonly account: Account }
  | { readonly kind: 'ended'; readonly why: Ending['why'] }

/** Plays a recording line by line. One that is damaged is played up to there. */
export class Replay {
  #player: Player | undefined

  /** Takes the next line. The error says what is wrong with it; nothing may be played after that. */
  take(line: string): Result<Replayed, LineFault> {
    const entry = readLine(line)
    if (!entry.ok) return entry
    const { value } = entry
    if (value.kind === 'ending') return succeeded({ kind: 'ended', why: value.why })
    if (value.kind === 'beginning') return this.#begin(value)
    const player = this.#player
    if (!player) return failed('too-early')
    try {
      return succeeded({ kind: 'step', account: accountOf(value, player.play(value)) })
    } catch {
      // The relay trusts what it is answered when it asks; what it is answered here anybody may have written.
      return failed('unplayable')
    }
  }

  #begin(beginning: Beginning): Result<Replayed, LineFault> {
    try {
      this.#player = new Player(beginning)
    } catch {
      return failed('unplayable')
    }
    const { version, worker } = beginning
    return succeeded({ kind: 'began', version, worker })
  }
}
