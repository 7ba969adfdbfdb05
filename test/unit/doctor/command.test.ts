import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Ticker } from '../../../src/cli/ticker.ts'
import { run } from '../../support/captured.ts'
import { folderWith, HOMESERVER } from '../../support/loading.ts'

const URI = ['--turn-uri', 'turn:127.0.0.1:3478']

for (const [mistake, argv, says] of [
  ['a URI that is none', ['--turn-uri', 'http://x'], /"http:\/\/x" is not a TURN URI/],
  ['a URI and a homeserver', [...URI, '--homeserver', 'x'], /turn-uri/],
  ['a user without a password', [...URI, '--user', 'a'], /--password-file/],
  [
    'a secret file that is not there',
    [...URI, '--secret-file', 'nowhere'],
    /cannot read nowhere: there is no such file/,
  ],
  ['an address that is none', [...URI, '--secret-file', 'secret', '--resolve', 'a=b'], /HOST=IP/],
  ['a STUN server that is none', [...URI, '--secret-file', 'secret', '--stun', ':'], /HOST:PORT/],
  [
    'a LiveKit file that is not there',
    [...URI, '--secret-file', 'secret', '--livekit', 'no'],
    /cannot read no/,
  ],
  ['an empty secret', [...URI, '--secret-file', 'empty'], /secret is empty/],
  ['a homeserver that is none', ['--homeserver', 'ftp://x'], /is not a homeserver/],
  ['a homeserver with a password in it', ['--homeserver', 'https://a:b@x'], /is not a homeserver/],
  ['a homeserver elsewhere without TLS', ['--homeserver', 'http://example.org'], /not encrypted/],
  ['a token without a homeserver', ['--token-file', 'secret'], /token-file|homeserver/],
  ['a password without a user', [...URI, '--password-file', 'secret'], /password-file|user/],
  ['a password in argv', [...URI, '--password', 'x'], /password/],
  ['a token in argv', ['--homeserver', 'https://x', '--token', 'x'], /token/],
] as const) {
  t.test(`${mistake} is a mistake of usage, exit code 2`, async t => {
    const folder = folderWith(t, { secret: 'a secret\n', empty: '\n' })
    const { code, stdout, stderr } = await run(folder, ['doctor', ...argv])
    t.equal(code, 2)
    t.equal(stdout, '')
    t.match(stderr, says)
  })
}

t.test('an invalid configuration is exit code 3, as text and as JSON', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER}, "udp": "fast" }` })
  const text = await run(folder, ['doctor'])
  t.equal(text.code, 3)
  t.match(text.stderr, /turnserver\.json:1:\d+: udp: "fast" is not one of/)
  const json = await run(folder, ['doctor', '--json'])
  t.equal(json.code, 3)
  t.match(JSON.parse(json.stdout), { exitCode: 3, findings: [{ id: 'config-invalid', severity: 'error' }] })
})

t.test('a relay that does not answer is exit code 4, in German too', async t => {
  const folder = folderWith(t, {})
  writeFileSync(join(folder, 'secret'), 'a secret of some length')
  // Port 1 of loopback: nobody listens there.
  const argv = ['doctor', '--turn-uri', 'turn:127.0.0.1:1', '--turn-uri', 'turn:127.0.0.1:1?transport=tcp']
  const { code, stdout, stderr } = await run(folder, [...argv, '--secret-file', 'secret', '--lang', 'de'])
  t.equal(code, 4)
  t.match(stdout, /nichts lauscht auf UDP-Port 1[\s\S]*nichts lauscht auf TCP-Port 1/)
  t.equal(stderr, '', 'no progress where there is no terminal')
  t.notMatch(stdout, '\u001b')
})

t.test('U-30: without a secret, what needs none is tested, and the rest is named', async t => {
  const { code, stdout } = await run(t.testdir({}), ['doctor', '--turn-uri', 'turn:127.0.0.1:1'])
  t.equal(code, 4)
  t.match(stdout, /nothing listens on UDP port 1/)
  t.match(stdout, /Also:\n[\s\S]* {2}• whether packets are relayed was not tested/)
})

t.test('U-39: progress is told in words', async t => {
  let shown = ''
  const stderr = { isTTY: true, write: (text: string) => (shown += text) }
  await run(t.testdir({}), ['doctor', '--turn-uri', 'turn:127.0.0.1:1'], { stderr })
  for (const what of ['this machine', 'the homeserver', 'names and network', 'the relay'])
    t.match(shown, what)
  t.notMatch(shown, /\d {2}[A-E][0-9]/)
})

t.test('what is missing is asked for at a terminal, and progress is shown there', async t => {
  const asked: string[] = []
  let shown = ''
  const { code } = await run(t.testdir({}), ['doctor', '--turn-uri', 'turn:127.0.0.1:1', '--user', 'alice'], {
    stderr: { isTTY: true, write: text => (shown += text) },
    askSecret: async question => {
      asked.push(question)
      return 'the password'
    },
  })
  t.equal(code, 4)
  t.same(asked, ['Password for alice: '])
  t.match(shown, /\d+\/\d+ {2}turn:127\.0\.0\.1:1/)
  t.ok(shown.endsWith('\r\u001b[K'), 'and is taken away again')
  t.notMatch(shown, 'the password')
})

t.test('a line of progress fits the terminal, and is nothing elsewhere', async t => {
  let shown = ''
  const output = { isTTY: true, columns: 20, write: (text: string) => (shown += text) }
  new Ticker(output, {}).show('x'.repeat(50))
  t.equal(shown, `\r\u001b[K${'x'.repeat(18)}…`)
  shown = ''
  new Ticker(output, { TERM: 'dumb' }).show('x')
  new Ticker({ write: output.write }, {}).show('x')
  t.equal(shown, '')
})
