import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { setupWords } from '../../src/console/setup/words.ts'
import type { Language } from '../../src/texts/language.ts'
import { barriers } from '../support/axe.ts'
import { type BrowserName, visit } from '../support/browser.ts'
import { enterNamespace, needNamespaces } from '../support/namespaces.ts'

const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js')

t.setTimeout(240_000)
// The relay listens where its defaults say, so it needs a machine of its own.
await enterNamespace(import.meta.url)

for (const { name, language, theme } of [
  { name: 'chromium', language: 'de', theme: 'dark' },
  { name: 'firefox-esr', language: 'en', theme: 'light' },
] as const satisfies readonly { name: BrowserName; language: Language; theme: string }[]) {
  t.test(
    `UW-14: the relay is set up in ${name} (${language}, ${theme}), started, and its console opened`,
    needNamespaces(name),
    async t => {
      const { child, link, folder, stderr } = await start(t)
      const { page, stop } = await visit(name, 'about:blank')
      t.teardown(stop)
      await page.setViewport({ width: 360, height: 740 })
      await page.goto(link)
      await page.waitForSelector('form')
      t.equal(await page.evaluate('location.hash'), '', 'the token has left the address')
      await page.select(`select:has(option[value=${theme}])`, theme)
      const isClean = async (where: string) => {
        t.same(await barriers(page), [], where)
        const tooWide = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
        t.ok((tooWide as number) <= 0, `fits a phone, ${where}`)
      }
      for (const one of language === 'de' ? (['en', 'de'] as const) : (['de', 'en'] as const)) {
        await page.select('[data-picker=language]', one)
        await page.waitForSelector('form')
        await page.click('input[value=home]')
        await page.click('input[type=checkbox]')
        await page.click('input[value=acme]')
        t.equal(
          await page.$eval('input[placeholder$="privkey.pem"]', ({ offsetParent }) => offsetParent),
          null,
        )
        await page.click('input[value=files]')
        await isClean(one)
      }
      const [relay, homeserver, , certificate, key] = await page.$$('.field input')
      for (const [field, value] of [
        [relay, 'turn.example.test'],
        [homeserver, 'no name'],
        [certificate, '/nowhere/fullchain.pem'],
        [key, '/nowhere/privkey.pem'],
      ] as const) {
        await field!.click({ count: 3 })
        await field!.type(value)
      }
      await page.click('button.primary')
      await page.waitForFunction('document.querySelectorAll("[aria-invalid]").length === 3')
      await isClean('with problems')
      t.equal(statSync(join(folder, 'turnserver.json'), { throwIfNoEntry: false }), undefined)

      await page.click('input[value=none]')
      await page.click('input[value=public]')
      await homeserver!.click({ count: 3 })
      await homeserver!.type('example.org')
      await page.keyboard.press('Enter')
      await page.waitForSelector('pre')
      t.match(
        await page.$eval('pre', element => element.textContent),
        /turn_uris:\n.*turn:turn.example.test:3478/,
      )
      const said = setupWords(language).say
      await page.waitForFunction(
        `document.querySelector(".outcome")?.textContent !== ${JSON.stringify(said('state.starting'))}`,
      )
      t.equal(await page.$eval('.outcome', element => element.textContent), said('state.running'), stderr())
      t.equal(await page.$eval('html', element => element.lang), language)
      await isClean('at the end')
      const file = join(folder, 'turnserver.json')
      t.equal(statSync(file).mode & 0o777, 0o600)
      t.match(readFileSync(file, 'utf8'), /"realm": "turn.example.test"/)

      await page.click('section a.button')
      await page.waitForSelector('.cards')
      t.equal(await page.$eval('.realm', element => element.textContent), 'turn.example.test')
      child.kill('SIGTERM')
      t.equal((await once(child, 'exit'))[0], 0)
    },
  )
}

async function start(t: Test) {
  // The path of a control socket must be short.
  const folder = mkdtempSync(join(tmpdir(), 'setup-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const env = { PATH: process.env.PATH, TACITURN_STATE: join(folder, 's') }
  const child: ChildProcess = spawn(process.execPath, [MAIN, 'setup', '--port', '0', '--lang', 'en'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr!.on('data', chunk => {
    stderr += chunk
  })
  const [first] = (await once(child.stdout!, 'data')) as [Buffer]
  const link = first.toString().trim()
  t.match(link, /^http:\/\/127\.0\.0\.1:\d+\/#[\w-]{32}$/)
  return { child, link, folder, stderr: () => stderr }
}
