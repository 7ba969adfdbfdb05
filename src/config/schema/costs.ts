import { z } from 'zod'

/* What the relay costs, what comes in, and its electricity: the file that `ledger.costs` names. docs/report.md. */

const MONTH = /^\d{4}-(?:0[1-9]|1[0-2])$/
const amount = (max: number) =>
  z
    .number({ error: () => 'want-amount' })
    .min(0)
    .max(max)
const month = z.string().regex(MONTH, 'want-month')
const money = amount(1e9)
const name = z.string().min(1).max(200)

/** Each month, or once in one month. */
const item = z.union([
  z.strictObject({ name, monthly: money, from: month.optional(), to: month.optional() }),
  z.strictObject({ name, once: money, month }),
])

const electricity = z.strictObject({
  pricePerKwh: money,
  supplier: name.optional(),
  /** Read from a meter, by month. They take the place of the estimate. */
  kwh: z.record(month, amount(1e9)).default({}),
  /** Of the machine without traffic, and for each Mbit/s that it relays. */
  watts: amount(10_000).optional(),
  wattsPerMbit: amount(100).default(0),
  /** The relay's share of the machine. */
  share: amount(1).default(1),
})

export const costsSchema = z.strictObject({
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'want-currency')
    .default('EUR'),
  costs: z.array(item).default([]),
  income: z.array(item).default([]),
  electricity: electricity.optional(),
  /** Money in hand. */
  reserve: money.optional(),
})

export type Costs = z.output<typeof costsSchema>
export type CostItem = z.output<typeof item>
export type Electricity = z.output<typeof electricity>
