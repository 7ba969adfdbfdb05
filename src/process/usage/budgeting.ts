import { randomBytes } from 'node:crypto'
import type { Settings } from '../../config/settings.ts'
import type { BudgetsControl } from '../../control/usage/budgets-control.ts'
import type { BudgetHolder, BudgetState } from '../../ledger/budgets/budget-states.ts'
import { Budgets, type BudgetsParts } from '../../ledger/budgets/budgets.ts'
import { Leases } from '../../ledger/leases/leases.ts'
import { ledgerFiles } from '../../ledger/ledger.ts'
import { LedgerThread } from '../../ledger/ledger-thread.ts'
import type { Log } from '../../log/log.ts'
import type { Privacy } from '../../log/privacy.ts'
import type { BudgetFigures } from '../../metrics/page.ts'
import type { Shards } from '../../relay/shards.ts'
import { monotonicClock, wallTime } from '../../system/clock.ts'

export interface BudgetingParts {
  readonly ledger: BudgetsParts['ledger'] & { identityOf(user: string): string }
  readonly shards: () => Pick<Shards, 'slow' | 'revoke'>
  readonly log: Log
  readonly privacy: Privacy
  readonly own: BudgetsParts['own']
}

/** Holds everybody to the budgets of the settings. */
export function budgetsOf(settings: Settings, parts: BudgetingParts): Budgets {
  const { ledger, shards, log, privacy, own } = parts
  return new Budgets(settings.budgets, {
    ledger,
    own,
    now: () => Math.floor(wallTime() / 1000),
    slow: slowed => shards().slow(slowed),
    end: allocation => shards().revoke(allocation),
    told: (before, after) => tell(before, after, log, privacy),
    isShared: settings.ledger !== false && settings.ledger.postgresql !== undefined,
    leases: leasesOf(settings, parts),
  })
}

/** Where relays share a ledger, they share budgets; the thread for that runs while there are any. */
function leasesOf({ ledger, state }: Settings, parts: BudgetingParts): Leases | undefined {
  if (!ledger || ledger.postgresql === undefined) return undefined
  const { log } = parts
  const { keep, postgresql: database } = ledger
  const desk = new LedgerThread({ spool: ledgerFiles(state).spool, database, keep })
  return new Leases({
    lease: asked => desk.do({ kind: 'lease', asked }),
    close: () => desk.close(),
    identify: name => parts.ledger.identityOf(name),
    clock: () => monotonicClock.now() / 1000,
    fresh: () => randomBytes(8).toString('hex'),
    away: (isAway, why) => {
      if (isAway)
        log.limited(
          'budgets-away',
          'warn',
          'the database that relays share budgets in cannot be used; this relay goes on with its share of what was left',
          () => ({ why }),
        )
      else log.info('relays share their budgets again')
    },
  })
}

/** As the metrics page has them; budgets without a limit are not in it. */
export function budgetFigures(budgets: Budgets | undefined): BudgetFigures {
  const figures = figuresOf(budgets)
  const users = usersOf(budgets)
  return {
    budgets: figures,
    usersSpent: users.filter(({ level }) => level === 'spent').length,
    ownLimits: budgets?.ownLimits ?? 0,
  }
}

/** The same for an operator. */
export function budgetsControlOf(
  budgets: Budgets | undefined,
  identitiesOf: (user: string) => readonly string[],
): BudgetsControl | undefined {
  if (!budgets) return undefined
  return {
    look: () => {
      const users = usersOf(budgets)
      const count = (level: BudgetState['level']) => users.filter(user => user.level === level).length
      return {
        budgets: figuresOf(budgets),
        users: { warned: count('warned'), spent: count('spent'), limited: budgets.ownLimits },
      }
    },
    users: () =>
      usersOf(budgets).map(({ of: { tenant, user }, level, span, used, limit }) => ({
        user: user === '' ? '' : (identitiesOf(user).at(-1) ?? ''),
        homeserver: tenant,
        ...{ level, span, used, limit },
      })),
  }
}

function figuresOf(budgets: Budgets | undefined) {
  return [...(budgets?.figures() ?? [])].flatMap(({ of, budget, used }) =>
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
}

/** Users of whose own budget little or nothing is left. */
function usersOf(budgets: Budgets | undefined) {
  return [...(budgets?.states ?? [])].flatMap(({ of, ...state }) =>
    of.kind === 'user' ? [{ of, ...state }] : [],
  )
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
