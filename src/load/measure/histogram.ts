/** Buckets within a power of two: neighbours differ by 1.6 % at most. */
const STEPS = 64
const SHIFT = 6
/** Up to 2^32 µs, more than an hour. */
const BUCKETS = (32 - SHIFT + 1) * STEPS

/**
 * Counts whole numbers, such as microseconds, in buckets whose width grows with
 * the number, so that p99.9 is as exact as the median and memory is constant.
 */
export class Histogram {
  readonly counts: Float64Array
  #total: number
  #max: number

  /** Give the `counts` of another histogram to go on with them. */
  constructor(counts: Float64Array = new Float64Array(BUCKETS), max = 0) {
    if (counts.length !== BUCKETS) throw new RangeError(`a histogram has ${BUCKETS} buckets`)
    this.counts = counts
    this.#total = counts.reduce((sum, count) => sum + count, 0)
    this.#max = max
  }

  get total(): number {
    return this.#total
  }

  /** The largest number that was recorded, exactly. */
  get max(): number {
    return this.#max
  }

  /** Records a whole number from 0 to 2^32 - 1. */
  record(value: number): void {
    const bucket = bucketOf(value)
    this.counts[bucket] = this.counts[bucket]! + 1
    this.#total++
    if (value > this.#max) this.#max = value
  }

  add(other: Histogram): void {
    for (let i = 0; i < BUCKETS; i++) this.counts[i] = this.counts[i]! + other.counts[i]!
    this.#total += other.total
    this.#max = Math.max(this.#max, other.max)
  }

  /** The number that a share of all, from 0 to 1, does not exceed; 0 when nothing was recorded. */
  quantile(share: number): number {
    const wanted = Math.max(1, Math.ceil(share * this.#total))
    let seen = 0
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.counts[i]!
      if (seen >= wanted) return Math.min(upperEnd(i), this.#max)
    }
    return 0
  }
}

function bucketOf(value: number): number {
  if (value < 2 * STEPS) return value
  const octave = 31 - Math.clz32(value) - SHIFT
  return octave * STEPS + (value >>> octave)
}

/** The largest number that falls into a bucket. */
function upperEnd(bucket: number): number {
  if (bucket < 2 * STEPS) return bucket
  const octave = Math.floor(bucket / STEPS) - 1
  return (bucket - octave * STEPS + 1) * 2 ** octave - 1
}
