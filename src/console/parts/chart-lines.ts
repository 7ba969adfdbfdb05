/** One moment of a chart; a value for each line. */
export interface Moment {
  readonly at: number
  readonly values: readonly number[]
}

export interface Frame {
  readonly width: number
  readonly height: number
  readonly from: number
  readonly to: number
  readonly top: number
}

/** The next round number at or above `value` whose third or quarter is round too; never 0. */
export function roundTop(value: number): number {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  for (const step of [1, 2, 3, 4, 6, 8, 10]) if (value <= step * power * 1.000001) return step * power
  return 10 * power
}

/** Values for the lines of a grid between 0 and `top`, both included: four or five, or whole numbers up to 2. */
export function gridValues(top: number): number[] {
  // Parts of one or two of anything would have the same label.
  if (top === 1 || top === 2) return [0, 1, 2].slice(0, top + 1)
  const lead = Math.round(top / 10 ** Math.floor(Math.log10(top) + 1e-9))
  const parts = lead === 3 || lead === 6 ? 3 : 4
  return Array.from({ length: parts + 1 }, (_, i) => (top * i) / parts)
}

const MINUTE = 60_000
const DAY = 1440
const TICKS = [
  ...[1, 2, 5, 10, 30, 60, 120, 240, 360, 480, 720],
  ...[1, 2, 5, 7, 14, 30, 61, 92, 183].map(days => days * DAY),
].map(minutes => minutes * MINUTE)

/** Round times of day inside the frame, at most `most`; `offset` is what local time is behind UTC, in milliseconds. */
export function timeTicks({ from, to }: Frame, most: number, offset: number): number[] {
  if (!(to > from)) return []
  const step = TICKS.find(tick => (to - from) / tick <= most) ?? TICKS.at(-1)!
  const ticks: number[] = []
  const first = Math.ceil((from - offset) / step) * step + offset
  for (let at = first; at <= to; at += step) ticks.push(at)
  return ticks
}

/** The SVG path of one line. It breaks where moments are missing for more than `gap` milliseconds. */
export function linePath(moments: readonly Moment[], line: number, frame: Frame, gap: number): string {
  let path = ''
  let before = Number.NEGATIVE_INFINITY
  for (const { at, values } of moments) {
    if (at < frame.from || at > frame.to) continue
    const x = round(((at - frame.from) / (frame.to - frame.from)) * frame.width)
    const y = round(frame.height - (Math.min(values[line] ?? 0, frame.top) / frame.top) * frame.height)
    path += `${at - before > gap ? 'M' : 'L'}${x} ${y}`
    before = at
  }
  return path
}

/** Fewer moments: at most `most`, each the average of its neighbours, so that a line is not finer than the screen. */
export function thin(moments: readonly Moment[], most: number): readonly Moment[] {
  const size = Math.ceil(moments.length / most)
  return size <= 1 ? moments : groups(moments, size)
}

/** Averages of the moments in each stretch of `length` milliseconds; `at` is the beginning of the stretch. */
export function stretches(moments: readonly Moment[], length: number): readonly Moment[] {
  const found = new Map<number, Moment[]>()
  for (const moment of moments) {
    const start = Math.floor(moment.at / length) * length
    const there = found.get(start)
    if (there) there.push(moment)
    else found.set(start, [moment])
  }
  return [...found].map(([at, members]) => ({ at, values: averages(members) }))
}

function groups(moments: readonly Moment[], size: number): Moment[] {
  const result: Moment[] = []
  // Counted from the newest, whose groups then keep their members when an old one leaves.
  for (let end = moments.length; end > 0; end -= size) {
    const members = moments.slice(Math.max(0, end - size), end)
    result.unshift({ at: members.at(-1)!.at, values: averages(members) })
  }
  return result
}

function averages(members: readonly Moment[]): number[] {
  return members[0]!.values.map(
    (_, i) => members.reduce((sum, { values }) => sum + values[i]!, 0) / members.length,
  )
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
