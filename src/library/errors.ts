import type { LinkFault } from '../dial/link.ts'

/** What this library throws or rejects with. `code` is stable; messages are for people. */
export class TaciturnError extends Error {
  override readonly name: string = 'TaciturnError'
  /** Says what happened, to programs; stays the same from version to version. */
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What can go wrong; docs/library.md says when. */
export type ErrorCode =
  | 'INVALID_URI'
  | 'INVALID_ADDRESS'
  | 'INVALID_CONFIGURATION'
  | 'CANNOT_START'
  | 'CANNOT_CONNECT'
  | 'REJECTED'
  | 'TIMEOUT'
  | 'NOT_AUTHENTIC'
  | 'CLOSED'

/** The server answered a request with an error, such as 401 (unauthorized), 403 (forbidden) or 486 (quota reached). */
export class TurnRejected extends TaciturnError {
  override readonly name = 'TurnRejected'
  /** The error code of the answer (RFC 8489 §14.8, RFC 8656 §19). */
  readonly status: number
  /** The reason phrase of the answer; written by the server, so treat it as untrusted text. */
  readonly reason: string

  constructor(status: number, reason: string) {
    super('REJECTED', `the server answered ${status}${reason === '' ? '' : ` (${reason})`}`)
    this.status = status
    this.reason = reason
  }
}

/** There is no connection to the server, or no more. `why` says what the operating system or TLS said. */
export class CannotConnect extends TaciturnError {
  override readonly name = 'CannotConnect'
  /** What failed, to programs. */
  readonly why: LinkFault['why']

  /** @hidden */
  constructor({ why, detail }: LinkFault) {
    super('CANNOT_CONNECT', `cannot connect: ${detail}`)
    this.why = why
  }
}

/** The configuration was not accepted; `problems` has one sentence for each fault. */
export class InvalidConfiguration extends TaciturnError {
  override readonly name = 'InvalidConfiguration'
  /** One sentence for each fault: where, what, and what to write instead. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super('INVALID_CONFIGURATION', problems.join('\n'), options)
    this.problems = problems
  }
}
