import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ImportOutcome } from '../../../src/cli/import-report.ts'
import { load } from '../../../src/config/load.ts'
import { run } from '../../support/captured.ts'
import { placeFixture } from '../../support/imported.ts'

const SECRET = '5f0d7cc1b9a84e6fb2f3f0c56b7b9d4e'
const CONF = `use-auth-secret
static-auth-secret=${SECRET}
realm=turn.example.org
external-ip=198.51.100.7/10.0.0.5
cli-password=hunter2-hunter2
oauth
relam=x
`

t.test('import writes a configuration for its owner only, and reports without a secret', async t => {
  const folder = t.testdir({ 'turnserver.conf': CONF })
  const { code, stdout, stderr } = await run(folder, ['import', 'turnserver.conf'])
  const { settings } = load({ cwd: folder, env: {} })

  t.equal(code, 0)
  t.equal(statSync(join(folder, 'turnserver.json')).mode & 0o777, 0o600)
  t.equal(settings.homeservers[0]!.secrets[0]!.value, SECRET)
  t.match(stdout, /Not supported, and what to do instead \(1\)\n +6 {2}oauth\n/)
  t.match(stdout, /did you mean "realm"\?/)
  t.match(stdout, /static-auth-secret → homeservers\[0\]\.secrets/)
  t.match(stderr, /wrote turnserver\.json, which is valid/)
  for (const secret of [SECRET, 'hunter2']) t.notMatch(stdout + stderr, secret)
})

t.test('O-06: a file in UTF-16, as Windows writes it, is read like any other', async t => {
  const marked = Buffer.from(`\ufeff${CONF.replaceAll('\n', '\r\n')}`, 'utf16le')
  for (const [order, bytes] of [
    ['little-endian', marked],
    ['big-endian', Buffer.from(marked).swap16()],
  ] as const) {
    const folder = t.testdir({})
    writeFileSync(join(folder, 'turnserver.conf'), bytes)
    const { code, stdout } = await run(folder, ['import', 'turnserver.conf'])
    t.equal(code, 0, order)
    t.match(stdout, /static-auth-secret → homeservers\[0\]\.secrets/)
    t.equal(load({ cwd: folder, env: {} }).settings.realm, 'turn.example.org')
  }
})

t.test('O-08: what would keep the relay from starting on this machine is told by the import', async t => {
  const conf = `use-auth-secret\nstatic-auth-secret=${SECRET}\nrealm=turn.example.org\nrelay-ip=198.51.100.77\n`
  const folder = t.testdir({ 'turnserver.conf': conf })
  const { code, stdout } = await run(folder, ['import', 'turnserver.conf'])

  t.equal(code, 0, 'it may be meant for another machine')
  t.match(stdout, /on this machine: relay\.addresses\[0\]: this machine has no address 198\.51\.100\.77/)
})

t.test('the report for programs has every setting once', async t => {
  const folder = t.testdir({ 'turnserver.conf': CONF })
  const { stdout, stderr } = await run(folder, ['import', 'turnserver.conf', '--json', '--lang', 'de'])
  const outcome = JSON.parse(stdout) as ImportOutcome

  t.equal(stderr, '')
  t.match(outcome, { from: 'coturn', out: 'turnserver.json', valid: true, todo: [], problems: [] })
  t.same(
    outcome.settings.map(({ key, fate }) => [key, fate]),
    [
      ['use-auth-secret', 'taken'],
      ['static-auth-secret', 'taken'],
      ['realm', 'taken'],
      ['external-ip', 'taken'],
      ['cli-password', 'unneeded'],
      ['oauth', 'unsupported'],
      ['relam', 'unknown'],
    ],
  )
  t.match(outcome.settings[6]!.why, /war „realm“ gemeint\?/)
  t.notMatch(stdout, SECRET)
})

t.test('eturnal is told by its file, and its paths start beside it', async t => {
  const folder = t.testdir({})
  placeFixture('eturnal.yml', folder)
  const { code, stdout } = await run(folder, ['import', 'eturnal.yml', '--json'])
  const outcome = JSON.parse(stdout) as ImportOutcome

  // The certificate is not there: the file is written all the same, and the report says what is missing.
  t.equal(code, 1)
  t.match(outcome, { from: 'eturnal', valid: false })
  t.match(outcome.problems[0], { path: 'tls.certificate' })
  t.match(readFileSync(join(folder, 'turnserver.json'), 'utf8'), join(folder, 'certificate.pem'))
})

t.test('what has to be filled in is listed, and makes the exit code 1', async t => {
  const folder = t.testdir({ 'turnserver.conf': 'use-auth-secret\nuserdb=/var/lib/turn/turndb\n' })
  const { code, stdout, stderr } = await run(folder, ['import', 'turnserver.conf'])

  t.equal(code, 1)
  t.match(stdout, /To be filled in \(1\)\n {2}- homeservers: write the secret of the homeserver/)
  t.match(stderr, /which is not valid until/)
})

t.test('a file that is there is not replaced unless told to [exit code 5]', async t => {
  const folder = t.testdir({ 'turnserver.conf': CONF, 'turnserver.json': 'precious' })
  const refused = await run(folder, ['import', 'turnserver.conf'])

  t.equal(refused.code, 5)
  t.equal(readFileSync(join(folder, 'turnserver.json'), 'utf8'), 'precious')
  t.equal((await run(folder, ['import', 'turnserver.conf', '--force'])).code, 0)
  t.equal(statSync(join(folder, 'turnserver.json')).mode & 0o777, 0o600)
})

t.test('secrets do not go to the standard output [exit code 2]', async t => {
  const folder = t.testdir({ 'turnserver.conf': CONF })
  const { code, stdout, stderr } = await run(folder, ['import', 'turnserver.conf', '--out', '-'])

  t.equal(code, 2)
  t.equal(stdout, '')
  t.match(stderr, /give a file with --out/)
})

t.test('a file that cannot be read leaves nothing behind', async t => {
  const folder = t.testdir({ 'broken.yml': 'eturnal: [\n' })

  t.equal((await run(folder, ['import', 'nowhere.conf'])).code, 1)
  const broken = await run(folder, ['import', 'broken.yml'])
  t.equal(broken.code, 3)
  t.match(broken.stderr, /is not YAML: see line/)
  t.notOk(existsSync(join(folder, 'turnserver.json')))
})

t.test('an empty file says so, and what is missing', async t => {
  const folder = t.testdir({})
  writeFileSync(join(folder, 'turnserver.conf'), '# nothing\n')
  const { code, stdout } = await run(folder, ['import', 'turnserver.conf'])

  t.equal(code, 1)
  t.match(stdout, /turnserver\.conf has no settings/)
})

t.test('O-27: - is the standard input', async t => {
  const main = join(import.meta.dirname, '../../../dist/cli/main.js')
  const { status, stdout } = spawnSync(process.execPath, [main, 'import', '-', '--json'], {
    cwd: t.testdir({}),
    input: CONF,
    encoding: 'utf8',
  })
  t.equal(status, 0)
  t.match(JSON.parse(stdout), { from: 'coturn', valid: true })
})

t.test('O-28: the report says who can read the file that was written', async t => {
  const folder = t.testdir({ 'turnserver.conf': CONF, 'turnserver.json': '{}' })
  chmodSync(join(folder, 'turnserver.json'), 0o640)
  const { stderr } = await run(folder, ['import', 'turnserver.conf', '--force'])
  t.match(stderr, /can be read by its owner and group/)
})

t.test('O-29: the placeholder that the import writes itself is not called an example', async t => {
  const folder = t.testdir({ 'turnserver.conf': 'use-auth-secret\nrealm=turn.example.org\n' })
  const { code, stdout } = await run(folder, ['import', 'turnserver.conf', '--json'])
  t.equal(code, 1)
  t.match(JSON.parse(stdout), { valid: false, problems: [], todo: [/turnadmin -S/] })
})
