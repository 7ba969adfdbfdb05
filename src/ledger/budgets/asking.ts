import type { UsageAsked, UsageSum, UsageSums } from '../store/ledger-store.ts'
import type { LedgerSums } from './budget-sums.ts'

/** Users whose use is taken from the ledger, those with most of it first. */
const MOST_ASKED = 5000

/** What the ledger is asked of this day and this month: sums of homeservers, and of users where they are needed. */
export function questionsOf(
  spans: { readonly day: number; readonly month: number },
  ofUsers: boolean,
): UsageAsked[] {
  const per = ofUsers ? ([['homeserver'], ['homeserver', 'user']] as const) : ([['homeserver']] as const)
  return (['day', 'month'] as const).flatMap(span =>
    per.map(
      (per): UsageAsked => ({
        by: 'all',
        from: spans[span],
        to: Number.MAX_SAFE_INTEGER,
        per,
        most: MOST_ASKED,
      }),
    ),
  )
}

/** The answers to these questions. */
export function sumsOf(answers: readonly UsageSums[]): LedgerSums {
  const half = answers.length / 2
  return { day: rowsOf(answers.slice(0, half)), month: rowsOf(answers.slice(half)) }
}

/** One after the other; none is made before it is asked for. */
function* rowsOf(answers: readonly UsageSums[]): Generator<UsageSum> {
  for (const { rows } of answers) yield* rows
}
