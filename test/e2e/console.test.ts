import type { Page } from 'puppeteer-core'
import t, { type Test } from 'tap'
import type { SessionList, Status, TestResult, TestStart } from '../../src/control/view.ts'
import { barriers } from '../support/axe.ts'
import { openInBrowser, type RunningBrowser, visit } from '../support/browser.ts'
import { CALL_PAGE, type Call } from '../support/call-page.ts'
import { credential } from '../support/credentials.ts'
import { need } from '../support/need.ts'
import { freePort } from '../support/ports.ts'
import { type RunningRelay, startRelay } from '../support/relay.ts'

const TOKEN = 'the token of this test, which may act'.replaceAll(' ', '-')
/** Seconds of the call, and of those the ones that are compared. */
const CALL = 24
const COMPARED = 10_000

interface Served {
  readonly relay: RunningRelay
  readonly url: string
  get<T>(path: string): Promise<T>
  post<T>(path: string, body: unknown): Promise<T>
}

t.setTimeout(300_000)

t.test('the console shows a call while it runs', need('chromium', 'openssl'), async t => {
  t.setTimeout(120_000)
  const { relay, url, get, post } = await serve(t)
  const caller = await openInBrowser('chromium', CALL_PAGE)
  t.teardown(() => caller.stop())
  const console = await newTab(t, caller)
  await console.goto(`${url}/#token=${TOKEN}`)
  await console.waitForSelector('.cards')
  t.equal(await text(console, '[data-card=sessions] .value'), '0')

  const { username, password } = credential(relay.secret, '@alice:example.org')
  const server = { urls: [`turn:127.0.0.1:${relay.port}?transport=udp`], username, credential: password }
  const calling = caller.page.evaluate(`call(${JSON.stringify(server)}, ${CALL})`) as Promise<Call>
  // Chromium opens one for each address of the machine that leads to the relay.
  await console.waitForFunction(
    'Number(document.querySelector("[data-card=sessions] .value").textContent) >= 2',
  )
  await console.waitForFunction(
    '/[0-9]{3}\\skbit|Mbit/.test(document.querySelector("[data-card=toPeer] .value").textContent)',
  )
  await console.evaluate(COLLECT)
  const began = await relayed(relay)
  await console.evaluate('shown.length = 0')
  await new Promise(resolve => setTimeout(resolve, COMPARED))
  const ended = await relayed(relay)
  const shown = (await console.evaluate('shown')) as { at: number; toPeer: string; toClient: string }[]

  const bits = shown.map(({ toPeer, toClient }) => bitsOf(toPeer) + bitsOf(toClient))
  const mean = bits.reduce((sum, value) => sum + value, 0) / bits.length
  const measured = ((ended.bytes - began.bytes) * 8000) / (ended.at - began.at)
  t.comment(
    `shown ${Math.round(mean / 1000)} kbit/s on average, by the metrics ${Math.round(measured / 1000)}`,
  )
  t.ok(Math.abs(mean - measured) < measured * 0.1, 'the rates shown are those of the metrics')
  t.ok(shown.length >= COMPARED / 1000 - 2, `it moved ${shown.length} times in ten seconds`)
  t.ok(new Set(bits).size > shown.length / 2)

  const { sessions } = await get<SessionList>('sessions')
  t.ok(sessions.length >= 2)
  const status = await get<Status>('status')
  t.equal(status.allocations.live, sessions.length)
  t.equal(await text(console, '[data-card=sessions] .value'), String(sessions.length))
  await console.evaluate('location.hash = "sessions"')
  await console.waitForSelector('tbody tr')
  t.same(
    (await console.$$eval('tbody tr', rows => rows.map(row => row.getAttribute('data-key')))).sort(),
    sessions.map(({ id }) => id).sort(),
  )
  t.notMatch(await text(console, 'main'), /alice/, 'nobody is named')
  const names = await post<{ users: Record<string, string> }>('names', { users: [sessions[0]?.user] })
  t.same(Object.values(names.users), ['@alice:example.org'])

  await console.click(`tr[data-key="${sessions[0]?.id}"] button`)
  await console.waitForSelector('dialog[open]')
  await console.click('dialog button[value=yes]')
  await console.waitForFunction(`!document.querySelector('tr[data-key="${sessions[0]?.id}"]')`)
  await calling.catch(() => undefined)
})

t.test('somebody tests the relay with a link', need('chromium', 'openssl'), async t => {
  t.setTimeout(180_000)
  const { url, get, post } = await serve(t)
  const browser = await visit('chromium', 'about:blank')
  t.teardown(() => browser.stop())

  t.test('and finds that everything works', async t => {
    const page = await newTab(t, browser)
    const link = await post<{ url: string }>('links', { kind: 'test' })
    t.ok(link.url.startsWith(`${url}/test#`))
    await page.goto(link.url.replace('#', '?lang=en#'))
    t.same(await barriers(page), [])
    await page.click('.large')
    await page.waitForSelector('[data-state=busy]')
    t.same(await barriers(page), [], 'while it runs')
    await page.waitForSelector('.verdict', { timeout: 90_000 })
    t.same(await page.$$eval('.ways li', lines => lines.map(line => line.getAttribute('data-state'))), [
      'good',
      'good',
      'good',
    ])
    // Excellent takes port 443.
    t.equal(await page.$eval('.verdict', verdict => verdict.getAttribute('data-score')), 'good')
    t.match(await text(page, '.verdict'), /All paths to the relay work/)
    const code = await text(page, '.code')
    t.match(code, /^[A-Z]+-[0-9]{4}$/)
    const result = await get<TestResult>(`test-results/${code}`)
    t.match(result.measured, {
      score: 'good',
      ways: [{ connected: true }, { connected: true }, { connected: true }],
    })
    t.same(result.server.ways.map(({ transport }) => transport).sort(), ['tcp', 'tls', 'udp'])

    const console = await newTab(t, browser)
    await console.goto(`${url}/?lang=en#token=${TOKEN}`)
    await console.waitForSelector('.cards')
    await console.evaluate('location.hash = "tests"')
    await console.waitForSelector('form input')
    await console.type('form input', code.toLowerCase())
    await console.keyboard.press('Enter')
    await console.waitForSelector('.verdict')
    t.equal(
      (await text(console, '.verdict')).replace(/^Result: Good/, ''),
      (await text(page, '.verdict')).replace(/^Result: Good/, ''),
      'U-04: the operator sees the sentences that the user saw',
    )
    t.equal(await text(console, '.wide tbody'), await text(page, '.wide tbody'), 'and the same table')
    t.same(await barriers(console), [])
    for (const theme of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }])
      t.same(await barriers(page), [], theme)
    }
    await page.setViewport({ width: 360, height: 740 })
    t.ok(((await page.evaluate('document.documentElement.scrollWidth - innerWidth')) as number) <= 0)
    await page.select('[data-picker=language]', 'de')
    await page.waitForFunction('/Alle Wege zum Relay funktionieren/.test(document.body.textContent)')
    t.equal(await text(page, '.code'), code, 'in another language it is the same result')

    t.equal(await page.$('.large'), null, 'U-03: no button for a link that is used up')
    t.match(await text(page, 'main'), /Dieser Link ist verbraucht/)
    await page.reload()
    await page.waitForSelector('.code')
    t.equal(await text(page, '.code'), code, 'U-03: loading the page again does not lose the result')
    t.equal(await page.$('.large'), null)
  })

  t.test('and is told that UDP is blocked', async t => {
    const page = await newTab(t, browser)
    const link = await post<{ url: string }>('links', { kind: 'test' })
    const nobody = await freePort()
    // Where nobody listens looks from the browser like a network that lets nothing out.
    await page.setRequestInterception(true)
    page.on('request', request => {
      if (!request.url().endsWith('/test/start')) return void request.continue()
      const { code } = JSON.parse(request.postData() ?? '{}') as { code: string }
      void post<TestStart>('test/start', { code }).then(start => {
        const iceServers = start.iceServers.map(server => ({
          ...server,
          urls: server.urls.replace(/:\d+(?=\?transport=udp|$)/, `:${nobody}`),
        }))
        return request.respond({
          contentType: 'application/json',
          body: JSON.stringify({ ...start, iceServers }),
        })
      })
    })
    await page.goto(link.url.replace('#', '?lang=de#'))
    await page.click('.large')
    await page.waitForSelector('.verdict', { timeout: 90_000 })
    const verdict = await text(page, '.verdict')
    t.match(verdict, /UDP wird in diesem Netz blockiert; TCP und TLS funktionier/)
    t.match(verdict, /Mäßig/)
    const rows = await page.$$eval('tbody tr', lines => lines.map(line => line.textContent ?? ''))
    t.match(
      rows.find(row => row.startsWith('UDP')),
      /Hat nichts von hier gesehen/,
    )
  })

  t.test(
    'U-03: a link for two tests offers the second, and keeps the first result until there is another',
    async t => {
      const page = await newTab(t, browser)
      const link = await post<{ url: string }>('links', { kind: 'test', uses: 2 })
      await page.goto(link.url.replace('#', '?lang=en#'))
      await page.click('.large')
      await page.waitForSelector('.verdict', { timeout: 90_000 })
      const first = await text(page, '.code')
      await post('test/start', { code: link.url.split('#')[1] })
      await page.click('.large')
      await page.waitForFunction('document.querySelector(".refused").textContent !== ""')
      t.match(await text(page, '.refused'), /has been used/)
      t.equal(await text(page, '.code'), first)
    },
  )

  t.test('U-03: a link that was used up elsewhere has no button', async t => {
    const page = await newTab(t, browser)
    const link = await post<{ url: string }>('links', { kind: 'test' })
    await post('test/start', { code: link.url.split('#')[1] })
    await page.goto(link.url.replace('#', '?lang=en#'))
    await page.waitForSelector('.obstacle')
    t.match(await text(page, '.obstacle'), /has been used/)
    t.equal(await page.$('.large'), null)
  })

  t.test('U-23: a relay that goes away during the test is said, in the language of the page', async t => {
    const page = await newTab(t, browser)
    const link = await post<{ url: string }>('links', { kind: 'test' })
    await page.setRequestInterception(true)
    page.on('request', request => {
      if (/\/test\/[^/]+(\/result)?$/.test(request.url()) && !/start$|link$/.test(request.url()))
        return void request.abort()
      return void request.continue()
    })
    await page.goto(link.url.replace('#', '?lang=de#'))
    await page.click('.large')
    await page.waitForSelector('.verdict', { timeout: 90_000 })
    t.equal(await page.$eval('.verdict', verdict => verdict.getAttribute('data-score')), 'unfinished')
    t.match(await text(page, 'main'), /während des Tests plötzlich weg.*das Relay ist nicht erreichbar/)
    t.notMatch(await text(page, 'main'), /Failed to fetch|NetworkError/)
  })

  t.test('U-24: a name that cannot be looked up is named', async t => {
    const page = await newTab(t, browser)
    const link = await post<{ url: string }>('links', { kind: 'test' })
    await page.setRequestInterception(true)
    page.on('request', request => {
      if (!request.url().endsWith('/test/start')) return void request.continue()
      void post<TestStart>('test/start', JSON.parse(request.postData() ?? '{}')).then(start => {
        const iceServers = start.iceServers.map(server => ({
          ...server,
          urls: server.urls.replace(/127\.0\.0\.1/, 'no-such-name.invalid'),
        }))
        return request.respond({
          contentType: 'application/json',
          body: JSON.stringify({ ...start, iceServers }),
        })
      })
    })
    await page.goto(link.url.replace('#', '?lang=en#'))
    await page.click('.large')
    await page.waitForSelector('.verdict', { timeout: 90_000 })
    t.match(await text(page, '.verdict'), /The name no-such-name\.invalid cannot be looked up from here/)
  })

  t.test('but not without a link', async t => {
    const page = await newTab(t, browser)
    await page.goto(`${url}/test?lang=en`)
    t.match(await text(page, '.obstacle'), /needs a link/)
    t.same(await barriers(page), [])
  })
})

/** Starts a relay with a console on loopback. Its realm is its address, so that links and tests lead to it. */
async function serve(t: Test): Promise<Served> {
  const url = `http://127.0.0.1:${await freePort()}`
  const relay = await startRelay({
    against: 'taciturn',
    settings: {
      realm: '127.0.0.1',
      console: { listen: url, tokens: [{ name: 'test', rights: 'act', token: TOKEN }] },
    },
  })
  t.teardown(() => relay.stop())
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }
  return { relay, url, get: path => ask('GET', path), post: (path, body) => ask('POST', path, body) }
}

async function newTab(t: Test, { page }: RunningBrowser): Promise<Page> {
  const context = await page.browser().createBrowserContext()
  const tab = await context.newPage()
  await tab.setViewport({ width: 1280, height: 900 })
  tab.on('pageerror', error => t.fail(String(error)))
  t.teardown(() => context.close())
  return tab
}

function text(page: Page, selector: string): Promise<string> {
  return page.$eval(selector, element => element.textContent ?? '')
}

/** Notes both rates each time that one of them changes, once for both. */
const COLLECT = `
  globalThis.shown = []
  {
    const read = way => document.querySelector('[data-card=' + way + '] .value').textContent
    new MutationObserver(() => shown.push({ at: Date.now(), toPeer: read('toPeer'), toClient: read('toClient') }))
      .observe(document.querySelector('.cards'), { subtree: true, childList: true, characterData: true })
  }
`

/** `1.23 Mbit/s` as a number. */
function bitsOf(rate: string): number {
  const [value = '', unit = ''] = rate.split('\u00a0')
  const factor = { 'bit/s': 1, 'kbit/s': 1e3, 'Mbit/s': 1e6 }[unit]
  if (factor === undefined) throw new Error(`no rate: ${rate}`)
  return Number(value) * factor
}

async function relayed(relay: RunningRelay): Promise<{ at: number; bytes: number }> {
  const page = await (await fetch(relay.metrics ?? '')).text()
  const lines = [...page.matchAll(/^taciturn_relayed_bytes_total(?:\{[^}]*\})? (\S+)/gm)]
  return { at: performance.now(), bytes: lines.reduce((sum, [, value]) => sum + Number(value), 0) }
}
