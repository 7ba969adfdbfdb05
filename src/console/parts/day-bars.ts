import type { Format } from '../../texts/format.ts'
import { svg } from './dom.ts'

const [WIDTH, HEIGHT, FOOT, HEAD] = [620, 150, 22, 24]
const DAY = 86_400
const DAYS_BETWEEN_LABELS = 7

export interface DayBars {
  /** Start of the first day, in seconds since the epoch (UTC), and how many days there are. */
  readonly first: number
  readonly count: number
  readonly days: readonly { readonly start: number; readonly bytes: number }[]
  /** What the chart is for those who cannot see it. */
  readonly label: string
}

/** Use by day as bars; a table should say the same. */
export function dayBars({ first, count, days, label }: DayBars, format: Format): SVGElement {
  const most = Math.max(1, ...days.map(({ bytes }) => bytes))
  const step = WIDTH / count
  const bars = days.map(({ start, bytes }) => {
    const height = (bytes / most) * HEIGHT
    return svg(
      'rect',
      {
        x: ((start - first) / DAY) * step + step * 0.1,
        y: HEAD + HEIGHT - height,
        width: step * 0.8,
        height,
      },
      svg('title', {}, `${format.date(start * 1000)}: ${format.bytes(bytes)}`),
    )
  })
  const labels = Array.from({ length: count }, (_, i) => i).filter(i => i % DAYS_BETWEEN_LABELS === 0)
  const dayOf = (i: number) => String(new Date((first + i * DAY) * 1000).getUTCDate())
  return svg(
    'svg',
    { class: 'days', viewBox: `0 0 ${WIDTH} ${HEAD + HEIGHT + FOOT}`, role: 'img', 'aria-label': label },
    svg('text', { x: 0, y: 16 }, format.bytes(days.length === 0 ? 0 : most)),
    svg('line', { x1: 0, x2: WIDTH, y1: HEAD + HEIGHT, y2: HEAD + HEIGHT }),
    ...bars,
    ...labels.map(i => svg('text', { x: i * step, y: HEAD + HEIGHT + FOOT - 4 }, dayOf(i))),
  )
}
