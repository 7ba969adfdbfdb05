import type { ReportFigures } from './figures.ts'
import type { MoneyFigures } from './money.ts'
import type { UsageReportWords } from './words.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: #1a1a1a; --faint: #595959; --line: #d0d0d0; --bar: #2a6f97; --paper: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --faint: #aaa; --line: #444; --bar: #61a5c2; --paper: #161616 } }
@media print { :root { --ink: #000; --faint: #444; --line: #bbb; --bar: #555; --paper: #fff } main { max-width: none } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem }
h1 { margin: 0 0 .25rem; font-size: 1.6rem } h2 { margin: 2rem 0 .5rem; font-size: 1.15rem; break-after: avoid }
p { margin: .25rem 0 } .faint { color: var(--faint); font-size: .875rem }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; margin: 1rem 0 }
dt { color: var(--faint); font-size: .875rem } dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums }
table { width: 100%; border-collapse: collapse; break-inside: avoid }
th, td { padding: .35rem .5rem; border-bottom: 1px solid var(--line); text-align: right; font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left; padding-left: 0; overflow-wrap: anywhere }
thead th { color: var(--faint); font-size: .875rem; font-weight: 400 } tbody th { font-weight: 400 }
svg { width: 100%; height: auto; break-inside: avoid } rect { fill: var(--bar) } text { fill: var(--faint); font-size: 10px }
`

/** A report as one page that needs nothing else: no script, no font, no address. */
export function reportPage(figures: ReportFigures, isPublic: boolean, words: UsageReportWords): string {
  const { say, format } = words
  const { total, homeservers, money, span } = figures
  const title = say('title', { span })
  const amount = (value: number, none: string) => (value > 0 ? format.bytes(value) : none)
  const few = say('few')
  const count = (value: number) => (isPublic && value === 0 ? few : format.integer(value))
  const parts = [
    `<h1>${escaped(title)}</h1>`,
    `<p class="faint">${escaped(say(isPublic ? 'isPublic' : 'isInternal'))}</p>`,
    list([
      [say('octets'), amount(total.octets, isPublic ? few : format.bytes(0))],
      [say('people'), isPublic ? atLeast(total.people, words) : format.integer(total.people)],
      [say('calls'), count(total.calls)],
      [say('hours'), count(total.hours)],
    ]),
    chart(figures, words),
    homeservers.length > 0 &&
      `<h2>${escaped(say('homeservers'))}</h2>${table(
        [say('name'), say('octets'), say('people'), say('hours')],
        homeservers.map(({ name, octets, people, hours }) => [
          name === '' ? say('noHomeserver') : name,
          format.bytes(octets),
          isPublic ? atLeast(people, words) : format.integer(people),
          count(hours),
        ]),
      )}`,
    money && moneyPart(money, words),
    `<h2>${escaped(say('aboutTitle'))}</h2><p>${escaped(say('about'))}</p>`,
    isPublic && `<p>${escaped(say('aboutPublic'))}</p>`,
  ]
  return `<!doctype html>
<html lang="${format.language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
<main>
${parts.filter(part => part).join('\n')}
</main>
</html>
`
}

function moneyPart(money: MoneyFigures, words: UsageReportWords): string {
  const { say, format } = words
  const price = (value: number) => `${format.decimal(value, 2)}\u00a0${money.currency}`
  const { energy, perGb, perPerson, reserve, monthsFunded, costs, income, spent, received } = money
  const facts: [string, string][] = [
    [say('spent'), price(spent)],
    [say('received'), price(received)],
  ]
  if (perGb !== undefined) facts.push([say('perGb'), price(perGb)])
  if (perPerson !== undefined) facts.push([say('perPerson'), price(perPerson)])
  if (reserve !== undefined) facts.push([say('reserve'), price(reserve)])
  if (monthsFunded !== undefined) facts.push([say('monthsFunded'), format.integer(monthsFunded)])
  const items = (title: string, all: typeof costs) =>
    all.length === 0
      ? ''
      : table(
          [title, money.currency],
          all.map(({ name, amount }) => [name, price(amount)]),
        )
  const outgoing = energy ? [...costs, { name: say('electricity'), amount: energy.cost }] : costs
  const how = energy?.by.map(by => say(`energyBy.${by}`)).join(', ')
  return [
    `<h2>${escaped(say('money'))}</h2>`,
    list(facts),
    items(say('spent'), outgoing),
    items(say('received'), income),
    energy &&
      `<h2>${escaped(say('energy'))}</h2><p>${escaped(
        say('kwh', { kwh: format.decimal(energy.kwh, 1), how: how ?? '' }),
      )}</p>`,
    energy?.supplier !== undefined && `<p>${escaped(say('supplier', { supplier: energy.supplier }))}</p>`,
  ]
    .filter(part => part)
    .join('\n')
}

/** A bar for each day. */
function chart({ days }: ReportFigures, words: UsageReportWords): string | undefined {
  const most = Math.max(0, ...days.map(({ octets }) => octets))
  if (days.length < 2 || most === 0) return undefined
  const { format, say } = words
  const width = 600 / days.length
  const bars = days.map(({ day, octets }, i) => {
    const height = (octets / most) * 100
    const label = `${format.date(Date.parse(day))}: ${format.bytes(octets)}`
    return `<rect x="${(i * width).toFixed(1)}" y="${(110 - height).toFixed(1)}" width="${(width * 0.8).toFixed(1)}" height="${height.toFixed(1)}"><title>${escaped(label)}</title></rect>`
  })
  const ends = [days[0]!.day, days.at(-1)!.day].map(day => escaped(format.day(Date.parse(day))))
  const about = say('chart', { most: format.bytes(most) })
  return `<h2>${escaped(say('byDay'))}</h2><svg viewBox="0 0 600 125" role="img" aria-label="${escaped(about)}">${bars.join('')}<text x="0" y="123">${ends[0]}</text><text x="600" y="123" text-anchor="end">${ends[1]}</text></svg><p class="faint">${escaped(about)}</p>`
}

function atLeast(people: number, { say, format }: UsageReportWords): string {
  return people === 0 ? say('few') : say('atLeast', { people: format.integer(people) })
}

function list(facts: readonly (readonly [string, string])[]): string {
  const rows = facts.map(([name, value]) => `<div><dt>${escaped(name)}</dt><dd>${escaped(value)}</dd></div>`)
  return `<dl>${rows.join('')}</dl>`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? `<th scope="row">${escaped(cell)}</th>` : `<td>${escaped(cell)}</td>`))
      .join('')
  return `<table><thead><tr>${head.map(cell => `<th scope="col">${escaped(cell)}</th>`).join('')}</tr></thead><tbody>${rows.map(row => `<tr>${cells(row)}</tr>`).join('')}</tbody></table>`
}

/** The page that lists public reports, the newest first. */
export function listPage(spans: readonly string[], { say, format }: UsageReportWords): string {
  const links = [...spans]
    .sort()
    .reverse()
    .map(span => `<li><a href="${span}.html">${span}</a></li>`)
  const title = escaped(say('list'))
  return `<!doctype html>
<html lang="${format.language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
<main>
<h1>${title}</h1>
<ul>${links.join('')}</ul>
</main>
</html>
`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, one => `&#${one.charCodeAt(0)};`)
}
