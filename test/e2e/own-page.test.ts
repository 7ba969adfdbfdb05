import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'puppeteer-core'
import t, { type Test } from 'tap'
import { address, parseIp } from '../../src/base/address.ts'
import type { MonthsCosts } from '../../src/control/usage/shares.ts'
import { barriers } from '../support/axe.ts'
import { type BrowserName, visit } from '../support/browser.ts'
import { callClient } from '../support/call-client.ts'
import { writePages } from '../support/console-rig.ts'
import { ACT, ask, fakePlane } from '../support/fake-control.ts'
import { need } from '../support/need.ts'
import { MAIN, type RunningRelay, startRelay } from '../support/relay.ts'

t.setTimeout(240_000)

const ALICE = '@alice:example.org'

for (const name of ['chromium', 'firefox-esr'] as const satisfies readonly BrowserName[]) {
  t.test(
    `the page about one's own use has no barriers, fits a phone and sets a limit, in ${name}`,
    need(name),
    async t => {
      const folder = mkdtempSync(join(tmpdir(), 'own-page-'))
      t.teardown(() => rmSync(folder, { recursive: true, force: true }))
      const pages = join(folder, 'pages')
      await writePages(pages)
      const costs: { told: MonthsCosts } = { told: sharedCosts() }
      const plane = await fakePlane(t, { served: true, pages, costs: async () => costs.told })
      const body = { kind: 'usage', name: ALICE }
      const made = await ask(plane, 'POST', '/api/v1/links', { token: ACT, body })
      const { page, stop } = await visit(name, 'about:blank')
      t.teardown(stop)
      const errors: string[] = []
      page.on('pageerror', error => void errors.push(String(error)))
      await page.setViewport({ width: 360, height: 740 })
      await page.goto(made.body.url)
      await page.waitForSelector('.days rect')
      t.equal(await page.evaluate('location.hash'), '', 'the token has left the address')
      for (const language of ['de', 'en'] as const) {
        await page.select('[data-picker=language]', language)
        await page.waitForSelector('.days rect')
        await page.click('summary')
        for (const theme of ['light', 'dark']) {
          await page.select('select:has(option[value=dark])', theme)
          for (const width of [360, 1280]) {
            await page.setViewport({ width, height: 740 })
            await isClean(t, page, `${language}, ${theme}, ${width} px`)
          }
        }
        t.equal(await page.evaluate('document.documentElement.lang'), language)
      }
      t.match(await text(page), /family 12\.0\sGB of 100\sGB · 0\.00\sEUR · 0\skWh/)
      t.match(await text(page), /Money10\.00\sEURof this month's costs so far/)
      t.match(await text(page), /Electricity1\.2\skWhestimated from watts, from a cooperative/)
      t.match(await text(page), /You have set yourself no limit/)
      await page.type('.own-limit input', '5')
      await page.click('.own-limit button.primary')
      await page.waitForFunction('document.body.textContent.includes("limit of 5")')
      await page.reload()
      await page.waitForFunction('document.body.textContent.includes("limit of 5")')
      await isClean(t, page, 'with a limit')
      const [, lift] = await page.$$('.own-limit button')
      await lift!.click()
      await page.waitForFunction('document.body.textContent.includes("yourself no limit")')

      costs.told = { ...costs.told, octets: 0 }
      const bob = { kind: 'usage', name: '@bob:example.org' }
      const other = await ask(plane, 'POST', '/api/v1/links', { token: ACT, body: bob })
      await page.goto('about:blank')
      await page.goto(other.body.url)
      await page.waitForSelector('.days rect')
      t.match(await text(page), /Not shown yet this month: too few people/)
      await isClean(t, page, 'with too few people')

      await page.evaluate('sessionStorage.clear()')
      for (const [hash, said] of [
        ['', /needs a link/],
        ['#forged', /not valid, or has expired/],
      ] as const) {
        await page.goto('about:blank')
        await page.goto(`${new URL(made.body.url).origin}/usage${hash}`)
        await page.waitForSelector('.refused:not(:empty)')
        t.match(await text(page), said)
        await isClean(t, page, `refused ${hash}`)
      }
      t.same(errors, [])
    },
  )
}

t.test('with a link, somebody sets a limit that holds for a call that is open', async t => {
  const settings = { console: 'http://127.0.0.1:0' }
  const relay = await startRelay({ settings, loopbackPeers: true })
  t.teardown(() => relay.stop())
  const peer = createSocket('udp4').bind(0, '127.0.0.1')
  await once(peer, 'listening')
  t.teardown(() => peer.close())
  const caller = await callClient(relay.port, relay.secret, ALICE)
  t.teardown(() => caller.close())
  t.match(await caller.allocate(), { kind: 'allocated' })
  const at = address(parseIp('127.0.0.1')!, peer.address().port)
  t.match(await caller.bind(0x4001, at), { kind: 'bound' })

  const link = new URL(JSON.parse(await taciturn(relay, 'usage-link', ALICE, '--ttl', '1h', '--json')).url)
  const token = link.hash.slice(1)
  const post = (path: string, body: object) =>
    ask({ port: Number(link.port) }, 'POST', `/api/v1/own-usage${path}`, { body })
  t.match(await post('', { token }), { status: 200, body: { user: ALICE, own: undefined } })
  t.match(await post('/limit', { token, month: 1e6 }), { status: 200, body: { own: 1e6 } })
  for (let i = 0; i < 1200; i++) {
    caller.send(0x4001, 'x'.repeat(1000))
    if (i % 50 === 0) await once(peer, 'message')
  }
  await relay.child.says(/a budget is used up/)

  const file = join(relay.folder, 'own-limits.jsonl')
  while (!existsSync(file)) await new Promise(resolve => setTimeout(resolve, 50))
  t.match(JSON.parse(readFileSync(file, 'utf8')), {
    homeserver: 'example.org',
    user: /^[0-9a-f]{16}$/,
    month: 1e6,
  })
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(statSync(join(relay.folder, 'usage-links.key')).mode & 0o777, 0o600)
  t.notMatch(
    readFileSync(join(relay.folder, 'access.log'), 'utf8'),
    new RegExp(`alice|${token.slice(0, 12)}`),
  )
  t.notMatch(relay.child.output, new RegExp(token.slice(0, 12)), 'no log has the token')
})

/** A month in which everybody has used twice what the fake ledger says of one person. */
function sharedCosts(): MonthsCosts {
  const until = Math.floor(Date.now() / 86_400_000) * 86_400
  return {
    ...{ until: until + 31 * 86_400, octets: 8, currency: 'EUR', cost: 20, kwh: 2.345 },
    ...{ by: ['estimate'], supplier: 'a cooperative' },
  }
}

function taciturn(relay: RunningRelay, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) =>
    execFile(process.execPath, [MAIN, ...args, '--config', relay.config!], (error, stdout, stderr) =>
      error ? reject(new Error(stderr)) : resolve(stdout),
    ),
  )
}

function text(page: Page): Promise<string> {
  return page.$eval('main', main => main.textContent ?? '')
}

async function isClean(t: Test, page: Page, where: string): Promise<void> {
  t.same(await barriers(page), [], where)
  const tooWide = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
  t.ok((tooWide as number) <= 0, `${where} fits`)
  if (process.env.SCREENSHOTS)
    await page.screenshot({
      path: join(process.env.SCREENSHOTS, `own-${where}.png`.replaceAll(/[ ,#]+/g, '-')) as `${string}.png`,
      fullPage: true,
    })
}
