import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { painter } from '../../../src/cli/io.ts'
import { languageOf } from '../../../src/cli/words.ts'
import { run } from '../../support/captured.ts'
import { folderWith, HOMESERVER } from '../../support/loading.ts'

const COMMANDS = [
  'serve',
  'init',
  'validate',
  'credentials',
  'snippet',
  'bench',
  'doctor',
  'replay',
  'import',
  'status',
  'sessions',
  'disconnect',
  'drain',
  'reload',
  'console',
  'test-link',
  'test-result',
  'completion',
]
const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', '..', 'package.json'), 'utf8'))

t.test('--version prints the version and nothing else', async t => {
  t.same(await run(t.testdir({}), ['--version']), { code: 0, stdout: `${manifest.version}\n`, stderr: '' })
})

t.test('--help names every command, the exit codes and the environment', async t => {
  const { code, stdout, stderr } = await run(t.testdir({}), ['--help'])

  t.equal(code, 0)
  t.equal(stderr, '')
  for (const command of COMMANDS) t.match(stdout, new RegExp(`taciturn ${command}`))
  t.match(stdout, /3 configuration invalid/)
  t.match(stdout, /TACITURN_CONFIG/)
})

t.test('every command has help with its options', async t => {
  for (const command of ['serve', 'init', 'validate', 'credentials', 'snippet', 'doctor']) {
    const { code, stdout } = await run(t.testdir({}), [command, '--help'])
    t.equal(code, 0)
    t.match(stdout, command === 'init' ? /--output/ : /--config/)
  }
})

for (const [mistake, argv, says] of [
  ['no command', [], /Give a command[\s\S]*taciturn --help/],
  ['an unknown command', ['frobnicate'], /frobnicate/],
  ['a misspelt command', ['snipet'], /Did you mean snippet/],
  ['U-10: run', ['run'], /no command "run"; perhaps: taciturn serve\n/],
  ['U-10: stop', ['stop'], /systemctl stop taciturn/],
  ['U-10: users', ['users'], /taciturn sessions/],
  ['U-10: version', ['version'], /taciturn --version/],
  ['U-10: the name of something every object has', ['constructor'], /constructor/],
  ['an unknown option', ['validate', '--efective'], /efective[\s\S]*taciturn validate --help/],
  ['an option without its value', ['validate', '--config'], /config/],
  ['a word too many', ['validate', 'this'], /this/],
  ['an unknown language', ['validate', '--lang', 'fr'], /fr/],
  ['a missing option', ['credentials'], /user/],
  ['a secret in argv', ['credentials', '--user', 'a', '--secret', 'x'], /secret/],
] as const) {
  t.test(`${mistake} is a mistake of usage, exit code 2`, async t => {
    const { code, stdout, stderr } = await run(t.testdir({}), argv)

    t.equal(code, 2)
    t.equal(stdout, '')
    t.match(stderr, says)
  })
}

for (const argv of [
  ['serve', '--cofnig', 'x'],
  ['serve', 'x'],
  ['serve', '--config'],
  ['serve', '--lang', 'fr'],
]) {
  t.test(`${argv.join(' ')} starts nothing`, async t => {
    const { code, stderr } = await run(t.testdir({}), argv)

    t.equal(code, 2)
    t.match(stderr, /taciturn serve --help/)
  })
}

t.test('no command takes a secret or password as an option [REST-08]', async t => {
  for (const command of COMMANDS) {
    const { stdout } = await run(t.testdir({}), [command, '--help'])
    t.notMatch(stdout, /--(secret|password|key)\b(?!-file)/)
  }
})

t.test('completion is a script, and knows the commands', async t => {
  const script = await run(t.testdir({}), ['completion'])
  const words = await run(t.testdir({}), ['--get-yargs-completions', 'taciturn', ''])

  t.equal(script.code, 0)
  t.match(script.stdout, /begin-taciturn-completions/)
  for (const command of COMMANDS) t.ok(words.stdout.split('\n').includes(command), command)
})

t.test('the language is what --lang says, else the environment, else English', async t => {
  t.equal(languageOf(['--lang', 'de'], { LANG: 'en_GB.UTF-8' }), 'de')
  t.equal(languageOf(['--lang=en'], { LANG: 'de_DE.UTF-8' }), 'en')
  t.equal(languageOf([], { LANG: 'de_AT.UTF-8' }), 'de')
  t.equal(languageOf([], { LANG: 'de_DE.UTF-8', LC_ALL: 'C' }), 'en')
  t.equal(languageOf([], { LANG: 'den' }), 'en')
  t.equal(languageOf([], {}), 'en')
  t.equal(languageOf(['--lang'], {}), 'en')
})

t.test('German help is German', async t => {
  const { stdout } = await run(t.testdir({}), ['credentials', '--help', '--lang', 'de'])

  t.match(stdout, /befristete Zugangsdaten ausstellen/)
  t.match(stdout, /Optionen:/)
})

t.test('colours are for terminals, and never under NO_COLOR', async t => {
  const terminal = { write: () => true, isTTY: true }
  const pipe = { write: () => true }

  t.equal(painter(terminal, {})('red', 'x'), '\u001b[31mx\u001b[39m')
  t.equal(painter(terminal, { NO_COLOR: '1' })('red', 'x'), 'x')
  t.equal(painter(terminal, { TERM: 'dumb' })('red', 'x'), 'x')
  t.equal(painter(pipe, {})('red', 'x'), 'x')
})

t.test('an invalid configuration ends every command with exit code 3', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER}, "udp": "fast" }` })
  for (const argv of [['serve'], ['validate'], ['credentials', '--user', 'a'], ['snippet', 'synapse']]) {
    const { code, stdout, stderr } = await run(folder, argv)
    t.equal(code, 3, argv.join(' '))
    t.equal(stdout, '')
    t.match(stderr, /turnserver\.json:1:\d+: udp: "fast" is not one of/)
    t.match(stderr, /\^{6}/)
    t.match(stderr, /1 problem\n/)
  }
})

t.test('errors are in colour on a terminal', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER}, "udp": "fast" }` })
  let said = ''
  await run(folder, ['validate'], { stderr: { isTTY: true, write: text => (said += text) } })

  t.match(said, '\u001b[31m^^^^^^\u001b[39m')
})
