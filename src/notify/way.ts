import type { RunningText } from '../texts/running.ts'
import type { NotifyMessage } from './message.ts'

/** A way to reach somebody. */
export interface Way {
  /** What the log and `taciturn notify` call it: `email`, `webhook 1`. */
  readonly name: string
  /** Resolves when the message is taken, with why it is not where it is not. Never rejects. */
  send(message: NotifyMessage): Promise<RunningText | undefined>
}
