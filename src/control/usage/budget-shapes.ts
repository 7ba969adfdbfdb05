import { z } from 'zod'

/* What is left of budgets. */

const span = z.enum(['day', 'month']).describe('Whether it is for this day or this month (UTC).')
const used = z.number().describe('Payload bytes that were used of it, both directions together.')
const limit = z.number().describe('Payload bytes that it has.')
const count = (text: string) => z.number().describe(text)

export const budgetsShape = z.strictObject({
  budgets: z
    .array(
      z.strictObject({
        kind: z.enum(['everybody', 'homeserver', 'group']).describe('Whose budget it is.'),
        name: z.string().describe('Name of the homeserver or the group; "" for that of everybody.'),
        span,
        used,
        limit,
      }),
    )
    .describe('Budgets of more than one user, as they are set.'),
  users: z
    .strictObject({
      warned: count('Users who have used 80 % of their own budget, but not all.'),
      spent: count('Users who have used up their own budget.'),
      limited: count('Limits that users have set for themselves.'),
    })
    .describe('Users, as numbers.'),
})

export const budgetUsersShape = z.strictObject({
  users: z
    .array(
      z.strictObject({
        user: z
          .string()
          .describe('The pseudonym of the ledger, or the name where `ledger.identities` is "full".'),
        homeserver: z.string().describe('Name of the homeserver; "" for `users` of the configuration.'),
        level: z.enum(['warned', 'spent']).describe('Whether 80 % are used, or all of it.'),
        span,
        used,
        limit,
      }),
    )
    .describe('Users who have little or nothing left, those who have used most of theirs first.'),
  more: z.boolean().describe('Whether there are more than are told.'),
})
