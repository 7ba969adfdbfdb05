import t from 'tap'
import { bundleConsole, compressed } from '../../../scripts/console.mjs'

/** Octets that a visit may cost, compressed. */
const BUDGET = 60_000
const PAGES = {
  console: ['index.html', 'early.js', 'app.js', 'app.css', 'icon.svg'],
  'set-up page': ['setup.html', 'early.js', 'setup.js', 'app.css', 'icon.svg'],
  'test page': ['test.html', 'early.js', 'test.js', 'test.css', 'icon.svg'],
} as const

t.test('a page costs 60 kB at most and asks nobody else', async t => {
  const files = await bundleConsole()
  for (const [name, parts] of Object.entries(PAGES)) {
    const size = parts.reduce((sum, part) => sum + compressed(files.get(part)!).length, 0)
    t.comment(`${name}: ${size} octets compressed`)
    t.ok(size <= BUDGET, `${name}: ${size}`)
    const html = files.get(parts[0])!.toString()
    const asked = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, target]) => target!)
    t.same(asked.sort(), parts.slice(1).toSorted())
    t.notMatch(html, /<style|<script>|style=|onclick=/, 'nothing that the content security policy forbids')
  }
  for (const [name, bytes] of files) {
    const addresses = [...bytes.toString().matchAll(/https?:\/\/[^"'`\s)]+/g)].map(([found]) => found)
    t.same(
      addresses.filter(address => !address.startsWith('http://www.w3.org/')),
      [],
      name,
    )
  }
})
