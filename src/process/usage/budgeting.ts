import type { Settings } from '../../config/settings.ts'
import type { BudgetHolder, BudgetState } from '../../ledger/budgets/budget-states.ts'
import { Budgets, type BudgetsParts } from '../../ledger/budgets/budgets.ts'
import type { Log } from '../../log/log.ts'
import type { Privacy } from '../../log/privacy.ts'
import type { BudgetFigures } from '../../metrics/page.ts'
import type { Shards } from '../../relay/shards.ts'
import { wallTime } from '../../system/clock.ts'

export interface BudgetingParts {
  readonly ledger: BudgetsParts['ledger']
  readonly shards: () => Pick<Shards, 'slow' | 'revoke'>
  readonly log: Log
  readonly privacy: Privacy
  readonly own: BudgetsParts['own']
}

/** Holds everybody to the budgets of the settings. */
export function budgetsOf(
  settings: Settings,
  { ledger, shards, log, privacy, own }: BudgetingParts,
): Budgets {
  return new Budgets(settings.budgets, {
    ledger,
    own,
    now: () => Math.floor(wallTime() / 1000),
    slow: slowed => shards().slow(slowed),
    end: allocation => shards().revoke(allocation),
    told: (before, after) => tell(before, after, log, privacy),
    isShared: settings.ledger !== false && settings.ledger.postgresql !== undefined,
  })
}

/** As the metrics page has them; budgets without a limit are not in it. */
export function budgetFigures(budgets: Budgets | undefined): BudgetFigures {
  const figures = [...(budgets?.figures() ?? [])].flatMap(({ of, budget, used }) =>
    (['day', 'month'] as const)
      .filter(span => Number.isFinite(budget[span]))
      .map(span => ({
        kind: of.kind,
        name: 'name' in of ? of.name : '',
        span,
        used: used[span],
        limit: budget[span],
      })),
  )
  const spent = [...(budgets?.states ?? [])].filter(
    ({ of, level }) => of.kind === 'user' && level === 'spent',
  )
  return { budgets: figures, usersSpent: spent.length }
}

function tell(
  before: BudgetState | undefined,
  after: BudgetState | undefined,
  log: Log,
  privacy: Privacy,
): void {
  if (after) {
    const { of, level, span, used, limit, atEnd } = after
    const message = level === 'spent' ? 'a budget is used up' : 'a budget is nearly used up'
    // One for each kind of holder, so that many users hide no homeserver.
    log.limited(`budget ${of.kind}`, 'warn', message, () => ({
      ...named(of, privacy),
      span,
      used,
      limit,
      atEnd,
    }))
  } else if (before?.level === 'spent') {
    const { of, span } = before
    log.limited(`budget ${of.kind}`, 'info', 'a budget is no longer used up', () => ({
      ...named(of, privacy),
      span,
    }))
  }
}

function named(of: BudgetHolder, privacy: Privacy) {
  if (of.kind === 'everybody') return { of: of.kind }
  if (of.kind !== 'user') return { of: of.kind, name: of.name }
  return { of: of.kind, homeserver: of.tenant, user: privacy.user(of.user) }
}
