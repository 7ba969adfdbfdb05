import type { OwnUsage } from '../../control/view.ts'
import { h, svg } from '../parts/dom.ts'
import type { OwnWords } from './words.ts'

const [WIDTH, HEIGHT, FOOT, HEAD] = [620, 150, 22, 24]
const DAY = 86_400
const DAYS_BETWEEN_LABELS = 7

/** Use by day as bars; the table beside it says the same. */
export function dayChart({ month, days }: Pick<OwnUsage, 'month' | 'days'>, words: OwnWords): SVGElement {
  const { say, format } = words
  const begin = new Date(month * 1000)
  const count = new Date(Date.UTC(begin.getUTCFullYear(), begin.getUTCMonth() + 1, 0)).getUTCDate()
  const most = Math.max(1, ...days.map(({ bytes }) => bytes))
  const step = WIDTH / count
  const bars = days.map(({ start, bytes }) => {
    const height = (bytes / most) * HEIGHT
    return svg(
      'rect',
      {
        x: ((start - month) / DAY) * step + step * 0.1,
        y: HEAD + HEIGHT - height,
        width: step * 0.8,
        height,
      },
      svg('title', {}, `${format.date(start * 1000)}: ${format.bytes(bytes)}`),
    )
  })
  const labels = Array.from({ length: count }, (_, i) => i).filter(i => i % DAYS_BETWEEN_LABELS === 0)
  return svg(
    'svg',
    {
      class: 'days',
      viewBox: `0 0 ${WIDTH} ${HEAD + HEIGHT + FOOT}`,
      role: 'img',
      'aria-label': say('days.chart'),
    },
    svg('text', { x: 0, y: 16 }, format.bytes(days.length === 0 ? 0 : most)),
    svg('line', { x1: 0, x2: WIDTH, y1: HEAD + HEIGHT, y2: HEAD + HEIGHT }),
    ...bars,
    ...labels.map(i => svg('text', { x: i * step, y: HEAD + HEIGHT + FOOT - 4 }, String(i + 1))),
  )
}

export function dayTable({ days }: Pick<OwnUsage, 'days'>, { say, format }: OwnWords): HTMLElement {
  return h(
    'table',
    { class: 'own-days' },
    h(
      'thead',
      {},
      h('tr', {}, h('th', { scope: 'col' }, say('days.day')), h('th', { scope: 'col' }, say('used'))),
    ),
    h(
      'tbody',
      {},
      ...days.map(({ start, bytes }) =>
        h('tr', {}, h('th', { scope: 'row' }, format.date(start * 1000)), h('td', {}, format.bytes(bytes))),
      ),
    ),
  )
}
