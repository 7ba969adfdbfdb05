import { parseRange, type Range } from '../../src/base/range.ts'

/** A range that is written right. */
export function range(text: string): Range {
  const read = parseRange(text)
  if (!read.ok) throw new Error(`${text}: ${read.error}`)
  return read.value
}
