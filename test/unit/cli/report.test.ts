import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../support/captured.ts'
import { fakePlane } from '../../support/fake-control.ts'

t.test('the command writes a page, JSON or a table, and publishes into a folder', async t => {
  const { socket, control } = await fakePlane(t)
  const folder = t.testdir({
    'costs.json': '{"costs": [{"name": "=Server", "monthly": 5}]}',
    'bad.json': '[]',
    'turnserver.json': JSON.stringify({ control: socket, ledger: { costs: 'costs.json' } }),
  })
  const say = (...args: string[]) => run(folder, ['report', ...args, '--socket', socket, '--lang', 'en'])
  t.match(await say('--month', '2026-05'), { code: 0, stdout: /^<!doctype html>.*report for 2026-05/s })
  t.match(control.asked.at(-1), /^report .*"from":1777593600,"to":1780272000/)
  const json = await say('--quarter', '2026-Q2', '--costs', 'costs.json', '--json')
  t.match(JSON.parse(json.stdout), { span: '2026-Q2', total: { octets: 4 }, money: { spent: 15 } })
  t.match(
    (await say('--month', '2026-05', '--csv', '--costs', 'costs.json')).stdout,
    /^cost,'=Server,EUR,5\r$/m,
  )
  t.match(await say('--month', '2025-05', '--publish', 'web'), { code: 0, stdout: '' })
  t.match(await say('--month', '2025-04', '--publish', 'web'), { code: 0 })
  t.strictSame(readdirSync(join(folder, 'web')).sort(), [
    ...['2025-04.csv', '2025-04.html', '2025-04.json'],
    ...['2025-05.csv', '2025-05.html', '2025-05.json', 'index.html'],
  ])
  t.match(readFileSync(join(folder, 'web', 'index.html'), 'utf8'), /2025-05\.html.*2025-04\.html/)
  t.notMatch(readFileSync(join(folder, 'web', '2025-05.json'), 'utf8'), /user1|"day"/)
  t.match(await say('--quarter', '2025-Q2', '--publish', 'web'), { code: 5, stderr: /months in common/ })
  const thisMonth = new Date().toISOString().slice(0, 7)
  t.match(await say('--month', thisMonth, '--public'), { code: 5, stderr: /not over yet/ })
  t.match(await say('--month', thisMonth), { code: 0 }, 'for those inside it may be looked at')
  t.match(await say('--month', '2026-05', '--quarter', '2026-Q2'), { code: 2 })
  t.match(await say('--month', '2026-Q2'), { code: 2, stderr: /neither a month/ })
  t.match(await say('--costs', 'bad.json'), { code: 3, stderr: /^bad\.json:1:1: expected a section/ })
  t.match(await say('--costs', 'none.json'), { code: 1, stderr: /none\.json: there is no such file/ })
  const named = await run(folder, ['report', '--config', 'turnserver.json', '--month', '2026-05', '--json'])
  t.match(JSON.parse(named.stdout), { money: { spent: 5 } }, 'the configuration says where the costs are')
})
