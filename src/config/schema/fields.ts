import { z } from 'zod'
import { formatRange, type Range } from '../../base/range.ts'
import { succeeded } from '../../base/result.ts'
import type { Seconds } from '../../base/time.ts'
import type { Parsed } from '../fault.ts'
import type { MessageKey } from '../messages/messages.ts'
import { type DurationBounds, formatDuration, parseDuration } from '../values/duration.ts'
import { formatRate, parseRate } from '../values/rate.ts'
import { formatSize, parseSize } from '../values/size.ts'

/*
 * The kinds of value that `turnserver.json` has. Each kind is a codec: it reads
 * the text of the file, and it writes the value as the file would have it. A
 * message that zod is given here is a key of the message catalogue.
 *
 * What zod's registry is told of a key, beside its `description` and `examples`:
 * see `KeyDescription` in `description.ts`.
 */

export const DAY = 86_400

/** How a secret stands in examples. No configuration that still holds it is valid. */
const PLACEHOLDER = 'replace-with-the-output-of-openssl-rand-hex-32'

interface TextOptions<T> {
  /** Writes the value as the file has it; without it, the value is a text already. */
  readonly format?: (value: T) => string
  readonly examples: string[]
  readonly pattern?: string
  /** What is said where something other than a text is given. */
  readonly expected?: MessageKey
}

/** A text that is read by `parse`, which returns the value or why it is not accepted. */
export function textField<T>(parse: (text: string) => Parsed<T>, options: TextOptions<NoInfer<T>>) {
  const { format = String, expected = 'want-text', ...hints } = options
  return z.codec(z.string({ error: () => expected }).meta(hints), z.custom<T>(), {
    decode: (given, context): T => {
      const parsed = parse(given)
      if (parsed.ok) return parsed.value
      context.issues.push({ code: 'custom', input: given, params: { ...parsed.error } })
      return z.NEVER
    },
    encode: value => format(value),
  })
}

export const duration = (bounds: DurationBounds, examples: string[]) =>
  textField<Seconds>(given => parseDuration(given, bounds), {
    format: formatDuration,
    examples,
    expected: 'want-duration',
  })

/** A duration, or `unlimited`, which is Infinity. */
export const durationOrUnlimited = (bounds: DurationBounds, examples: string[]) =>
  textField<Seconds>(
    given =>
      given === 'unlimited' ? succeeded(Number.POSITIVE_INFINITY as Seconds) : parseDuration(given, bounds),
    {
      format: seconds => (Number.isFinite(seconds) ? formatDuration(seconds) : 'unlimited'),
      examples,
      expected: 'want-duration',
    },
  )

/** Bytes a second; `unlimited` is Infinity. */
export const rate = (example: string) =>
  textField(parseRate, {
    format: formatRate,
    examples: [example, '500 kbit/s', 'unlimited'],
    expected: 'want-rate',
  })

/** Octets; `unlimited` is Infinity. */
export const size = (example: string) =>
  textField(parseSize, {
    format: formatSize,
    examples: [example, 'unlimited'],
    expected: 'want-size',
  })

export const ranges = (parse: (text: string) => Parsed<Range>, examples: string[]) =>
  z.array(textField(parse, { format: formatRange, examples }))

export const count = (min: number, max: number) => z.int().min(min).max(max)

/** A whole number, or `unlimited`, which is Infinity. */
export const bound = (max: number) =>
  z.codec(
    z.union([z.literal('unlimited'), count(1, max)], { error: () => 'want-bound' }),
    z.custom<number>(),
    {
      decode: given => (given === 'unlimited' ? Number.POSITIVE_INFINITY : given),
      encode: value => (Number.isFinite(value) ? value : 'unlimited'),
    },
  )

export const path = (example: string) =>
  z
    .string()
    .min(1)
    .meta({ examples: [example] })

/** A text that no error and no view may show. */
export const secretText = () => z.string().meta({ writeOnly: true, examples: [PLACEHOLDER] })
