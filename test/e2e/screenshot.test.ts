import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'puppeteer-core'
import t from 'tap'
import { visit } from '../support/browser.ts'
import { ACT, startConsole } from '../support/console-rig.ts'
import { need } from '../support/need.ts'
import { BEGIN } from '../support/scripted-control.ts'

/*
 * The picture of the console in README and docs is of the console as it is now. `SCREENSHOT=write` makes it anew:
 *
 *   SCREENSHOT=write npx tap --disable-coverage test/e2e/screenshot.test.ts
 */

const PICTURE = join(import.meta.dirname, '../../docs/console.webp')
/** Pixels of the page that are compared as one: fonts and their edges may differ, what stands where may not. */
const BLOCK = 24
/** How far a block's mean brightness may be off, of 255, and the share of blocks that may be further off. */
const TOLERANCE = 12
const ODD = 0.01

/** Runs in the page: the mean brightness of each block of a picture. */
const BRIGHTNESS = `async url => {
  const image = new Image()
  image.src = url
  await image.decode()
  const { width, height } = image
  const context = new OffscreenCanvas(width, height).getContext('2d')
  context.drawImage(image, 0, 0)
  const means = []
  for (let y = 0; y + ${BLOCK} <= height; y += ${BLOCK}) {
    for (let x = 0; x + ${BLOCK} <= width; x += ${BLOCK}) {
      const { data } = context.getImageData(x, y, ${BLOCK}, ${BLOCK})
      let sum = 0
      for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2]
      means.push(sum / data.length / 0.75)
    }
  }
  return means
}`

t.setTimeout(120_000)

t.test('the picture of the console is of today', need('chromium'), async t => {
  const rig = await startConsole({ tick: 1000 })
  t.teardown(() => rig.stop())
  const { page, stop } = await visit('chromium', 'about:blank')
  t.teardown(stop)
  const findings = [
    {
      id: 'homeserver-sessions',
      level: 'warn',
      values: { name: 'verein.example', share: 5 / 6, used: 5, limit: 6 },
      text: '',
    },
    {
      id: 'certificate',
      level: 'warn',
      values: { at: BEGIN + 17.5 * 86_400_000, n: 17, days: 17 },
      text: '',
    },
  ] as const
  rig.control.over = { health: { findings, checked: 26, unchecked: [] } }
  await page.setViewport({ width: 1200, height: 953 })
  await page.goto(`${rig.url}/?lang=en#token=${ACT}`)
  await page.waitForSelector('.cards')
  await page.click('input[value=day]')
  await page.waitForFunction('document.querySelectorAll("svg path").length >= 2')
  const folder = mkdtempSync(join(tmpdir(), 'screenshot-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const now = await page.screenshot({ type: 'webp', quality: 82 })
  if (process.env.SCREENSHOT === 'write') writeFileSync(PICTURE, now)

  const kept = readFileSync(PICTURE)
  const beside = await page.browser().newPage()
  const different = await blocksThatDiffer(beside, kept, now)
  t.ok(different < ODD, `${(different * 100).toFixed(1)} % of it differ`)
  await page.bringToFront()
  await page.click('a[href="#sessions"]')
  await page.waitForSelector('table')
  const other = await page.screenshot({ type: 'webp', quality: 82 })
  const apart = await blocksThatDiffer(beside, kept, other)
  t.ok(apart > 10 * ODD, `${(apart * 100).toFixed(1)} % of another page differ`)
})

/** The share of blocks of two pictures that are not equally bright. `page` is one that may show pictures. */
async function blocksThatDiffer(page: Page, ...pictures: [Uint8Array, Uint8Array]): Promise<number> {
  const urls = pictures.map(one => `data:image/webp;base64,${Buffer.from(one).toString('base64')}`)
  const [a, b] = (await page.evaluate(
    `Promise.all(${JSON.stringify(urls)}.map(${BRIGHTNESS}))`,
  )) as readonly number[][]
  if (a!.length !== b!.length) return 1
  return a!.filter((value, i) => Math.abs(value - b![i]!) > TOLERANCE).length / a!.length
}
