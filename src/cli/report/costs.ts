import { type ParseError, parse } from 'jsonc-parser'
import { z } from 'zod'
import { failed, type Result, succeeded } from '../../base/result.ts'
import { shapeFaults } from '../../texts/shape-faults.ts'
import type { CliKey, CliWords } from '../words.ts'

const MONTH = /^\d{4}-(?:0[1-9]|1[0-2])$/
const month = z.string().regex(MONTH, 'report.wantMonth' satisfies CliKey)
const money = z.number().min(0).max(1e9)
const name = z.string().min(1).max(200)

/** Each month, or once in one month. */
const item = z.union(
  [
    z.strictObject({ name, monthly: money, from: month.optional(), to: month.optional() }),
    z.strictObject({ name, once: money, month }),
  ],
  'report.wantItem' satisfies CliKey,
)

const electricity = z.strictObject({
  pricePerKwh: money,
  supplier: name.optional(),
  /** Read from a meter, by month. They take the place of the estimate. */
  kwh: z.record(month, z.number().min(0)).default({}),
  /** Of the machine without traffic, and for each Mbit/s that it relays. */
  watts: z.number().min(0).max(10_000).optional(),
  wattsPerMbit: z.number().min(0).max(100).default(0),
  /** The relay's share of the machine. */
  share: z.number().min(0).max(1).default(1),
})

const schema = z.strictObject({
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'report.wantCurrency' satisfies CliKey)
    .default('EUR'),
  costs: z.array(item).default([]),
  income: z.array(item).default([]),
  electricity: electricity.optional(),
  /** MoneyFigures that is there at the end of the reported time. */
  reserve: money.optional(),
})

export type Costs = z.output<typeof schema>
type CostItem = z.output<typeof item>

/** Costs and income as the file has them; or where it is wrong, and why. */
export function parseCosts(
  text: string,
  { language, say, knows }: CliWords,
): Result<Costs, readonly string[]> {
  const broken: ParseError[] = []
  const value: unknown = parse(text, broken, { disallowComments: true })
  const [first] = broken
  if (first) {
    const before = text.slice(0, first.offset).split('\n')
    return failed([say('report.notJson', { line: before.length, column: before.at(-1)!.length + 1 })])
  }
  const read = schema.safeParse(value, shapeFaults(language))
  if (read.success) return succeeded(read.data)
  return failed(
    read.error.issues.map(
      ({ path, message }) => `${placeOf(path)}${knows(message) ? say(message) : message}`,
    ),
  )
}

function placeOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return ''
  const text = path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}${text && '.'}${String(part)}`),
    '',
  )
  return `${text}: `
}

/** What an item comes to in these months. */
export function amountOf(item: CostItem, months: readonly string[]): number {
  if ('once' in item) return months.includes(item.month) ? item.once : 0
  const { from = '0000-01', to = '9999-12' } = item
  return item.monthly * months.filter(month => from <= month && month <= to).length
}
