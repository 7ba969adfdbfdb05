import type { Allocation, OpenAllocation } from '../allocation.ts'
import type { RelayState } from '../relay-state.ts'
import type { AllocationJournal } from './journal.ts'
import { recordOf } from './record.ts'

/** Tells the journal of a change by what `tell` says, or by the whole allocation. */
export function noteChange(
  state: RelayState,
  allocation: OpenAllocation,
  tell: (journal: AllocationJournal) => boolean = () => false,
): void {
  const { journal } = state
  if (!journal || allocation.state !== 'open' || tell(journal)) return
  journal.whole(recordOf(state, allocation))
}

/** The same where it is not known whether the allocation is open; others are not in the journal. */
export function noteWhole(state: RelayState, allocation: Allocation): void {
  if (allocation.state === 'open') noteChange(state, allocation)
}
