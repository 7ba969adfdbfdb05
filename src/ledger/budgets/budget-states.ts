import { ownerKey } from '../../core/event.ts'
import type { Budget } from './budget-plan.ts'
import type { Used } from './budget-sums.ts'

/** Those of more than one user. */
export type SharedHolder =
  | { readonly kind: 'everybody' }
  | { readonly kind: 'homeserver' | 'group'; readonly name: string }

/** Whose budget it is. */
export type BudgetHolder =
  | SharedHolder
  | { readonly kind: 'user'; readonly tenant: string; readonly user: string }

/** A budget that is nearly or wholly used up. */
export interface BudgetState {
  readonly of: BudgetHolder
  readonly level: 'warned' | 'spent'
  readonly span: 'day' | 'month'
  /** Octets. */
  readonly used: number
  readonly limit: number
  readonly atEnd: Budget['atEnd']
}

/** Share from which on people are warned. */
export const WARNED = 0.8
/** Seconds: what may be used up within them, at the rate of late, is looked at each second. */
const SOON = 8

/** Undefined while there is enough left. Of day and month the one of which less is left. */
export function stateOf(of: BudgetHolder, budget: Budget, used: Used): BudgetState | undefined {
  const span = used.day / budget.day > used.month / budget.month ? 'day' : 'month'
  const share = used[span] / budget[span]
  if (share < WARNED) return undefined
  const level = share < 1 ? 'warned' : 'spent'
  return { of, level, span, used: used[span], limit: budget[span], atEnd: budget.atEnd }
}

/** Whether a budget that is not used up may be so within seconds, at this rate of octets a second. */
export function isSoonSpent(budget: Budget, used: Used, rate: number): boolean {
  const left = Math.min(budget.day - used.day, budget.month - used.month)
  return left > 0 && left <= rate * SOON
}

/** Tells holders of budgets apart. */
export function holderKey(of: BudgetHolder): string {
  if (of.kind === 'everybody') return of.kind
  return of.kind === 'user' ? `user ${ownerKey(of)}` : `${of.kind} ${of.name}`
}
