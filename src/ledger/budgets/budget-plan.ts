/** Octets of payload, both directions together; Infinity for no limit. Days and months are those of UTC. */
export interface BudgetLimits {
  readonly day: number
  readonly month: number
}

/** What happens when it is used up: `slow` and `end` are for live calls, and with `refuse` they go on. */
export type BudgetEnd = 'slow' | 'refuse' | 'end'

export interface Budget extends BudgetLimits {
  readonly atEnd: BudgetEnd
}

/** Users who share one budget. */
export interface GroupBudget extends Budget {
  readonly name: string
  readonly users: readonly string[]
  /** Only users of this homeserver are meant; absent for all of that name. */
  readonly homeserver?: string | undefined
  /** Who pays, and sees on a page of their own what the group has used. */
  readonly payer?: string | undefined
}

/** Who may use how much. */
export interface BudgetPlan {
  readonly perUser?: Budget | undefined
  readonly groups: readonly GroupBudget[]
  readonly homeservers: readonly (Budget & { readonly name: string })[]
  readonly total?: Budget | undefined
  /** Octets a second that each user has where `atEnd` is `slow`. */
  readonly slowTo: number
}

/** Whether there is any budget. */
export function hasBudgets({ perUser, groups, homeservers, total }: BudgetPlan): boolean {
  return perUser !== undefined || total !== undefined || groups.length > 0 || homeservers.length > 0
}

/** Whether somebody's own use has to be known. */
export function needsUsers({ perUser, groups }: BudgetPlan): boolean {
  return perUser !== undefined || groups.length > 0
}
