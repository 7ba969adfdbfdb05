import { join } from 'node:path'
import t, { type Test } from 'tap'
import { effective } from '../../../src/config/effective.ts'
import { folderWith, HOMESERVER, loadText, problemsOf } from '../../support/loading.ts'

const withNotify = (notify: object) => `{ ${HOMESERVER}, "notify": ${JSON.stringify(notify)} }`
const faultOf = (t: Test, notify: object) => {
  const [problem] = problemsOf(t, withNotify(notify))
  return `${problem?.what}; ${problem?.fix}`
}
const EMAIL = { server: 'smtps://mail.example.org', from: 'turn@example.org', to: ['a@example.org'] }

t.test(
  'notifications take their secrets from files, and the settings in force show none of them',
  async t => {
    const config = withNotify({
      webhooks: [{ urlFile: 'hook', tokenFile: 'token' }],
      ntfy: [{ url: 'https://ntfy.sh/hush-hush' }],
      email: { ...EMAIL, user: 'turn', passwordFile: 'password' },
      matrix: { homeserver: 'https://matrix.example.org/', room: '#ops:example.org', tokenFile: 'token' },
    })
    const files = {
      hook: 'https://chat.example.org/hooks/hush\n',
      token: 'syt_hush\n',
      password: 'hush hush\n',
    }
    const { settings, files: read } = loadText(t, config, files)

    t.match(settings.notify, {
      level: 'warn',
      after: 120,
      repeat: 86_400,
      webhooks: [{ url: 'https://chat.example.org/hooks/hush', token: 'syt_hush' }],
      ntfy: [{ url: 'https://ntfy.sh/hush-hush' }],
      email: { server: { protocol: 'smtps', host: 'mail.example.org', port: 465 }, password: 'hush hush' },
      matrix: { homeserver: 'https://matrix.example.org', token: 'syt_hush' },
    })
    t.ok(
      ['hook', 'token', 'password'].every(name => read.some(file => file.endsWith(`/${name}`))),
      'watched',
    )
    const shown = JSON.stringify(effective(settings))
    t.notMatch(shown, /hush/)
    t.match(shown, /smtps:\/\/mail\.example\.org:465/)
  },
)

t.test('what is wrong with notifications is said where it stands, and no secret is repeated', async t => {
  const faults: [object, RegExp][] = [
    [{ webhooks: [{}] }, /exactly one of "url" and "urlFile"/],
    [{ webhooks: [{ url: 'hush' }] }, /not a URL/],
    [{ webhooks: [{ url: 'https://a:hush@chat.example.org/' }] }, /not a URL/],
    [{ webhooks: [{ url: 'https://x.example/', token: 'hush hush' }] }, /no spaces/],
    [{ ntfy: [{ url: 'https://ntfy.sh/' }] }, /does not end with a topic/],
    [{ ntfy: [{ url: 'https://ntfy.sh/a/b' }] }, /does not end with a topic/],
    [{ email: { ...EMAIL, server: 'mail.example.org' } }, /not a mail server; write "smtps:\/\//],
    [{ email: { ...EMAIL, server: 'smtps://turn:hush@mail.example.org' } }, /"smtps:\/\/…@mail.example.org"/],
    [{ email: { ...EMAIL, user: 'turn' } }, /belong together/],
    [{ email: { ...EMAIL, password: 'hush' } }, /belong together/],
    [{ email: { ...EMAIL, to: ['Alice <a@example.org>'] } }, /not an e-mail address/],
    [{ email: { ...EMAIL, to: [] } }, /empty|at least/],
    [{ matrix: { homeserver: 'https://m.example', room: '@a:m.example', token: 'x' } }, /not a Matrix room/],
    [{ matrix: { homeserver: 'https://m.example', room: '!a:m.example' } }, /exactly one of "token"/],
    [{ webhooks: [{ urlFile: 'missing' }] }, /missing/],
  ]
  for (const [notify, expected] of faults) {
    const said = faultOf(t, notify)
    t.match(said, expected, JSON.stringify(notify))
    t.notMatch(said, /hush/, JSON.stringify(notify))
  }
})

t.test('a secret file that everybody can read is refused', async t => {
  const folder = folderWith(
    t,
    { 'turnserver.json': withNotify({ webhooks: [{ urlFile: 'hook' }] }), hook: 'https://x.example/' },
    { hook: 0o644 },
  )
  const { load } = await import('../../../src/config/load.ts')
  t.throws(
    () => load({ path: 'turnserver.json', cwd: folder, env: { TACITURN_STATE: join(folder, 's') } }),
    /read/,
  )
})

t.test('a "notify" that tells nobody is warned of', async t => {
  t.match(loadText(t, withNotify({})).warnings.join(), /nobody is told of anything/)
})
