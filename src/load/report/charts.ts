/*
 * Charts as SVG. Colours are CSS variables of the page, so that a chart is at
 * home on light and on dark; `series` is the number of such a colour.
 */

export interface Bar {
  readonly label: string
  readonly value: number
  /** Least and most of the rounds. */
  readonly least: number
  readonly most: number
  readonly text: string
  readonly series: number
}

export interface ChartLine {
  readonly label: string
  readonly series: number
  readonly points: readonly Point[]
}

export interface Point {
  readonly x: number
  readonly y: number
  /** Hollow where it did not pass. */
  readonly isHollow?: boolean
  /** What a pointer that rests on it is told. */
  readonly title: string
}

export interface Axes {
  readonly xLabel: string
  readonly yLabel: string
  readonly xTicks: readonly Tick[]
  readonly yTicks: readonly Tick[]
  /** Ends of both axes, in the units of the points. */
  readonly x: readonly [number, number]
  readonly y: readonly [number, number]
  readonly isLogarithmic: boolean
}

export interface Tick {
  readonly at: number
  readonly text: string
}

const WIDTH = 480
const HEIGHT = 260
const MARGIN = { left: 62, right: 14, top: 10, bottom: 42 }
const BAR_HEIGHT = 22
const BAR_STEP = 38
/** Room for names and values, by the letter. */
const LETTER = 7.2
const LONGEST_LABEL = 22
const VALUE = 84

/** Draws horizontal bars from nought, with a whisker from the least to the most. */
export function barChart(name: string, bars: readonly Bar[]): string {
  const longest = Math.max(...bars.map(bar => bar.most), Number.MIN_VALUE)
  const letters = Math.max(...bars.map(bar => shorten(bar.label).length))
  const left = Math.round(letters * LETTER) + 14
  const scale = (value: number) => (value / longest) * (WIDTH - left - VALUE)
  const rows = bars.map((bar, i) => {
    const y = i * BAR_STEP + 8
    const middle = y + BAR_HEIGHT / 2
    const whisker =
      bar.most > bar.least
        ? `<path class="whisker" d="M${at(left + scale(bar.least))} ${middle}H${at(left + scale(bar.most))}m0 -5v10M${at(left + scale(bar.least))} ${middle - 5}v10"/>`
        : ''
    return `<text class="name" x="${left - 10}" y="${middle + 4}" text-anchor="end">${escaped(shorten(bar.label))}<title>${escaped(bar.label)}</title></text><rect class="s${bar.series}" x="${left}" y="${y}" width="${at(Math.max(1, scale(bar.value)))}" height="${BAR_HEIGHT}" rx="3"/>${whisker}<text class="value" x="${at(left + scale(bar.most) + 8)}" y="${middle + 4}">${escaped(bar.text)}</text>`
  })
  return svg(name, bars.length * BAR_STEP + 4, rows.join(''))
}

/** Draws lines with a mark at each point. */
export function lineChart(name: string, lines: readonly ChartLine[], axes: Axes): string {
  const across = WIDTH - MARGIN.left - MARGIN.right
  const up = HEIGHT - MARGIN.top - MARGIN.bottom
  const x = (value: number) => MARGIN.left + ((value - axes.x[0]) / (axes.x[1] - axes.x[0])) * across
  const lift = (value: number) => (axes.isLogarithmic ? Math.log10(value) : value)
  const [low, high] = [lift(axes.y[0]), lift(axes.y[1])]
  const y = (value: number) => MARGIN.top + (1 - (lift(Math.max(value, axes.y[0])) - low) / (high - low)) * up
  const grid = [
    ...axes.yTicks.map(
      tick =>
        `<path class="grid" d="M${MARGIN.left} ${at(y(tick.at))}h${across}"/><text class="tick" x="${MARGIN.left - 8}" y="${at(y(tick.at) + 4)}" text-anchor="end">${escaped(tick.text)}</text>`,
    ),
    ...axes.xTicks.map(
      tick =>
        `<path class="grid" d="M${at(x(tick.at))} ${MARGIN.top}v${up}"/><text class="tick" x="${at(x(tick.at))}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">${escaped(tick.text)}</text>`,
    ),
    `<text class="axis" x="${MARGIN.left + across / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escaped(axes.xLabel)}</text>`,
    ...(axes.yLabel === ''
      ? []
      : [`<text class="axis" x="${MARGIN.left + 6}" y="${MARGIN.top + 12}">${escaped(axes.yLabel)}</text>`]),
  ]
  const drawn = lines.map(({ label, series, points }) => {
    const path = points
      .map((point, i) => `${i === 0 ? 'M' : 'L'}${at(x(point.x))} ${at(y(point.y))}`)
      .join('')
    const marks = points.map(
      point =>
        `<circle class="s${series}${point.isHollow ? ' hollow' : ''}" cx="${at(x(point.x))}" cy="${at(y(point.y))}" r="4"><title>${escaped(`${label}: ${point.title}`)}</title></circle>`,
    )
    return `<path class="line s${series}" d="${path}"/>${marks.join('')}`
  })
  return svg(name, HEIGHT, grid.join('') + drawn.join(''))
}

/** Even steps of 1, 2 or 5 times a power of ten, from 0 to at least `most`. */
export function evenTicks(most: number, write: (value: number) => string): Tick[] {
  const rough = Math.max(most, 1e-9) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map(times => times * power).find(size => size >= rough)!
  const count = Math.ceil(most / step - 1e-9)
  return Array.from({ length: Math.max(1, count) + 1 }, (_, i) => ({ at: i * step, text: write(i * step) }))
}

/** The powers of ten from at most `least` to at least `most`. */
export function powerTicks(least: number, most: number, write: (value: number) => string): Tick[] {
  const from = Math.floor(Math.log10(Math.max(least, 1)))
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(most, 1)) - 1e-9))
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    at: 10 ** (from + i),
    text: write(10 ** (from + i)),
  }))
}

/** Makes a text safe between tags and in attributes. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

/** `name` is read out in place of the drawing. */
function svg(name: string, height: number, content: string): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(name)}">${content}</svg>`
}

function shorten(label: string): string {
  return label.length > LONGEST_LABEL ? `${label.slice(0, LONGEST_LABEL - 1)}…` : label
}

function at(value: number): string {
  return (Math.round(value * 10) / 10).toString()
}
