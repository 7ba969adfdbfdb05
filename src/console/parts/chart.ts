import type { ConsoleWords, TextKey } from '../words.ts'
import {
  type Frame,
  gridValues,
  linePath,
  type Moment,
  roundTop,
  stretches,
  thin,
  timeTicks,
} from './chart-lines.ts'
import { h, setAttribute, setChildren, setText, svg } from './dom.ts'

/** What a chart shows. */
export interface Drawing {
  readonly title: string
  readonly lines: readonly { readonly name: string; readonly style: number }[]
  readonly moments: readonly Moment[]
  /** Milliseconds that it spans, up to the newest moment, and those between two moments. */
  readonly span: number
  readonly step: number
  readonly spanName: TextKey
  write(value: number): string
}

const HOUR = 3_600_000
/** Beyond this span a day says more than a time of day. */
const LONG = 48 * HOUR
const HEIGHT = 200
const LEFT = 84
const RIGHT = 12
const TOP = 10
const BOTTOM = 26
/** The text for a screen reader changes no oftener than this, in milliseconds. */
const SUMMARY_EVERY = 10_000

/** A chart of lines over time, with a summary in words and a table for who cannot see it. */
export class Chart {
  readonly element: HTMLElement
  readonly #words: ConsoleWords
  readonly #picture: SVGSVGElement
  readonly #grid = svg('g', { class: 'grid' })
  readonly #lines = svg('g')
  readonly #cursor = svg('line', { class: 'cursor', y1: TOP, y2: HEIGHT - BOTTOM, visibility: 'hidden' })
  readonly #legend = h('p', { class: 'legend' })
  readonly #table = h('table')
  readonly #details: HTMLDetailsElement
  #drawing: Drawing | undefined
  #width = 0
  #pointed: number | undefined
  #summarised = Number.NEGATIVE_INFINITY
  #summaryOf = ''
  #gridMarkup = ''
  #tableMarkup = ''

  constructor(words: ConsoleWords) {
    this.#words = words
    this.#picture = svg(
      'svg',
      { role: 'img', class: 'chart', height: HEIGHT, tabindex: 0 },
      this.#grid,
      this.#lines,
      this.#cursor,
    )
    this.#details = h(
      'details',
      { ontoggle: () => this.#drawTable() },
      h('summary', {}, words.say('chart.table')),
      h(
        'div',
        { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': words.say('chart.table') },
        this.#table,
      ),
    )
    this.element = h('div', { class: 'chart-box' }, this.#legend, this.#picture, this.#details)
    this.#picture.addEventListener('pointermove', event => this.#point(event.offsetX))
    this.#picture.addEventListener('pointerleave', () => this.#point(undefined))
    this.#picture.addEventListener('blur', () => this.#point(undefined))
    this.#picture.addEventListener('keydown', event => this.#walk(event))
    new ResizeObserver(([entry]) => {
      this.#width = Math.round(entry?.contentRect.width ?? 0)
      this.#draw()
    }).observe(this.#picture)
  }

  show(drawing: Drawing): void {
    this.#drawing = drawing
    this.#draw()
    this.#drawTable()
  }

  #frame(drawing: Drawing): Frame {
    const { moments, span } = drawing
    const to = moments.at(-1)?.at ?? 0
    const highest = moments.reduce((most, { values }) => Math.max(most, ...values), 0)
    return {
      width: Math.max(1, this.#width - LEFT - RIGHT),
      height: HEIGHT - TOP - BOTTOM,
      from: to - span,
      to,
      top: roundTop(highest),
    }
  }

  #draw(): void {
    const drawing = this.#drawing
    if (!drawing || this.#width === 0) return
    const frame = this.#frame(drawing)
    setAttribute(this.#picture, 'viewBox', `0 0 ${this.#width} ${HEIGHT}`)
    this.#drawGrid(frame, drawing)
    const moments = thin(drawing.moments, Math.max(60, Math.floor(frame.width / 2)))
    const gap = 2.5 * Math.max(drawing.step, frame.width > 0 ? (drawing.span / frame.width) * 2 : 0)
    const paths = this.#lines.children
    while (paths.length < drawing.lines.length) this.#lines.append(svg('path'))
    while (paths.length > drawing.lines.length) this.#lines.lastElementChild?.remove()
    for (const [i, { style }] of drawing.lines.entries()) {
      const path = paths[i]!
      setAttribute(path, 'class', `line s${style}`)
      setAttribute(path, 'transform', `translate(${LEFT} ${TOP})`)
      setAttribute(path, 'd', linePath(moments, i, frame, gap))
    }
    this.#drawLegend(drawing, frame)
    this.#summarise(drawing)
  }

  #drawGrid(frame: Frame, drawing: Drawing): void {
    const children: SVGElement[] = []
    for (const value of gridValues(frame.top)) {
      const y = Math.round(TOP + frame.height - (value / frame.top) * frame.height) + 0.5
      children.push(svg('line', { x1: LEFT, x2: LEFT + frame.width, y1: y, y2: y }))
      children.push(svg('text', { x: LEFT - 8, y: y + 4, 'text-anchor': 'end' }, drawing.write(value)))
    }
    const wide = frame.width >= 420
    for (const at of timeTicks(frame, wide ? 6 : 3, new Date(frame.to).getTimezoneOffset() * 60_000)) {
      const x = Math.round(LEFT + ((at - frame.from) / drawing.span) * frame.width)
      if (x > this.#width - 18) continue
      children.push(svg('line', { x1: x, x2: x, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4 }))
      children.push(svg('text', { x, y: HEIGHT - 6, 'text-anchor': 'middle' }, this.#moment(drawing, at)))
    }
    // Often unchanged; then nothing is touched.
    const markup = children.map(child => child.outerHTML).join('')
    if (this.#gridMarkup === markup) return
    this.#gridMarkup = markup
    this.#grid.replaceChildren(...children)
  }

  /** The legend holds the values too: the newest, or those under the pointer. */
  #drawLegend(drawing: Drawing, frame: Frame): void {
    const moment =
      this.#pointed === undefined ? drawing.moments.at(-1) : nearest(drawing.moments, this.#pointed)
    const key = drawing.lines.map(({ name, style }) => `${name}${style}`).join()
    if (this.#legend.dataset.key !== key) {
      this.#legend.dataset.key = key
      this.#legend.replaceChildren(
        ...drawing.lines.map(({ name, style }) =>
          h('span', {}, h('i', { class: `swatch s${style}`, 'aria-hidden': 'true' }), `${name} `, h('b')),
        ),
        h('span', { class: 'when' }),
      )
    }
    for (const [i, value] of this.#legend.querySelectorAll('b').entries())
      setText(value, moment ? drawing.write(moment.values[i] ?? 0) : '–')
    const when = this.#legend.lastElementChild!
    setText(when, this.#pointed !== undefined && moment ? this.#exactly(drawing, moment.at) : '')
    const pointed = this.#pointed !== undefined && moment !== undefined
    setAttribute(this.#cursor, 'visibility', pointed ? 'visible' : 'hidden')
    if (!pointed) return
    const x = LEFT + ((moment.at - frame.from) / drawing.span) * frame.width
    setAttribute(this.#cursor, 'x1', x)
    setAttribute(this.#cursor, 'x2', x)
  }

  #summarise(drawing: Drawing): void {
    const now = drawing.moments.at(-1)?.at ?? 0
    if (this.#summaryOf === drawing.title && now - this.#summarised < SUMMARY_EVERY) return
    this.#summarised = now
    this.#summaryOf = drawing.title
    const { say } = this.#words
    const parts = drawing.lines.map(({ name }, i) => {
      let peak: Moment | undefined
      for (const moment of drawing.moments) if (!peak || moment.values[i]! > peak.values[i]!) peak = moment
      return say('chart.line', {
        name,
        now: drawing.write(drawing.moments.at(-1)?.values[i] ?? 0),
        most: drawing.write(peak?.values[i] ?? 0),
        when: peak ? this.#moment(drawing, peak.at) : '–',
      })
    })
    setAttribute(
      this.#picture,
      'aria-label',
      [`${drawing.title}, ${say(drawing.spanName)}.`, ...parts].join(' '),
    )
  }

  #drawTable(): void {
    const drawing = this.#drawing
    if (!drawing || !this.#details.open) return
    const { say } = this.#words
    const stretch = drawing.span > LONG ? 24 * HOUR : drawing.span > HOUR ? HOUR : 60_000
    const rows = stretches(drawing.moments, stretch)
    const head = h('tr', {}, h('th', { scope: 'col' }, say('chart.time')))
    for (const { name } of drawing.lines) head.append(h('th', { scope: 'col', class: 'number' }, name))
    const body = rows.toReversed().map(({ at, values }) => {
      const row = h('tr', {}, h('th', { scope: 'row' }, this.#moment(drawing, at)))
      for (const value of values) row.append(h('td', { class: 'number' }, drawing.write(value)))
      return row
    })
    const markup = [head, ...body].map(row => row.outerHTML).join('')
    if (this.#tableMarkup === markup) return
    this.#tableMarkup = markup
    setChildren(this.#table, [h('caption', {}, drawing.title), h('thead', {}, head), h('tbody', {}, ...body)])
  }

  /** A moment as the scale has it: a time of day, or a day where the chart spans many. */
  #moment({ span }: Drawing, at: number): string {
    const { format } = this.#words
    return span > LONG ? format.day(at) : format.minute(at)
  }

  #exactly({ span }: Drawing, at: number): string {
    const { format } = this.#words
    return span > LONG ? `${format.day(at)}, ${format.minute(at)}` : format.time(at)
  }

  #point(x: number | undefined): void {
    const drawing = this.#drawing
    if (!drawing) return
    const frame = this.#frame(drawing)
    this.#pointed = x === undefined ? undefined : frame.from + ((x - LEFT) / frame.width) * drawing.span
    this.#drawLegend(drawing, frame)
  }

  /** Arrow keys move the line that reads the values. */
  #walk(event: KeyboardEvent): void {
    const drawing = this.#drawing
    const way = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0
    if (event.key === 'Escape') this.#point(undefined)
    if (!drawing || way === 0) return
    event.preventDefault()
    const newest = drawing.moments.at(-1)?.at ?? 0
    const step = drawing.span / 60
    this.#pointed = Math.min(newest, Math.max(newest - drawing.span, (this.#pointed ?? newest) + way * step))
    this.#drawLegend(drawing, this.#frame(drawing))
  }
}

function nearest(moments: readonly Moment[], at: number): Moment | undefined {
  let best = moments.at(-1)
  for (const moment of moments) if (Math.abs(moment.at - at) < Math.abs(best!.at - at)) best = moment
  return best
}
