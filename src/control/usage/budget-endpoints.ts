import { fault, okAnswer } from '../answer.ts'
import { type ApiEndpoint, note } from '../call.ts'
import { budgetsShape, budgetUsersShape } from './budget-shapes.ts'

/** Users of one answer. */
const MOST_USERS = 500

/** What is left of budgets, and who has little left. */
export const BUDGET_ENDPOINTS: readonly ApiEndpoint[] = [
  {
    method: 'GET',
    path: '/budgets',
    needs: 'read',
    summary: 'What was used of each budget; of single users, how many have little or nothing left.',
    answers: budgetsShape,
    answer: (_, { budgets }) => (budgets ? okAnswer(budgets.look()) : fault(404, 'noLedger')),
  },
  {
    method: 'GET',
    path: '/budgets/users',
    needs: 'read',
    act: 'usage',
    summary:
      'Who has little or nothing left of their own budget, by pseudonyms that hold for long; one line of the access log.',
    answers: budgetUsersShape,
    answer: ({ visitor }, desk) => {
      if (!desk.budgets) return fault(404, 'noLedger')
      if (!note(desk, visitor, 'usage', 'done', 'users near their limit')) return fault(503, 'notLogged')
      const users = desk.budgets.users()
      const share = ({ used, limit }: (typeof users)[number]) => used / limit
      const sorted = [...users].sort((a, b) => share(b) - share(a))
      return okAnswer({ users: sorted.slice(0, MOST_USERS), more: users.length > MOST_USERS })
    },
  },
]
