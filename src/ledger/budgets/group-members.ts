import type { Owner } from '../../core/event.ts'
import type { GroupBudget } from './budget-plan.ts'
import { type BudgetSums, sum, type Used } from './budget-sums.ts'

/** Who is in which group, so that neither a look at all groups nor one at a user goes through their lists. */
export class GroupMembers {
  readonly #groups: readonly GroupBudget[]
  readonly #byUser = new Map<string, GroupBudget[]>()
  /** Use of the members of each group, as `BudgetSums` has it. */
  #uses = new Map<GroupBudget, readonly Used[]>()

  constructor(groups: readonly GroupBudget[]) {
    this.#groups = groups
    for (const group of groups) {
      for (const user of new Set(group.users)) {
        const found = this.#byUser.get(user)
        if (found) found.push(group)
        else this.#byUser.set(user, [group])
      }
    }
  }

  /** The groups that a user is in. */
  of({ tenant, user }: Owner): readonly GroupBudget[] {
    const groups = this.#byUser.get(user) ?? NONE
    return groups.filter(({ homeserver }) => homeserver === undefined || homeserver === tenant)
  }

  /** What all members of a group have used. */
  used(group: GroupBudget, sums: BudgetSums): Used {
    const known = this.#uses.get(group)
    if (known) return sum(known)
    const uses = this.owners(group.name, sums.tenants).map(owner => sums.named(owner))
    this.#uses.set(group, uses)
    return sum(uses)
  }

  /** Forgets whose use is whose: there is another homeserver, or `BudgetSums` has begun anew. */
  refresh(): void {
    this.#uses = new Map()
  }

  /** Members of a group. A user of no homeserver that is named may be one of any. */
  owners(name: string, tenants: Iterable<string>): Owner[] {
    const group = this.#groups.find(one => one.name === name)
    if (!group) return []
    const { users, homeserver } = group
    return (homeserver === undefined ? [...tenants] : [homeserver]).flatMap(tenant =>
      users.map(user => ({ tenant, user })),
    )
  }
}

const NONE: readonly GroupBudget[] = []
