import { z } from 'zod'
import { parseHomeserverName, parseUserName } from '../values/text.ts'
import { rate, size, textField } from './fields.ts'

/* Who may use how much: `budgets` of `turnserver.json`. */

const budget = (day: string, month: string) => ({
  day: size(day)
    .prefault('unlimited')
    .describe('Payload of one day, both directions together. Days are those of UTC.'),
  month: size(month)
    .prefault('unlimited')
    .describe('Payload of one month, both directions together. Months are those of UTC.'),
  atEnd: z
    .enum(['slow', 'refuse', 'end'])
    .default('slow')
    .describe(
      'What happens when it is used up: "slow" (calls go on at "slowTo", which carries a voice), "refuse" (calls go on, and no new ones begin), or "end" (calls end, and no new ones begin).',
    ),
})

export const budgetsSection = z
  .strictObject({
    perUser: z
      .strictObject(budget('2 GB', '20 GB'))
      .exactOptional()
      .describe('What each user may use. Credentials without a name count as one user.'),
    groups: z
      .array(
        z.strictObject({
          name: textField(parseHomeserverName, { examples: ['family'] }).describe(
            'What the group is called in logs, metrics and notifications.',
          ),
          users: z
            .array(textField(parseUserName, { examples: ['@alice:example.org', '@bob:example.org'] }))
            .min(1)
            .describe('Its members: the names in their credentials.'),
          homeserver: textField(parseHomeserverName, { examples: ['example.org'] })
            .exactOptional()
            .describe(
              'Members are users of this homeserver only. To be set where several homeservers do not trust each other: each could name users of the others.',
            ),
          payer: textField(parseUserName, { examples: ['@alice:example.org'] })
            .exactOptional()
            .describe(
              'Who pays for the group: the name in the credential. On the page about their own use, that person sees what a group of at least three has used together.',
            ),
          ...budget('10 GB', '100 GB'),
        }),
      )
      .prefault([])
      .describe('Users who share one budget: a family, an association.'),
    homeservers: z
      .array(
        z.strictObject({
          name: textField(parseHomeserverName, { examples: ['example.org'] }).describe(
            'The name of one of the "homeservers" above.',
          ),
          ...budget('50 GB', '1 TB'),
        }),
      )
      .prefault([])
      .describe('What all users of a homeserver may use together.'),
    total: z
      .strictObject(budget('200 GB', '5 TB'))
      .exactOptional()
      .describe('What everybody may use together.'),
    slowTo: rate('128 kbit/s')
      .prefault('128 kbit/s')
      .describe(
        'The bit rate, both directions together, that each user has whose budget is used up and ends with "slow". A voice in both directions needs about 100 kbit/s.',
      ),
  })
  .prefault({})
  .describe(
    'Who may use how much in a day and in a month. It is checked every few seconds, holds for live calls, and needs the "ledger", which knows what was used before the last start. Warnings come at 80 % and at 100 %. See docs/budgets.md.',
  )
