import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { painter } from '../../../src/cli/io.ts'
import { languageOf } from '../../../src/cli/words.ts'
import { type Outcome, run } from '../../support/captured.ts'
import { folderWith, HOMESERVER } from '../../support/loading.ts'
import { need } from '../../support/need.ts'

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
  'upgrade',
  'reload',
  'console',
  'usage-link',
  'test-link',
  'test-result',
  'help',
  'version',
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

for (const argv of [[], ['-h'], ['--help'], ['help'], ['help', '--help']]) {
  t.test(`T-06: taciturn ${argv.join(' ')} prints the commands in groups`.replace('  ', ' '), async t => {
    const { code, stdout, stderr } = await run(t.testdir({}), argv)

    t.same({ code, stderr }, { code: 0, stderr: '' })
    t.match(
      stdout,
      /\n\nSet up:\n {2}taciturn init [\s\S]*\n\nManage the running relay:\n {2}taciturn status /,
    )
    for (const command of COMMANDS) t.equal(stdout.split(`\n  taciturn ${command} `).length, 2, command)
  })
}

for (const argv of [['version'], ['-v'], ['-V'], ['--version']]) {
  t.test(`U-31: taciturn ${argv[0]} prints the version`, async t => {
    t.same(await run(t.testdir({}), argv), { code: 0, stdout: `${manifest.version}\n`, stderr: '' })
  })
}

t.test('U-31: help COMMAND and COMMAND -h print the help of the command', async t => {
  for (const command of COMMANDS.filter(name => name !== 'help' && name !== 'completion')) {
    const long = await run(t.testdir({}), [command, '--help'])
    t.match(long.stdout, new RegExp(`^taciturn ${command}\\b`))
    t.same(await run(t.testdir({}), ['help', command]), long, command)
    t.same(await run(t.testdir({}), [command, '-h']), long, command)
  }
})

t.test('U-31: the configuration is named with -c, and for validate by its name alone', async t => {
  const folder = folderWith(t, { 'other.json': `{ ${HOMESERVER}, "udp": "fast" }` })
  for (const argv of [
    ['validate', '-c', 'other.json'],
    ['validate', 'other.json'],
    ['serve', '-c', 'other.json'],
    ['serve', 'other.json'],
    ['credentials', '--user', 'a', '-c', 'other.json'],
  ]) {
    t.match(await run(folder, argv), { code: 3, stderr: /other\.json:1:\d+: udp: "fast"/ }, argv.join(' '))
  }
})

t.test('every command has help with its options', async t => {
  for (const command of ['serve', 'init', 'validate', 'credentials', 'snippet', 'doctor']) {
    const { code, stdout } = await run(t.testdir({}), [command, '--help'])
    t.equal(code, 0)
    t.match(stdout, command === 'init' ? /--output/ : /--config/)
  }
})

for (const [mistake, argv, says] of [
  ['an unknown command', ['frobnicate'], /no command "frobnicate"\nSee: taciturn --help/],
  ['U-31: a misspelt command', ['snipet'], /no command "snipet"; did you mean snippet\?/],
  ['U-31: a misspelt command after an option', ['--lang', 'en', 'snipet'], /did you mean snippet\?/],
  ['U-31: help for what is not there', ['help', 'snipet'], /did you mean snippet\?/],
  ['U-10: run', ['run'], /no command "run"; perhaps: taciturn serve\n/],
  ['U-10: stop', ['stop'], /systemctl stop taciturn/],
  ['U-10: users', ['users'], /taciturn sessions/],
  ['U-10: the name of something every object has', ['constructor'], /constructor/],
  [
    'U-31: a misspelt option',
    ['validate', '--confg', 'x'],
    /unknown option --confg; did you mean --config\?\nSee: taciturn validate --help/,
  ],
  [
    'U-31: two misspelt options',
    ['snippet', '--secrt-file', 'x', '--hst=y'],
    /unknown option --secrt-file; did you mean --secret-file\?; unknown option --hst; did you mean --host\?\n/,
  ],
  ['U-31: an option like no other', ['validate', '--frobnicate'], /unknown option --frobnicate\n/],
  ['U-31: an unknown letter', ['validate', '-x'], /unknown option -x\n/],
  ['U-31: two files', ['validate', 'a', '-c', 'b'], /given twice: a and --config/],
  ['U-31: two files for serve', ['serve', 'a', '--config', 'b'], /given twice: a and --config/],
  ['U-16: an empty name of a file', ['validate', ''], /--config has no value/],
  ['U-16: an empty -c', ['serve', '-c', ''], /--config has no value/],
  ['U-45: an option without its value', ['validate', '--config'], /--config needs a value/],
  ['a word too many', ['validate', 'this', 'that'], /unexpected argument "that"/],
  ['U-45: an unknown language', ['validate', '--lang', 'fr'], /--lang cannot be "fr"; choose one of: en, de/],
  ['U-45: a missing option', ['credentials'], /--user is missing/],
  ['U-45: an option that needs another', ['doctor', '--token-file', 'x'], /--token-file needs --homeserver/],
  [
    'U-45: options that exclude each other',
    ['doctor', '--turn-uri', 'a', '--homeserver', 'b'],
    /--turn-uri and --homeserver cannot be used together/,
  ],
  ['a missing argument', ['test-result'], /an argument is missing/],
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
  ['serve', 'x', 'y'],
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

t.test(
  'U-05: a folder that is closed to an ordinary user is told with what to do, exit code 5',
  need('setpriv'),
  async t => {
    const closed = join(t.testdir({ closed: { 'turnserver.json': `{ ${HOMESERVER} }` } }), 'closed')
    chmodSync(closed, 0o000)
    const asked = [
      ['status'],
      ['validate'],
      ['credentials', '--user', 'a'],
      ['console'],
      ['serve'],
      ['validate', join(closed, 'turnserver.json')],
      ['status', '-c', join(closed, 'turnserver.json')],
    ]
    const outcomes = asked.map(argv => runAsOwner(closed, argv))
    chmodSync(closed, 0o700)
    for (const [i, { code, stdout, stderr }] of outcomes.entries()) {
      const argv = asked[i]!
      t.same({ code, stdout }, { code: 5, stdout: '' }, argv.join(' '))
      t.match(stderr, new RegExp(`only \\S+ may read ${closed}; run: sudo taciturn ${argv.join(' ')}\n`))
    }
  },
)

t.test(
  'U-05: where a group may read the configuration, the way into it is told',
  need('setpriv'),
  async t => {
    const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER} }` })
    const file = join(folder, 'turnserver.json')
    chmodSync(file, 0o040)
    if (process.getuid?.() === 0) {
      t.notMatch(
        runAsOwner(folder, ['validate']).stderr,
        'usermod',
        'nobody is told to join the group of root',
      )
      chownSync(file, 0, 1)
    }
    const { code, stderr } = runAsOwner(folder, ['validate'])
    t.equal(code, 5)
    t.match(stderr, /and the group \S+ may read .*turnserver\.json; run: sudo taciturn validate\n/)
    t.match(stderr, /sudo usermod -aG \S+ \S+\n/)
  },
)

/** Runs the program that was built where root, too, needs the permission of a file to read it. */
function runAsOwner(cwd: string, argv: readonly string[]): Outcome {
  const main = join(import.meta.dirname, '../../../dist/cli/main.js')
  const bounded = process.getuid?.() === 0 ? ['--bounding-set=-dac_override,-dac_read_search'] : []
  const { status, stdout, stderr } = spawnSync('setpriv', [...bounded, process.execPath, main, ...argv], {
    // A process cannot start in a folder that is closed to it.
    cwd: '/',
    env: {
      ...process.env,
      TACITURN_CONFIG: join(cwd, 'turnserver.json'),
      LANG: 'C',
      TACITURN_STATE: '/nowhere',
    },
    encoding: 'utf8',
  })
  return { code: status ?? -1, stdout, stderr }
}
