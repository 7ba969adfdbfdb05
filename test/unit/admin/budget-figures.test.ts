import t from 'tap'
import type { BudgetState } from '../../../src/ledger/budgets/budget-states.ts'
import type { Budgets } from '../../../src/ledger/budgets/budgets.ts'
import { budgetFigures, budgetsControlOf } from '../../../src/process/usage/budgeting.ts'

const ENOUGH = Number.POSITIVE_INFINITY
const atEnd = 'slow'
const states: readonly BudgetState[] = [
  {
    of: { kind: 'user', tenant: 'hs', user: 'alice' },
    level: 'spent',
    span: 'month',
    used: 3,
    limit: 2,
    atEnd,
  },
  { of: { kind: 'user', tenant: 'hs', user: '' }, level: 'warned', span: 'day', used: 8, limit: 10, atEnd },
  { of: { kind: 'group', name: 'family' }, level: 'spent', span: 'day', used: 7, limit: 5, atEnd },
]
const budgets = {
  *figures() {
    yield { of: { kind: 'everybody' }, budget: { day: ENOUGH, month: 9, atEnd }, used: { day: 1, month: 2 } }
    yield {
      of: { kind: 'group', name: 'family' },
      budget: { day: 5, month: ENOUGH, atEnd },
      used: { day: 7, month: 7 },
    }
  },
  states,
  ownLimits: 4,
} as unknown as Budgets

t.test('budgets are figures for metrics, and for an operator who may ask who has little left', async t => {
  const sums = [
    { kind: 'everybody', name: '', span: 'month', used: 2, limit: 9 },
    { kind: 'group', name: 'family', span: 'day', used: 7, limit: 5 },
  ]
  t.same(budgetFigures(budgets), { budgets: sums, usersSpent: 1, ownLimits: 4 })
  t.same(budgetFigures(undefined), { budgets: [], usersSpent: 0, ownLimits: 0 })
  t.equal(
    budgetsControlOf(undefined, () => []),
    undefined,
  )
  const control = budgetsControlOf(budgets, user => ['old', `<${user}>`])!
  t.same(control.look(), { budgets: sums, users: { warned: 1, spent: 1, limited: 4 } })
  t.same(control.users(), [
    { user: '<alice>', homeserver: 'hs', level: 'spent', span: 'month', used: 3, limit: 2 },
    { user: '', homeserver: 'hs', level: 'warned', span: 'day', used: 8, limit: 10 },
  ])
})
