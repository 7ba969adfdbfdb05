import { z } from 'zod'
import { ConfigFault } from './fault.ts'
import type { MessageKey } from './messages/messages.ts'
import { type DurationBounds, parseDuration } from './values/duration.ts'
import { parseRate } from './values/rate.ts'

/* The kinds of value that `turnserver.json` has. A message that zod is given here is a key of `messages.ts`. */

/** A text that means something: what `parse` makes of it, or its fault at the value. */
export function textField<T>(
  parse: (text: string) => T | ConfigFault,
  hints: { examples: string[]; pattern?: string },
  kind: MessageKey,
) {
  return z
    .string({ error: () => kind })
    .meta(hints)
    .transform((given, context): T => {
      const value = parse(given)
      if (!(value instanceof ConfigFault)) return value
      context.issues.push({ code: 'custom', input: given, params: value })
      return z.NEVER
    })
}

export const duration = (bounds: DurationBounds, examples: string[]) =>
  textField(given => parseDuration(given, bounds), { examples }, 'want-duration')

export const rate = () =>
  textField(parseRate, { examples: ['2 Mbit/s', '500 kbit/s', 'unlimited'] }, 'want-rate')

export const peers = <T>(parse: (text: string) => T | ConfigFault, examples: string[]) =>
  z.array(textField(parse, { examples }, 'want-text'))

export const count = (min: number, max: number) => z.int().min(min).max(max)

export const bound = (max: number) =>
  z.union([z.literal('unlimited'), count(1, max)], { error: () => 'want-bound' })

export const path = () => z.string().min(1)
