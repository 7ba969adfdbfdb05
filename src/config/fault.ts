import { failed, type Result } from '../base/result.ts'
import type { MessageKey } from './messages/messages.ts'

/** What fills the placeholders of a message. Never a secret: these are printed. */
export type FaultValues = Readonly<Record<string, string | number | Date>>

/** Why a value was not accepted: a message and what to fill it with. */
export interface ConfigFault {
  readonly key: MessageKey
  readonly values: FaultValues
}

export function configFault(key: MessageKey, values: FaultValues = {}): ConfigFault {
  return { key, values }
}

/** What a function returns that reads something an operator wrote. */
export type Parsed<T> = Result<T, ConfigFault>

/** The result where the value was not accepted. */
export function notAccepted(key: MessageKey, values: FaultValues = {}): Parsed<never> {
  return failed(configFault(key, values))
}
