import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'puppeteer-core'
import t, { type Test } from 'tap'
import { parseCosts } from '../../src/config/costs.ts'
import { html } from '../../src/load/report/html.ts'
import { figuresOf, peopleOf } from '../../src/report/figures.ts'
import { reportPage } from '../../src/report/page.ts'
import { publicFigures } from '../../src/report/public.ts'
import { parseSpan } from '../../src/report/span.ts'
import { usageReportWords } from '../../src/report/words.ts'
import { barriers } from '../support/axe.ts'
import { type BrowserName, visit } from '../support/browser.ts'
import { need } from '../support/need.ts'
import { report as benchReport } from '../unit/load/sample-report.ts'

const MAY = parseSpan('2026-05')!
const START = Date.UTC(2026, 4) / 1000
const DAY = 86_400
const COSTS = `{
  "currency": "EUR",
  "costs": [{ "name": "Server in a rack with a very long name", "monthly": 12.5 }, { "name": "Name", "once": 15, "month": "2026-05" }],
  "income": [{ "name": "Donations", "monthly": 20 }],
  "reserve": 120,
  "electricity": { "supplier": "Stadtwerke", "pricePerKwh": 0.3, "watts": 6, "wattsPerMbit": 0.02 }
}`

/** Each page that a command writes for people, in a language. */
function pages(language: 'en' | 'de') {
  const words = usageReportWords(language)
  const costs = parseCosts(COSTS, 'costs.json')
  if (!costs.ok) throw new Error('these costs are not in order')
  const byUser = ['chat.example.org', 'a-homeserver-with-a-rather-long-name.example.net'].flatMap(
    (homeserver, h) =>
      Array.from({ length: 40 }, (_, i) => ({
        ...{ start: START, homeserver, user: `${h}-${i}` },
        ...{
          bytesToPeer: (i + 1) * 3e8,
          bytesToClient: (i + 1) * 2e8,
          packetsToPeer: 1e6,
          packetsToClient: 1e6,
        },
        ...{ allocations: 12 + i, milliseconds: 36e5 * (i + 1), refusals: i % 5 },
      })),
  )
  const byDay = byUser.map((row, i) => ({ ...row, start: START + (i % 31) * DAY }))
  const figures = figuresOf(MAY, byDay, byUser, costs.value)
  const bench = benchReport()
  return {
    report: reportPage(figures, false, words),
    'public report': reportPage(publicFigures(figures, peopleOf(byUser)), true, words),
    bench: html(bench, bench.servers, language),
  }
}

for (const name of ['chromium', 'firefox-esr'] as const satisfies readonly BrowserName[]) {
  t.test(`pages that commands write have no barriers and fit a phone, in ${name}`, need(name), async t => {
    t.setTimeout(240_000)
    const folder = mkdtempSync(join(tmpdir(), 'report-page-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const { page, stop } = await visit(name, 'about:blank')
    t.teardown(stop)
    for (const language of ['en', 'de'] as const) {
      for (const [what, text] of Object.entries(pages(language))) {
        const file = join(folder, `${what} ${language}.html`)
        writeFileSync(file, text)
        for (const width of [1280, 360]) {
          await page.setViewport({ width, height: 740 })
          await page.goto(pathToFileURL(file).href)
          await isClean(t, page, `${what}, ${language}, ${width} px`)
        }
      }
    }
  })
}

/** Looks at the page in both themes; the second browser has none to choose by the protocol. */
async function isClean(t: Test, page: Page, where: string): Promise<void> {
  for (const theme of ['light', 'dark']) {
    const isSet = await page
      .emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }])
      .then(() => true)
      .catch(() => false)
    if (!isSet && theme === 'dark') continue
    t.same(await barriers(page), [], `${where}, ${theme}`)
    if (process.env.SCREENSHOTS) {
      const path = join(process.env.SCREENSHOTS, `${where} ${theme}.png`.replaceAll(/[ ,]+/g, '-'))
      await page.screenshot({ path: path as `${string}.png`, fullPage: true })
    }
  }
  t.equal(await page.evaluate('document.documentElement.lang'), where.includes(', de,') ? 'de' : 'en', where)
  const tooWide = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
  t.ok((tooWide as number) <= 0, `${where} fits`)
}
