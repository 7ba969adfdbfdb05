import type { Language } from '../../texts/language.ts'
import { middleOf } from '../measure/statistics.ts'
import {
  type Axes,
  barChart,
  type ChartLine,
  escaped,
  evenTicks,
  lineChart,
  type Point,
  powerTicks,
} from './charts.ts'
import { formatFigure, formatMicros, formatRatio, formatShort } from './format.ts'
import { STYLE } from './html-style.ts'
import {
  type BenchReport,
  FIGURES,
  type FigureKey,
  type Measurement,
  middleSearch,
  ratio,
  type ServerReport,
  type Summary,
  summarise,
} from './report.ts'
import { energyNote, GROUPS } from './table.ts'
import { carriedText, foundText, type ReportWords, reportWords, scenarioText, warningText } from './words.ts'

/** A server with the colour it has in all charts. */
interface Series extends ServerReport {
  readonly number: number
}

/** Colours that there are; more servers begin again with the first. */
const COLOURS = 6

/**
 * Writes a report as one HTML page that needs nothing else: no script, no font,
 * nothing from the network. `servers` are its own and those it is compared with.
 */
export function html(report: BenchReport, servers: readonly ServerReport[], language: Language): string {
  const words = reportWords(language)
  const series = servers.map((server, i) => ({ ...server, number: i % COLOURS }))
  const sections = [
    header(report, language, words),
    cards(series, language, words),
    notes(report, words),
    latency(series, language, words),
    bars(
      series,
      ['serverCpu', 'halfServerCpu'],
      words.say('html.cpu'),
      words.say('html.cpuHelp'),
      language,
      words,
    ),
    search(series, language, words),
    bars(
      series,
      ['openCpuWarm', 'openCpu', 'openMemory'],
      words.say('html.opening'),
      words.say('html.openingHelp'),
      language,
      words,
    ),
    figures(series, language, words),
    footer(report, language, words),
  ]
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(`${words.say('title')}: ${servers.map(({ name }) => name).join(', ')}`)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${sections.filter(section => section !== '').join('\n')}
</main>
</body>
</html>
`
}

function header({ scenario, when, servers }: BenchReport, language: Language, words: ReportWords): string {
  const date = new Date(when).toLocaleString(language, {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  })
  const rounds = Math.max(...servers.map(server => server.rounds.length))
  return `<header><h1>${escaped(words.say('title'))}</h1><p>${escaped(scenarioText(scenario, words))}; ${escaped(words.count('rounds', rounds))}</p><p class="quiet">${escaped(date)} UTC</p></header>`
}

/** The figures most asked for, large. */
function cards(series: readonly Series[], language: Language, words: ReportWords): string {
  const chosen: readonly FigureKey[] = series.some(({ rounds }) =>
    rounds.some(round => round.search !== null),
  )
    ? ['calls', 'packetsPerSecond', 'serverCpu', 'halfP99', 'openMemory']
    : ['packetsPerSecond', 'megabitsPerSecond', 'serverCpu', 'p99', 'openMemory']
  const list = chosen.flatMap(key => {
    const shown = summaries(series, key)
    if (shown.length === 0) return []
    const where = key === 'halfP99' ? ` <small>${escaped(words.say('html.half'))}</small>` : ''
    const values = shown.map(
      ({ one, summary }) =>
        `<div class="big"><i class="dot s${one.number}"></i><b>${escaped(formatFigure(key, summary.median, language))}</b> <span>${escaped(one.name)}</span></div>`,
    )
    return [
      `<div class="card"><h2>${escaped(words.say(`figures.${key}`))}${where}</h2>${values.join('')}</div>`,
    ]
  })
  return `<section class="cards">${list.join('')}</section>`
}

function notes(report: BenchReport, words: ReportWords): string {
  const found = report.servers.flatMap(server => {
    const middle = middleSearch(server)
    const said = middle ? foundText(middle, report.scenario.profile, words) : carriedText(server, words)
    return said ? [`<p><b>${escaped(server.name)}:</b> ${escaped(said)}</p>`] : []
  })
  const items = report.warnings.map(warning => `<li>${escaped(warningText(warning, words))}</li>`)
  const said =
    items.length > 0
      ? `<ul>${items.join('')}</ul>`
      : `<p class="quiet">${escaped(words.say('html.none'))}</p>`
  return `<section class="note${items.length > 0 ? ' warn' : ''}"><h2>${escaped(words.say('html.warnings'))}</h2>${said}${found.join('')}</section>`
}

/** Latency by rarity: each nine more of the share is as wide as the one before. */
function latency(series: readonly Series[], language: Language, words: ReportWords): string {
  const charts = (['half', 'full'] as const).flatMap(load => {
    const lines = series.flatMap(one => {
      const run = middleRun(one, load)
      return run ? [curve(one, run, language)] : []
    })
    if (lines.length === 0) return []
    const all = lines.flatMap(line => line.points.map(point => point.y))
    const yTicks = powerTicks(Math.min(...all), Math.max(...all), value => formatMicros(value, language))
    const axes: Axes = {
      xLabel: words.say('html.share'),
      yLabel: '',
      xTicks: [0.5, 0.9, 0.99, 0.999, 0.9999].map(share => ({
        at: rarity(share),
        text: `${(share * 100).toLocaleString(language, { maximumFractionDigits: 2 })} %`,
      })),
      yTicks,
      x: [0, 4.2],
      y: [yTicks[0]!.at, yTicks.at(-1)!.at],
      isLogarithmic: true,
    }
    return [
      `<figure><figcaption>${escaped(words.say(`html.${load}`))}</figcaption>${lineChart(words.say(`html.${load}`), lines, axes)}</figure>`,
    ]
  })
  return section(
    words.say('html.latency'),
    words.say('html.latencyHelp'),
    `${legend(series)}<div class="pair">${charts.join('')}</div>`,
  )
}

function curve(one: Series, run: Measurement, language: Language): ChartLine {
  return {
    label: one.name,
    series: one.number,
    points: run.latencyCurve
      .filter(([share]) => share < 1)
      .map(([share, micros]) => ({
        x: rarity(share),
        y: Math.max(1, micros),
        title: `${(share * 100).toLocaleString(language, { maximumFractionDigits: 2 })} %: ${formatMicros(micros, language)}`,
      })),
  }
}

/** 0 for all packets, 1 for the slowest tenth, 2 for the slowest hundredth. */
function rarity(share: number): number {
  return -Math.log10(1 - share)
}

/** What was tried, against what arrived and what was lost. */
function search(series: readonly Series[], language: Language, words: ReportWords): string {
  const charts = (['delivered', 'lost'] as const).flatMap(what => {
    const lines = series.flatMap(one => trialsOf(one, what, language, words))
    if (lines.length === 0) return []
    const most = (pick: (point: Point) => number) => Math.max(...lines.flatMap(line => line.points.map(pick)))
    const xTicks = evenTicks(
      most(point => point.x),
      value => formatShort(value, language),
    )
    const yTicks = evenTicks(
      most(point => point.y),
      value => (what === 'lost' ? formatFigure('loss', value, language) : formatShort(value, language)),
    )
    const axes: Axes = {
      xLabel: `${words.say('html.offered')}: ${unitOf(series, words)}`,
      yLabel: '',
      xTicks,
      yTicks,
      x: [0, xTicks.at(-1)!.at],
      y: [0, yTicks.at(-1)!.at],
      isLogarithmic: false,
    }
    return [
      `<figure><figcaption>${escaped(words.say(`html.${what}`))}</figcaption>${lineChart(words.say(`html.${what}`), lines, axes)}</figure>`,
    ]
  })
  if (charts.length === 0) return ''
  const content = `${legend(series)}<div class="pair">${charts.join('')}</div>`
  return section(words.say('html.search'), words.say('html.searchHelp'), content)
}

function trialsOf(
  one: Series,
  what: 'delivered' | 'lost',
  language: Language,
  words: ReportWords,
): ChartLine[] {
  const middle = middleSearch(one)
  if (!middle) return []
  const points = [...middle.trials]
    .sort((a, b) => a.tried - b.tried)
    .map(trial => ({
      x: trial.tried,
      y: what === 'lost' ? trial.loss : trial.packetsPerSecond,
      isHollow: !trial.passed,
      title: `${trial.tried.toLocaleString(language)}: ${formatFigure('packetsPerSecond', trial.packetsPerSecond, language)}/s, ${formatFigure('loss', trial.loss, language)}, ${trial.passed ? words.say('html.passed') : words.say('html.failed')}`,
    }))
  return [{ label: one.name, series: one.number, points }]
}

function unitOf(series: readonly Series[], words: ReportWords): string {
  const isCounted = series.some(one => middleSearch(one)?.unit === 'allocations')
  return isCounted ? words.say('html.allocations') : words.say('figures.packetsPerSecond')
}

function bars(
  series: readonly Series[],
  keys: readonly FigureKey[],
  title: string,
  help: string,
  language: Language,
  words: ReportWords,
): string {
  const charts = keys.flatMap(key => {
    const shown = summaries(series, key).map(({ one, summary }) => ({
      label: one.name,
      value: summary.median,
      least: summary.least,
      most: summary.most,
      text: formatFigure(key, summary.median, language),
      series: one.number,
    }))
    if (shown.length === 0 || shown.every(bar => bar.value <= 0)) return []
    const half = key.startsWith('half')
      ? words.say('html.half')
      : keys.length > 1 && key === 'serverCpu'
        ? words.say('html.full')
        : undefined
    const caption = half ?? words.say(`figures.${key}`)
    // Bars are few enough to be read out.
    const figures = shown.map(bar => `${bar.label}: ${bar.text}`).join(', ')
    const chart = barChart(`${caption}. ${figures}`, shown)
    return [`<figure><figcaption>${escaped(caption)}</figcaption>${chart}</figure>`]
  })
  return charts.length === 0 ? '' : section(title, help, `<div class="pair">${charts.join('')}</div>`)
}

/** Everything in numbers: the medians, and what lies between least and most. */
function figures(series: readonly Series[], language: Language, words: ReportWords): string {
  const [first, second] = series
  const rows = GROUPS.flatMap(({ name, keys }) => {
    const shown = keys.flatMap(key => {
      const figure = FIGURES.find(one => one.key === key)!
      const cells = series.map(one => summarise(figure, one.rounds))
      if (cells.every(cell => cell === undefined) && key !== 'joules') return []
      const factor = first && second ? ratio(figure, first, second) : undefined
      const estimate = key === 'callsPerCore' ? ` <small>(${escaped(words.say('estimate'))})</small>` : ''
      const values = cells.map(
        cell => `<td>${cell ? value(key, cell, language) : escaped(words.say('unknown'))}</td>`,
      )
      const last = second ? `<td>${factor === undefined ? '' : formatRatio(factor, language)}</td>` : ''
      return [
        `<tr><th scope="row">${escaped(words.say(`figures.${key}`))}${estimate}</th>${values.join('')}${last}</tr>`,
      ]
    })
    const heading = `<tr class="group"><th colspan="${series.length + (second ? 2 : 1)}">${escaped(words.say(`groups.${name}`))}</th></tr>`
    return shown.length === 0 ? [] : [heading, ...shown]
  })
  const heads = series.map(
    one =>
      `<th scope="col"><i class="dot s${one.number}"></i>${escaped(one.name)}<small>${escaped(one.detail)}</small></th>`,
  )
  const last = second
    ? `<th scope="col">${escaped(words.say('ratio', { first: first!.name, second: second.name }))}</th>`
    : ''
  return section(
    words.say('html.all'),
    '',
    `<div class="scroll" role="region" aria-label="${escaped(words.say('html.all'))}" tabindex="0"><table><thead><tr><th>${escaped(words.say('html.figure'))}</th>${heads.join('')}${last}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`,
  )
}

function value(key: FigureKey, { median, least, most }: Summary, language: Language): string {
  const text = escaped(formatFigure(key, median, language))
  if (least === most) return text
  return `${text}<small>${escaped(`${formatFigure(key, least, language)} – ${formatFigure(key, most, language)}`)}</small>`
}

function footer(report: BenchReport, language: Language, words: ReportWords): string {
  const { machine, program, generator, scenario } = report
  const memory = `${(machine.memoryOctets / 2 ** 30).toLocaleString(language, { maximumFractionDigits: 1 })} GiB`
  const about = [machine.model, machine.processor, `${machine.cores} × CPU`, memory, machine.architecture]
    .filter(text => text !== null)
    .join(', ')
  const software = `Linux ${machine.kernel}, Node.js ${machine.node}${machine.governor ? `, ${machine.governor}` : ''}`
  const load = `${scenario.generators} × ${generator.udp}${scenario.offload ? ', offload' : ''}, SO_RCVBUF ${Math.round(generator.receiveBuffer / 1024)} KiB`
  const energy = energyNote(report, language)
    .filter(text => text !== '')
    .map(text => `<p>${escaped(text)}</p>`)
  return `<footer><p><b>${escaped(words.say('html.machine'))}:</b> ${escaped(about)}; ${escaped(software)}</p><p><b>${escaped(words.say('html.how'))}:</b> ${escaped(load)}</p>${energy.join('')}<p>${escaped(words.say('html.made'))} taciturn ${escaped(program)}</p></footer>`
}

function section(title: string, help: string, content: string): string {
  return `<section><h2>${escaped(title)}</h2>${help === '' ? '' : `<p class="quiet">${escaped(help)}</p>`}${content}</section>`
}

function legend(series: readonly Series[]): string {
  const items = series.map(one => `<span><i class="dot s${one.number}"></i>${escaped(one.name)}</span>`)
  return `<p class="legend">${items.join('')}</p>`
}

function summaries(series: readonly Series[], key: FigureKey): { one: Series; summary: Summary }[] {
  const figure = FIGURES.find(one => one.key === key)!
  return series.flatMap(one => {
    const summary = summarise(figure, one.rounds)
    return summary ? [{ one, summary }] : []
  })
}

/** The round in the middle stands for all of them. */
function middleRun({ rounds }: ServerReport, load: 'full' | 'half'): Measurement | undefined {
  const runs = rounds.map(round => round[load]).filter(run => run !== null)
  return middleOf(runs, run => run.latencyMicros.p99)
}
