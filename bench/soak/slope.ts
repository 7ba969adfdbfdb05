const HOUR = 3_600_000

/** How fast something grows: units an hour, and the standard error of that. */
export interface Slope {
  readonly perHour: number
  readonly error: number
}

/**
 * Fits a line through points (milliseconds, units) by least squares;
 * `undefined` below three points.
 *
 * The error takes into account that neighbours resemble each other: a heap that
 * swings slowly has fewer independent points than it has points, by
 * (1 - r) / (1 + r) where r is the correlation of neighbouring residuals.
 */
export function slope(points: readonly (readonly [number, number])[]): Slope | undefined {
  const count = points.length
  if (count < 3) return undefined
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count
  let xx = 0
  let xy = 0
  for (const [x, y] of points) {
    xx += (x - meanX) ** 2
    xy += (x - meanX) * (y - meanY)
  }
  if (xx === 0) return undefined
  const rise = xy / xx
  const residuals = points.map(([x, y]) => y - meanY - rise * (x - meanX))
  const squares = residuals.reduce((sum, residual) => sum + residual ** 2, 0)
  const likeness = residuals.reduce((sum, residual, i) => sum + residual * (residuals[i - 1] ?? 0), 0)
  const r = squares === 0 ? 0 : Math.min(0.99, Math.max(0, likeness / squares))
  const error = Math.sqrt(squares / (count - 2) / xx) * Math.sqrt((1 + r) / (1 - r))
  return { perHour: rise * HOUR, error: error * HOUR }
}

/** The least of each stretch of `length` milliseconds: what a collector of garbage leaves, without what it has not yet taken. */
export function floors(points: readonly (readonly [number, number])[], length: number): [number, number][] {
  const least = new Map<number, number>()
  for (const [x, y] of points) {
    const stretch = Math.floor(x / length)
    least.set(stretch, Math.min(least.get(stretch) ?? Number.POSITIVE_INFINITY, y))
  }
  return [...least].map(([stretch, y]) => [(stretch + 0.5) * length, y])
}

/** The last `share` of the time that the points span. */
export function tail<T extends { readonly at: number }>(samples: readonly T[], share: number): T[] {
  const first = samples[0]?.at ?? 0
  const last = samples.at(-1)?.at ?? 0
  return samples.filter(({ at }) => at >= last - (last - first) * share)
}

/** The value that `share` of the numbers do not exceed. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
