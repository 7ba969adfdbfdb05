import { z } from 'zod'

/* What the page about one person's use is told: nothing of anybody else. */

const bytes = (text: string) => z.number().describe(text)
const token = z.string().max(2048).describe('What stands behind # in the link.')
/** Bytes a month that a limit is of at least and at most. */
const LEAST = 1e6
const MOST = 1e15

const cost = z.number().describe('Money, in the currency of `share`.')
const kwh = z.number().describe('Electricity, in kilowatt-hours; absent where it is not known.')

export const ownUsageAsked = z.strictObject({ token })
export const ownLimitAsked = z.strictObject({
  token,
  month: z
    .union([z.int().min(LEAST).max(MOST), z.null()])
    .describe('Bytes of payload a month, both directions together; null lifts the limit.'),
})

export const ownUsageShape = z.strictObject({
  user: z.string().describe('The name in the credential: whose page it is.'),
  expires: z.number().describe('When the link ends, in milliseconds since the epoch.'),
  read: z.number().describe('When the figures were read, in milliseconds since the epoch.'),
  month: z.number().describe('When the month begins, in seconds since the epoch (UTC).'),
  days: z
    .array(
      z.strictObject({
        start: z.number().describe('When the day begins, in seconds since the epoch (UTC).'),
        bytes: bytes('Payload of that day, both directions together.'),
      }),
    )
    .describe('The days of this month on which something was used.'),
  bytes: bytes('Payload of this month, both directions together.'),
  sessions: z.number().describe('Allocations that were opened this month.'),
  milliseconds: z.number().describe('How long they were held, added up.'),
  share: z
    .union([
      z.literal('few'),
      z.strictObject({
        until: z
          .number()
          .describe('The share is that of the days before this, in seconds since the epoch (UTC).'),
        currency: z.string().describe('As in ISO 4217.'),
        cost,
        kwh: kwh.exactOptional(),
        by: z
          .array(z.enum(['meter', 'estimate']))
          .describe(
            'Whether the electricity was read from a meter or estimated; empty where it is not known.',
          ),
        supplier: z.string().describe('Whose electricity it is.').exactOptional(),
      }),
    ])
    .describe(
      'Share of the costs of this month, if it ended there: what the person has used, by what everybody has used, rounded. `few`: too few people for that to be told. Absent without a file of costs.',
    )
    .exactOptional(),
  own: bytes('The limit that the person has set, in bytes a month.').exactOptional(),
  allowed: bytes('What the operator allows each user, in bytes a month.').exactOptional(),
  atEnd: z
    .enum(['slow', 'refuse', 'end'])
    .describe('What happens when either is used up, as `atEnd` in `budgets`.'),
  groups: z
    .array(
      z.strictObject({
        name: z.string().describe('Name of the group.'),
        bytes: bytes('What its members have used this month, to whole gigabytes.'),
        limit: bytes('What they may use together, in bytes a month.').exactOptional(),
        cost: cost.exactOptional(),
        kwh: kwh.exactOptional(),
      }),
    )
    .describe(
      'Groups of at least three that the person pays for. `cost` and `kwh` are their share, as in `share`.',
    ),
})
