import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseCosts } from '../../../src/config/costs.ts'
import { load } from '../../../src/config/load.ts'
import { inOneLine, withExcerpt } from '../../../src/config/problem.ts'
import { merge } from '../../../src/operate/merge.ts'

const SECRET = 'a-secret-of-more-than-16-characters'
const OTHER = { homeservers: [{ name: 'example.org', secrets: [SECRET] }] }

function faults(text: string, language: 'en' | 'de' = 'en'): string[] {
  const read = parseCosts(text, 'costs.json')
  return read.ok ? [] : read.error.map(problem => inOneLine(problem, language))
}

/** A relay's configuration with a file of costs beside it. */
function loadedWith(folder: string, costs: string, ledger: object = { costs: 'costs.json' }) {
  writeFileSync(join(folder, 'costs.json'), costs)
  const file = join(folder, 'turnserver.json')
  writeFileSync(file, JSON.stringify({ ...OTHER, state: folder, ledger }), { mode: 0o600 })
  return load({ path: file, env: {}, mayWrite: false })
}

t.test('a file of costs that is wrong is told with line and column, and how to fix it', async t => {
  for (const [text, error] of [
    ['{', /^costs\.json:1:2: .*; close every \{/],
    ['{\n  "costs": [{"name": "Server", "monthly": -1}]}', /^costs\.json:2:\d+: costs\[0\]\.monthly: -1 .*0/],
    [
      '{"costs": [{"name": "Server", "monthly": "5"}]}',
      /costs\[0\]\.monthly: expected a number, found "5"; .*4\.5/,
    ],
    ['{"currency": "Euro"}', /currency: expected a currency, found "Euro"; write three capital letters/],
    ['{"cost": []}', /cost: .*"costs"/],
    ['{"reserve": 1,\n"reserve": 2}', /^costs\.json:2:1: reserve: .*line 1/],
    [
      '{"costs": [{"name": "Domain", "yearly": 15}]}',
      /costs\[0\]\.monthly: "monthly" is missing; .*docs\/report\.md/,
    ],
    ['{"income": [{"name": "Gift", "once": 15}]}', /income\[0\]\.month: "month" is missing/],
    [
      '{"electricity": {"pricePerKwh": 1, "kwh": {"2026-13": 1}}}',
      /kwh\.2026-13: expected a month, found "2026-13"/,
    ],
    [
      '{"income": [{"name": "Fees", "monthly": 1, "from": "May"}]}',
      /income\[0\]\.from: expected a month, found "May"/,
    ],
    ['[]', /expected a section/],
  ] as const)
    t.match(faults(text).join('\n'), error, text)
  t.match(faults('{"currency": "Euro"}', 'de'), [
    /erwartet wird eine Währung, nicht "Euro"; drei Großbuchstaben/,
  ])
  const read = parseCosts('{ "costs": [{ "name": "Rack", "monthly": "x" }] }', 'costs.json')
  t.match(read.ok ? '' : withExcerpt(read.error[0]!, 'en'), /"name": "Rack".*\n.*\^\^\^/, 'its line is shown')
})

t.test('comments may stand in it, and what is left out has its default', async t => {
  t.same(parseCosts('{ // of the association\n}', 'x'), {
    ok: true,
    value: { currency: 'EUR', costs: [], income: [] },
  })
})

t.test('the configuration names the file of costs, which is read with it', async t => {
  const { settings, warnings } = loadedWith(t.testdir(), '{"reserve": 7}')
  t.match(settings, { ledger: { costs: /^\/.*costs\.json$/ }, costs: { reserve: 7, currency: 'EUR' } })
  t.same(warnings, [])
})

t.test('a mistake in it keeps no relay from starting, and is told with its place', async t => {
  const folder = t.testdir()
  const broken = loadedWith(folder, '{\n  "reserve": "7"\n}')
  t.equal(broken.settings.costs, undefined)
  t.match(broken.warnings, [
    /ledger\.costs: .*costs\.json cannot be used.*taciturn reload/,
    /^costs\.json:2:14: reserve: expected a number, found "7"/,
  ])
  const none = loadedWith(folder, '{}', { costs: 'none.json' })
  t.match(none.warnings, [/none\.json cannot be used/, /none\.json does not exist/])
})

t.test('costs change under live calls, and all else of the ledger waits for the next start', async t => {
  const folder = t.testdir()
  const running = loadedWith(folder, '{"reserve": 7}').settings
  const next = loadedWith(folder, '{"reserve": 8}', { costs: 'costs.json', identities: 'none' }).settings
  const { settings, restart } = merge(running, next)
  t.same(restart, ['ledger.identities'])
  t.match(settings, { ledger: { identities: 'pseudonym' }, costs: { reserve: 8 } })
  const off = loadedWith(folder, '{}', false as unknown as object).settings
  t.same(merge(running, off).settings.ledger, running.ledger, 'it is not switched off')
  t.equal(merge(off, running).settings.ledger, false, 'nor on')
  t.not(merge(off, running).restart.length, 0)
})
