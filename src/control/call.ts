import type { z } from 'zod'
import { failed, type Result, succeeded } from '../base/result.ts'
import type { Language } from '../texts/language.ts'
import { shapeFaults } from '../texts/shape-faults.ts'
import type { AccessLog } from './access-log.ts'
import { type ApiAnswer, fault } from './answer.ts'
import type { Control } from './control.ts'
import type { TestRuns } from './tests/test-runs.ts'
import type { Tokens } from './tokens.ts'
import type { BudgetsControl } from './usage/budgets-control.ts'
import type { UsageControl } from './usage/usage-control.ts'
import type { UsagePages } from './usage/usage-pages.ts'
import type { AccessEntry } from './view.ts'
import type { Visitor } from './visitor.ts'

/** One request of the API, after it was let in. */
export interface Call {
  readonly visitor: Visitor
  /** IP address that the request came from; empty by the control socket. */
  readonly client: string
  /** Values of the parts in braces of the path. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: unknown
  /** The language of the one who asks: Accept-Language. Errors need not care, the door says them in it. */
  readonly language: Language
}

/** What the endpoints stand on. */
export interface Desk {
  readonly control: Control
  readonly log: AccessLog
  readonly tokens: Tokens
  /** Tests of users; absent where there are none. */
  readonly tests?: TestRuns
  /** Who used how much; absent where that is not kept. */
  readonly ledger?: UsageControl
  /** What is left of budgets; absent without a ledger. */
  readonly budgets?: BudgetsControl
  /** Pages about one's own use; absent where users are not told apart. */
  readonly own?: UsagePages
  /** Host of the OpenID Connect provider; undefined where there is none. */
  provider?(): string | undefined
  /** Where the console is reached, without a slash at the end; undefined while it is not served. */
  url(): string | undefined
}

/** An endpoint, and all that is said of it. */
export interface ApiEndpoint {
  readonly method: 'GET' | 'POST'
  /** As OpenAPI writes it: `/sessions/{id}`. */
  readonly path: string
  /** `nobody`: no token. */
  readonly needs: 'nobody' | 'read' | 'act'
  /** What the access log calls it. Undefined if the call is not logged (reading figures). */
  readonly act?: string
  readonly summary: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: z.ZodType
  readonly answers: z.ZodType
  /** Answers a table as text (RFC 4180), and not JSON. */
  readonly csv?: true
  answer(call: Call, desk: Desk): ApiAnswer | Promise<ApiAnswer>
}

/** Writes down that somebody did something. False when it could not be written. */
export function note(
  desk: Pick<Desk, 'log'>,
  { who, from }: Visitor,
  what: string,
  outcome: AccessEntry['outcome'],
  on?: string,
  targets?: readonly string[],
): boolean {
  return desk.log.write({
    who,
    from,
    what,
    ...(on !== undefined && { on }),
    ...(targets && { targets: [...targets] }),
    outcome,
  })
}

/** Reads a body by its schema. The error is the answer that says what is wrong with it. */
export function readAs<T extends z.ZodType>(
  schema: T,
  { body, language }: Pick<Call, 'body' | 'language'>,
): Result<z.output<T>, ApiAnswer> {
  const result = schema.safeParse(body ?? {}, shapeFaults(language))
  if (result.success) return succeeded(result.data)
  const [issue] = result.error.issues
  const where = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''
  return failed(fault(400, 'body.unexpected', { detail: `${where}${issue?.message ?? ''}` }))
}
