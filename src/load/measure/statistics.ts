/** The middle of the numbers, or the mean of the two in the middle; `undefined` of none. */
export function median(numbers: readonly number[]): number | undefined {
  if (numbers.length === 0) return undefined
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The least and the greatest; `undefined` of none. */
export function range(numbers: readonly number[]): readonly [number, number] | undefined {
  return numbers.length === 0 ? undefined : [Math.min(...numbers), Math.max(...numbers)]
}

/** What lies in the middle when put in order; `undefined` of none. */
export function middleOf<T>(all: readonly T[], by: (one: T) => number): T | undefined {
  return [...all].sort((a, b) => by(a) - by(b))[all.length >> 1]
}
