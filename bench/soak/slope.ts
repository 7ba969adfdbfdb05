/** How fast something grows: units an hour, and the standard error of that. */
export interface Slope {
  readonly perHour: number
  readonly error: number
}

/** Fits a line through points (milliseconds, units) by least squares; `undefined` below three points. */
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
  let residuals = 0
  for (const [x, y] of points) residuals += (y - meanY - rise * (x - meanX)) ** 2
  const hour = 3_600_000
  return { perHour: rise * hour, error: Math.sqrt(residuals / (count - 2) / xx) * hour }
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
