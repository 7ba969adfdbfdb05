import type { BudgetsView, BudgetUsersView } from '../view.ts'

/** Budgets, as an operator sees them. */
export interface BudgetsControl {
  /** Sums only. */
  look(): BudgetsView
  /** Users who have little or nothing left of their own budget. */
  users(): BudgetUsersView['users']
}
