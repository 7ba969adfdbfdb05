import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { safeJson, safeTexts } from '../../../src/log/printable.ts'
import { run } from '../../support/captured.ts'
import { fakePlane } from '../../support/fake-control.ts'

/** Sets the title, clears the screen, begins a sequence by CSI alone, reorders, hides, breaks the line. */
const HOSTILE = '@x\x1b]0;pwned\x07\x1b[2J\x9b31m\u202e\u200b\u2028\x7f\u{e0041}:example.org'
const ORDERS = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u

t.test(
  'S-08: names and words of others give a terminal no orders, in any command that shows them',
  async t => {
    const { socket, control } = await fakePlane(t)
    control.reveal = async (_, ids) => ({
      users: {},
      sessions: Object.fromEntries(ids.map(id => [id, { user: HOSTILE, client: HOSTILE }])),
    })
    control.notified = [{ way: 'email', why: HOSTILE }]
    control.made = [{ id: '1', at: 1, who: HOSTILE, kind: 'block', user: HOSTILE, homeserver: HOSTILE }]
    control.reload = async () => ({ ok: false, problems: [HOSTILE], warnings: [HOSTILE], restart: [HOSTILE] })
    for (const argv of [
      ['sessions', '--names'],
      ['sessions', '--names', '--lang', 'de'],
      ['sessions', '--user', HOSTILE],
      ['disconnect', '--user', HOSTILE],
      ['disconnect', HOSTILE],
      ['notify', '--test'],
      ['changes'],
      ['reload'],
      ['test-result', HOSTILE],
    ]) {
      for (const more of [[], ['--json']]) {
        const { stdout, stderr } = await run('/', [...argv, ...more, '--socket', socket])
        t.notMatch(stdout + stderr, ORDERS, `${argv[0]} ${more}`)
      }
    }
    const { stdout } = await run('/', ['sessions', '--names', '--socket', socket])
    t.match(stdout, '@x\\u{1b}]0;pwned\\u{7}', 'what is not shown as it is, is shown as an escape')
    const json = await run('/', ['sessions', '--names', '--json', '--socket', socket])
    t.equal(JSON.parse(json.stdout).sessions[0].user, HOSTILE, 'and a program reads what it is')
  },
)

t.test('S-08: JSON stays what it was, and its lines are lines', async t => {
  const value = { a: [HOSTILE, 'ä 😀 \n\t'], n: 1, none: null, yes: true }
  t.same(JSON.parse(safeJson(value, 2)), value)
  t.equal(safeJson(value, 2).split('\n').length, JSON.stringify(value, undefined, 2).split('\n').length)
  t.notMatch(safeJson(value), ORDERS)
  t.same(safeTexts({ n: 1, none: null, list: ['ä 😀'] }), { n: 1, none: null, list: ['ä 😀'] })
})

t.test('S-08: no setting of a foreign configuration steers the terminal that it is imported at', async t => {
  const folder = t.testdir({ 'turnserver.conf': `realm=example.org\n${HOSTILE}=1\nno-such=${HOSTILE}\n` })
  for (const more of [[], ['--json'], ['--lang', 'de']]) {
    const argv = ['import', 'turnserver.conf', '--output', `out${more.length}.json`, ...more]
    const { stdout, stderr } = await run(folder, argv)
    t.notMatch(stdout + stderr, ORDERS, String(more))
  }
})

t.test('S-08: commands write JSON in one way only', async t => {
  const commands = join(import.meta.dirname, '../../../src/cli/commands')
  const own = readdirSync(commands).filter(name =>
    readFileSync(join(commands, name), 'utf8').includes('JSON.stringify('),
  )
  t.same(own, ['logs.ts'], 'it quotes what is printable already')
})
