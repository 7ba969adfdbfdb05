import type { MessageKey } from './messages/messages.ts'

/** What fills the placeholders of a message. Never a secret: these are printed. */
export type FaultValues = Readonly<Record<string, string | number>>

/** Why a value was not accepted: a message and what to fill it with. Returned, not thrown. */
export class ConfigFault {
  readonly key: MessageKey
  readonly values: FaultValues

  constructor(key: MessageKey, values: FaultValues = {}) {
    this.key = key
    this.values = values
  }
}
