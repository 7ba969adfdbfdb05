import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { firstConfig, firstValues } from '../../../src/cli/first/first-config.ts'
import { cliWords } from '../../../src/cli/words.ts'
import { load } from '../../../src/config/load.ts'
import { run } from '../../support/captured.ts'

t.test('init writes a file that is valid as it stands, for its owner only', async t => {
  const folder = t.testdir({})
  const { code, stdout, stderr } = await run(folder, [
    'init',
    '--realm',
    'turn.example.org',
    '--homeserver',
    'example.org',
  ])
  const { settings, warnings } = load({ cwd: folder, env: {} })

  t.equal(code, 0)
  t.equal(stdout, '')
  t.equal(statSync(join(folder, 'turnserver.json')).mode & 0o777, 0o600)
  t.equal(settings.realm, 'turn.example.org')
  t.equal(settings.homeservers[0]!.name, 'example.org')
  t.match(settings.homeservers[0]!.secrets[0]!.value, /^[0-9a-f]{64}$/)
  t.same(warnings, [])
  t.notMatch(stderr, settings.homeservers[0]!.secrets[0]!.value)
  t.match(stderr, /taciturn snippet synapse --config turnserver\.json/)
})

t.test('two files never have the same secret', async t => {
  const folder = t.testdir({})
  for (const output of ['a.json', 'b.json']) await run(folder, ['init', '--output', output])
  const secret = (path: string) =>
    load({ path, cwd: folder, env: {} }).settings.homeservers[0]!.secrets[0]!.value

  t.not(secret('a.json'), secret('b.json'))
})

t.test('init does not replace a file unless told to [exit code 5]', async t => {
  const folder = t.testdir({})
  writeFileSync(join(folder, 'turnserver.json'), 'precious', { mode: 0o644 })
  const refused = await run(folder, ['init'])
  const kept = readFileSync(join(folder, 'turnserver.json'), 'utf8')
  const forced = await run(folder, ['init', '--force'])

  t.equal(refused.code, 5)
  t.match(refused.stderr, /--force replaces it/)
  t.equal(kept, 'precious')
  t.equal(forced.code, 0)
  t.equal(statSync(join(folder, 'turnserver.json')).mode & 0o777, 0o600)
  load({ cwd: folder, env: {} })
})

t.test('a group that could read the file can read the one that replaces it', async t => {
  const folder = t.testdir({})
  const file = join(folder, 'turnserver.json')
  writeFileSync(file, '{}', { mode: 0o640 })
  await run(folder, ['init', '--force'])

  t.equal(statSync(file).mode & 0o777, 0o640)
})

t.test('U-06: the configuration of a service names certificates that the service can read', async t => {
  const folder = t.testdir({})
  const file = join(folder, 'turnserver.json')
  await run(folder, ['init', '--realm', 'turn.example.org', '--output', file])
  t.match(readFileSync(file, 'utf8'), '/etc/letsencrypt/live/turn.example.org/fullchain.pem')
  writeFileSync(file, '{}')
  chmodSync(file, 0o640)
  const { stderr } = await run(folder, ['init', '--realm', 'turn.example.org', '--output', file, '--force'])
  t.match(readFileSync(file, 'utf8'), join(folder, 'fullchain.pem'))
  t.notMatch(readFileSync(file, 'utf8'), 'letsencrypt')
  t.match(stderr, 'systemctl restart taciturn')
  t.notMatch(stderr, 'taciturn serve', 'the service has its ports')
})

t.test('without a terminal nothing is asked; the homeserver is guessed from the realm', async t => {
  const folder = t.testdir({})
  await run(folder, ['init', '--realm', 'turn.example.org'])

  t.equal(load({ cwd: folder, env: {} }).settings.homeservers[0]!.name, 'example.org')
})

t.test('on a terminal the names are asked for, and an empty answer takes the proposal', async t => {
  const folder = t.testdir({})
  const { ask, questions } = answers([
    [/DNS name/, 'turn.example.net'],
    [/behind a router/, 'no'],
  ])
  await run(folder, ['init'], { ask })
  const { settings } = load({ cwd: folder, env: {} })

  t.equal(questions.length, 4)
  t.match(questions[1], /\[example\.net\]/)
  t.equal(settings.realm, 'turn.example.net')
  t.equal(settings.homeservers[0]!.name, 'example.net')
  t.equal(settings.tls, undefined)
})

t.test(
  'UW-01: at home it is asked how the Internet reaches the machine, and who forwards the ports',
  async t => {
    for (const [language, yes, mapping] of [
      ['en', 'yes', /ask the router to forward its ports/],
      ['de', 'ja', /Router bitten, seine Ports weiterzuleiten/],
    ] as const) {
      const folder = t.testdir({})
      const { ask, questions } = answers([
        [/DNS[- ][nN]ame/, 'turn.example.net'],
        [/Is it behind a router|Steht er hinter einem Router/, yes],
        [mapping, yes.toUpperCase()],
      ])
      const { code, stderr } = await run(folder, ['init', '--lang', language], { ask })
      const { settings, warnings } = load({ cwd: folder, env: {} })

      t.equal(code, 0)
      t.equal(questions.length, 6)
      t.same(warnings, [])
      t.match(settings.relay, {
        addresses: [{ local: 'auto', public: 'turn.example.net' }],
        portMapping: 'auto',
        ports: { from: 49_152, to: 49_407 },
      })
      t.notMatch(stderr, '--public-address')
    }
  },
)

t.test('OW-13: --map-ports has the router say the address where none is given', async t => {
  const folder = t.testdir({})
  await run(folder, ['init', '--realm', 'raspberrypi', '--map-ports'])
  t.match(readFileSync(join(folder, 'turnserver.json'), 'utf8'), /"addresses": \["auto=pcp"\]/)
  t.equal(load({ cwd: folder, env: {} }).settings.relay.portMapping, 'auto')
})

t.test(
  'OW-09: a certificate is made by an authority where that is wished, and init says what must be open',
  async t => {
    const folder = t.testdir({})
    const { ask } = answers([
      [/DNS name/, 'turn.example.org'],
      [/behind a router/, 'no'],
      [/Let's Encrypt/, 'y'],
    ])
    await run(folder, ['init'], { ask })
    t.ok(load({ cwd: folder, env: {} }).settings.tls?.acme)

    const file = join(folder, 'service.json')
    writeFileSync(file, '{}')
    chmodSync(file, 0o640)
    const of = [
      'init',
      '--realm',
      'turn.example.org',
      '--certificate',
      'letsencrypt',
      '--force',
      '--output',
      file,
    ]
    const { stderr } = await run(folder, of)
    t.match(stderr, /port 443 \(TCP\) of turn\.example\.org must lead to this machine/)
    t.match(stderr, /systemctl enable --now taciturn\.socket[\s\S]*systemctl restart taciturn/)
    t.match(load({ path: file, cwd: folder, env: {} }).settings.listen.at(-1)!.address, { port: 443 })
  },
)

t.test(
  'without privileges port 80 is what the certificate needs, and no port is written that cannot be had',
  async t => {
    const parts = { realm: 'turn.example.org', name: 'example.org', addresses: ['auto'], mapsPorts: false }
    const { listen, tls } = firstValues({ ...parts, tls: { acme: 80 } }, 'secret')
    t.same(tls, { acme: { challenge: 'http-01' } })
    t.equal(listen?.length, 6)
    t.notMatch(listen?.join(), /:443/)
    const cwd = t.testdir({})
    const text = firstConfig(
      { ...parts, tls: { acme: 80 }, secret: '0123456789abcdef0123456789abcdef', schema: undefined },
      cliWords('en'),
    )
    writeFileSync(join(cwd, 'turnserver.json'), text, { mode: 0o600 })
    t.same(load({ cwd, env: {} }).warnings, [])
  },
)

t.test('OW-09: no certificate is wished for that no authority would make', async t => {
  const { ask, questions } = answers([[/DNS name/, 'raspberrypi']])
  await run(t.testdir({}), ['init'], { ask })
  t.notOk(questions.some(question => /Let's Encrypt/.test(question)))
  const folder = t.testdir({})
  const refused = await run(folder, ['init', '--realm', 'raspberrypi', '--certificate', 'letsencrypt'])
  t.match(refused, { code: 3, stderr: /no certificate can be made for the realm "raspberrypi"/ })
  t.throws(() => statSync(join(folder, 'turnserver.json')))
})

t.test('what is neither yes nor no is a mistake of usage, and nothing is written', async t => {
  const folder = t.testdir({})
  const { ask } = answers([[/behind a router/, 'perhaps']])
  t.match(await run(folder, ['init'], { ask }), { code: 2, stderr: /"perhaps" is neither yes nor no/ })
  t.throws(() => statSync(join(folder, 'turnserver.json')))
})

t.test(
  'where the realm was given nothing is asked: the next of several pasted lines is not an answer',
  async t => {
    const ask = async () => t.fail('asked') as never
    t.equal((await run(t.testdir({}), ['init', '--realm', 'turn.a.b'], { ask })).code, 0)
  },
)

t.test('what was given is not asked for again', async t => {
  const { ask, questions } = answers([])
  const given = ['--homeserver', 'b', '--public-address', 'turn.a.b', '--certificate', 'none']
  t.equal((await run(t.testdir({}), ['init', ...given], { ask })).code, 0)
  t.match(questions, [/DNS name/])
  t.equal(questions.length, 1)
})

t.test('a realm that cannot be one is a mistake of usage, and nothing is written', async t => {
  const folder = t.testdir({})
  const { code, stderr } = await run(folder, ['init', '--realm', 'my realm'])

  t.equal(code, 2)
  t.match(stderr, /is not a host name/)
  t.throws(() => statSync(join(folder, 'turnserver.json')))
})

t.test('a folder that is not there is told', async t => {
  const { code, stderr } = await run(t.testdir({}), ['init', '--output', 'nowhere/turnserver.json'])

  t.equal(code, 1)
  t.match(stderr, /cannot write nowhere\/turnserver\.json: its folder is not there/)
})

t.test('the comments are German where German is asked for', async t => {
  const folder = t.testdir({})
  await run(folder, ['init', '--lang', 'de'])

  t.match(readFileSync(join(folder, 'turnserver.json'), 'utf8'), /Wer Zugangsdaten ausstellen darf/)
})

t.test('behind a router the configuration names what the Internet sees', async t => {
  const folder = t.testdir({})
  const { code, stderr } = await run(folder, ['init', '--public-address', 'turn.example.org'])
  const { settings } = load({ cwd: folder, env: {} })

  t.equal(code, 0)
  t.match(settings.relay.addresses, [{ local: 'auto', public: 'turn.example.org' }])
  t.notMatch(stderr, '--public-address', 'what is there need not be proposed')
  for (const [language, said] of [
    ['en', /^taciturn: "my place" is neither an address nor a name; /],
    ['de', /„my place“ ist weder eine Adresse noch ein Name; /],
  ] as const) {
    const refused = await run(t.testdir({}), ['init', '--public-address', 'my place', '--lang', language])
    t.equal(refused.code, 2)
    t.match(refused.stderr, said)
  }
})

/** Somebody who answers these questions, and presses Enter at all others. */
function answers(known: readonly (readonly [RegExp, string])[]) {
  const questions: string[] = []
  const ask = async (question: string) => {
    questions.push(question)
    return known.find(([asked]) => asked.test(question))?.[1] ?? ''
  }
  return { ask, questions }
}
