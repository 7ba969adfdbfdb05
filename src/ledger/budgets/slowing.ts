import type { Slowed } from '../../core/buckets.ts'
import type { BudgetState } from './budget-states.ts'
import type { GroupMembers } from './group-members.ts'

/**
 * Who has which rate, in octets a second, because of a used-up budget.
 * `known`: homeservers of which something is known.
 */
export function slowedBy(
  states: Iterable<BudgetState>,
  members: GroupMembers,
  known: Iterable<string>,
  rate: number,
): Slowed {
  let all: number | undefined
  const tenants = new Map<string, { all?: number; users: Map<string, number> }>()
  const tenant = (name: string) => {
    const found = tenants.get(name) ?? { users: new Map<string, number>() }
    tenants.set(name, found)
    return found
  }
  for (const { of, level, atEnd } of states) {
    if (level !== 'spent' || atEnd !== 'slow') continue
    if (of.kind === 'everybody') all = rate
    if (of.kind === 'homeserver') tenant(of.name).all = rate
    if (of.kind === 'user') tenant(of.tenant).users.set(of.user, rate)
    if (of.kind !== 'group') continue
    for (const { tenant: name, user } of members.owners(of.name, known)) tenant(name).users.set(user, rate)
  }
  return { ...(all !== undefined && { all }), tenants }
}
