import type { Language } from '../../texts/language.ts'
import { formatFigure, formatRatio } from './format.ts'
import {
  type BenchReport,
  FIGURES,
  type Figure,
  type FigureKey,
  middleSearch,
  ratio,
  type ServerReport,
  summarise,
} from './report.ts'
import { carriedText, foundText, reportWords, scenarioText, warningText } from './words.ts'

/** How a table is coloured; texts stay as they are where there are no colours. */
export type TablePaint = (style: 'bold' | 'dim' | 'green' | 'red' | 'yellow', text: string) => string

/** Figures by what they are about, in the order of the table. */
export const GROUPS: readonly {
  readonly name: 'carried' | 'full' | 'half' | 'opening'
  readonly keys: readonly FigureKey[]
}[] = [
  { name: 'carried', keys: ['calls', 'packetsPerSecond', 'megabitsPerSecond', 'callsPerCore'] },
  {
    name: 'full',
    keys: ['loss', 'reordered', 'errors', 'serverCpu', 'p50', 'p90', 'p99', 'p999', 'joules'],
  },
  { name: 'half', keys: ['halfServerCpu', 'halfP50', 'halfP99', 'halfP999'] },
  { name: 'opening', keys: ['opensPerSecond', 'openCpuWarm', 'openCpu', 'openMemory'] },
]

/** A difference smaller than this is noise, and not coloured. */
const NOTEWORTHY = 1.05

/** Writes a report for a terminal. Servers of other reports may stand beside its own. */
export function table(
  report: BenchReport,
  servers: readonly ServerReport[],
  language: Language,
  paint: TablePaint,
): string {
  const words = reportWords(language)
  const { machine, scenario } = report
  const [first, second] = servers
  const rows: string[][] = []
  const isHeading = new Set<number>()
  for (const { name, keys } of GROUPS) {
    const figures = FIGURES.filter(figure => keys.includes(figure.key)).sort(
      (a, b) => keys.indexOf(a.key) - keys.indexOf(b.key),
    )
    const shown = figures
      .map(figure => row(figure, servers, language, paint))
      .filter(cells => cells !== undefined)
    if (shown.length === 0) continue
    isHeading.add(rows.length)
    rows.push([words.say(`groups.${name}`), ...servers.map(() => ''), ''], ...shown)
  }
  const heads = [
    '',
    ...servers.map(({ name }) => name),
    second ? words.say('ratio', { first: first!.name, second: second.name }) : '',
  ]
  const widths = heads.map((head, i) => Math.max(...[head, ...rows.map(cells => cells[i]!)].map(width)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) =>
        i === 0 ? cell + ' '.repeat(widths[0]! - width(cell)) : ' '.repeat(widths[i]! - width(cell)) + cell,
      )
      .join('   ')
      .trimEnd()
  const about = [
    `${scenarioText(scenario, words)}; ${words.count('rounds', Math.max(...servers.map(({ rounds }) => rounds.length)))}`,
    `${[machine.model, machine.processor].filter(text => text !== null).join(', ')}, ${machine.cores} × CPU, Linux ${machine.kernel}, Node.js ${machine.node}`,
    ...servers.filter(({ detail }) => detail !== '').map(({ name, detail }) => `${name} ${detail}`),
  ]
  const found = servers.flatMap(server => {
    const middle = middleSearch(server)
    const said = middle ? foundText(middle, scenario.profile, words) : carriedText(server, words)
    return said === undefined ? [] : [`${paint('bold', `${server.name}:`)} ${said}`]
  })
  return [
    paint('bold', words.say('title')),
    ...about.map(text => paint('dim', text)),
    '',
    paint('bold', line(heads)),
    ...rows.map((cells, i) => (isHeading.has(i) ? paint('dim', line(cells)) : line(cells))),
    ...(found.length > 0 ? ['', ...found] : []),
    ...energyNote(report, language),
    ...(report.warnings.length > 0
      ? ['', ...report.warnings.map(one => `${paint('yellow', '!')} ${warningText(one, words)}`)]
      : []),
    '',
  ].join('\n')
}

function row(
  figure: Figure,
  servers: readonly ServerReport[],
  language: Language,
  paint: TablePaint,
): string[] | undefined {
  const words = reportWords(language)
  const summaries = servers.map(({ rounds }) => summarise(figure, rounds))
  if (summaries.every(summary => summary === undefined) && figure.key !== 'joules') return undefined
  const label =
    words.say(`figures.${figure.key}`) + (figure.key === 'callsPerCore' ? ` (${words.say('estimate')})` : '')
  const cells = summaries.map(summary => {
    if (!summary) return words.say('unknown')
    return formatFigure(figure.key, summary.median, language)
  })
  const [first, second] = servers
  const factor = first && second ? ratio(figure, first, second) : undefined
  if (factor === undefined) return [`  ${label}`, ...cells, '']
  const isBetter = figure.better === 'more' ? factor > NOTEWORTHY : factor < 1 / NOTEWORTHY
  const isWorse = figure.better === 'more' ? factor < 1 / NOTEWORTHY : factor > NOTEWORTHY
  const text = formatRatio(factor, language)
  return [`  ${label}`, ...cells, isBetter ? paint('green', text) : isWorse ? paint('red', text) : text]
}

/** Says where the energy comes from, or why there is none to show. */
export function energyNote({ servers }: BenchReport, language: Language): string[] {
  const words = reportWords(language)
  const energy = servers[0]?.rounds[0]?.full.energy
  if (!energy) return []
  const why =
    energy.kind === 'measured'
      ? words.say(`energyMeasured.${energy.source}`)
      : words.say(`energyUnknown.${energy.why}`)
  return ['', `${words.say('figures.joules')}: ${why}`]
}

/** Columns that a text takes up; colours take none. */
function width(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how colours begin
  return [...text.replace(/\u001b\[[\d;]*m/g, '')].length
}
