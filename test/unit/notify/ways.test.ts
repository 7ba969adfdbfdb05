import t from 'tap'
import { email, smtpOptions } from '../../../src/notify/email.ts'
import { matrix } from '../../../src/notify/matrix.ts'
import { Letterhead } from '../../../src/notify/message.ts'
import { ntfy } from '../../../src/notify/ntfy.ts'
import { webhook } from '../../../src/notify/webhook.ts'
import { type RunningText, sayRunning } from '../../../src/texts/running.ts'
import { makeAuthority } from '../../support/authority.ts'
import { mailbox } from '../../support/mailbox.ts'
import { postOffice } from '../../support/post-office.ts'

const SINCE = Date.UTC(2030, 4, 14, 9, 30)
const letterhead = new Letterhead({ relay: 'turn.example.org', language: 'de' })
const finding = { id: 'ports', level: 'bad', values: { used: 99, limit: 100, share: 0.99 } } as const
const MESSAGE = letterhead.write(
  '6f1c',
  [{ kind: 'begun', key: 'ports', finding, since: SINCE }],
  SINCE + 60_000,
)
const NOBODY = 'http://127.0.0.1:1'

/** Why a message was not taken, in words. */
async function why(sent: Promise<RunningText | undefined>): Promise<string> {
  const text = await sent
  return text ? sayRunning(text, 'en') : ''
}

t.test('a webhook gets a text that chat programs show, and the parts for programs', async t => {
  const { url, got } = await postOffice(t)
  t.equal(await webhook('webhook 1', { url: `${url}/hooks/x?y=1`, token: 'abc' }).send(MESSAGE), undefined)
  t.match(got, [
    {
      method: 'POST',
      path: '/hooks/x?y=1',
      headers: { authorization: 'Bearer abc', 'content-type': 'application/json' },
      body: {
        text: /^turn\.example\.org: 1 Problem\nProblem: 99.% der Relay-Ports/,
        content: /^turn/,
        relay: 'turn.example.org',
        level: 'bad',
        findings: [{ id: 'ports', state: 'begun', since: '2030-05-14T09:30:00.000Z', values: { used: 99 } }],
      },
    },
  ])
})

t.test('what a webhook does not take has a reason, in which its URL does not appear', async t => {
  const answers: [number, RegExp][] = [
    [401, /refuses the token/],
    [404, /nothing is at this URL/],
    [429, /too much lately \(429\)/],
    [500, /status 500/],
    [302, /redirects/],
  ]
  for (const [status, reason] of answers) {
    const { url, got } = await postOffice(t, () => [status, {}, { location: 'http://127.0.0.1:1/elsewhere' }])
    const said = await why(webhook('webhook 1', { url: `${url}/hush` }).send(MESSAGE))
    t.match(said, reason)
    t.notMatch(said, /hush|127/)
    t.equal(got.length, 1, 'a redirect is not followed')
  }
  t.equal(await why(webhook('webhook 1', { url: `${NOBODY}/hush` }).send(MESSAGE)), 'nothing listens there')
})

t.test('ntfy gets the topic, a priority and every character', async t => {
  const { url, got } = await postOffice(t)
  t.equal(await ntfy('ntfy 1', { url: `${url}/turn-ä`.replace('ä', 'a') }).send(MESSAGE), undefined)
  t.match(got, [
    {
      method: 'POST',
      path: '/',
      body: {
        topic: 'turn-a',
        title: 'turn.example.org: 1 Problem',
        message: /Relay-Ports sind belegt/,
        priority: 5,
        tags: ['rotating_light'],
      },
    },
  ])
  t.notOk('authorization' in got[0]!.headers)
})

t.test('Matrix: joins the room once, then writes to it under ids that are never used twice', async t => {
  const { url, got } = await postOffice(t, ({ path }) =>
    path.includes('/join/') ? [200, { room_id: '!room:example.org' }] : [200, { event_id: '$1' }],
  )
  const way = matrix({ homeserver: url, room: '#ops:example.org', token: 'syt_x' })
  t.equal(await way.send(MESSAGE), undefined)
  t.equal(await way.send({ ...MESSAGE, id: '77aa' }), undefined)
  t.same(
    got.map(({ method, path }) => `${method} ${path}`),
    [
      'POST /_matrix/client/v3/join/%23ops%3Aexample.org',
      'PUT /_matrix/client/v3/rooms/!room%3Aexample.org/send/m.room.message/6f1c',
      'PUT /_matrix/client/v3/rooms/!room%3Aexample.org/send/m.room.message/77aa',
    ],
  )
  t.match(got[1], {
    headers: { authorization: 'Bearer syt_x' },
    body: { msgtype: 'm.text', formatted_body: /^<strong>turn\.example\.org: 1 Problem<\/strong><br>/ },
  })
})

t.test('Matrix: what a homeserver refuses is said in words that help', async t => {
  const refusals = [
    [401, 'M_UNKNOWN_TOKEN', /does not know the token/],
    [403, 'M_FORBIDDEN', /invite it/],
    [404, 'M_NOT_FOUND', /no such room/],
    [429, 'M_LIMIT_EXCEEDED', /too much lately/],
    [502, undefined, /status 502/],
  ] as const
  for (const [status, errcode, reason] of refusals) {
    const { url } = await postOffice(t, () => [status, { errcode }])
    const way = matrix({ homeserver: url, room: '!r:example.org', token: 'x' })
    t.match(await why(way.send(MESSAGE)), reason)
  }
})

t.test('Matrix: an account that was taken out of the room joins again when it is invited', async t => {
  let isMember = false
  const { url, got } = await postOffice(t, ({ path }) => {
    if (path.includes('/join/')) return [200, { room_id: '!r:example.org' }]
    return isMember ? [200, { event_id: '$1' }] : [403, { errcode: 'M_FORBIDDEN' }]
  })
  const way = matrix({ homeserver: url, room: '!r:example.org', token: 'x' })
  t.match(await why(way.send(MESSAGE)), /invite it/)
  isMember = true
  t.equal(await way.send(MESSAGE), undefined)
  t.equal(got.filter(({ path }) => path.includes('/join/')).length, 2)
})

t.test('texts of strangers are not HTML in a Matrix room', async t => {
  const { url, got } = await postOffice(t, () => [200, { room_id: '!r:example.org' }])
  await matrix({ homeserver: url, room: '!r:example.org', token: 'x' }).send({
    ...MESSAGE,
    lines: ['<b>&'],
  })
  t.match(got.at(-1)?.body, { formatted_body: /<br>&lt;b&gt;&amp;$/ })
})

const letterOf = (port: number, over = {}) =>
  email({
    server: { protocol: 'smtp', host: '127.0.0.1', port },
    from: 'turn@example.org',
    to: ['a@example.org', 'b@example.net'],
    ...over,
  })

t.test('e-mail reaches every recipient by SMTP, with the name and password that are given', async t => {
  const { port, letters } = await mailbox(t, { login: ['turn', 'päss word'] })
  t.equal(await letterOf(port, { user: 'turn', password: 'päss word' }).send(MESSAGE), undefined)
  const [letter] = letters
  t.match(letter, {
    from: 'turn@example.org',
    to: ['a@example.org', 'b@example.net'],
    login: ['turn', 'päss word'],
  })
  t.match(letter?.text, /^Subject: turn\.example\.org: 1 Problem$/m)
  t.match(letter?.text, /^Message-ID: <6f1c@example\.org>$/m)
  t.match(letter?.text, /^Auto-Submitted: auto-generated$/m)
})

t.test('e-mail that is not taken has a reason', async t => {
  const wrong = await mailbox(t, { login: ['turn', 'right'] })
  t.match(
    await why(letterOf(wrong.port, { user: 'turn', password: 'hush' }).send(MESSAGE)),
    /name or the password \(535\)/,
  )
  const full = await mailbox(t, { refuse: true })
  t.match(await why(letterOf(full.port).send(MESSAGE)), /refuses the message: 550 5\.1\.1/)
  t.match(await why(letterOf(1).send(MESSAGE)), /cannot be reached.*ECONNREFUSED/)
})

t.test('smtps speaks TLS, and trusts no certificate that nobody vouches for', async t => {
  const { certificate, key } = makeAuthority().issue({ ips: ['127.0.0.1'] })
  const { port, said } = await mailbox(t, { tls: { key, cert: certificate } })
  const server = { protocol: 'smtps', host: '127.0.0.1', port } as const
  t.match(
    await why(letterOf(port, { server, user: 'turn', password: 'hush' }).send(MESSAGE)),
    /no trusted authority/,
  )
  t.same(said, [], 'nothing was said')
})

t.test('TLS is insisted on, but for a mail server on this machine', async t => {
  const of = (host: string, protocol: 'smtp' | 'smtps' = 'smtp') =>
    smtpOptions({ server: { protocol, host, port: 25 }, from: 'a@b.example', to: [] })
  for (const host of ['mail.example.org', '192.0.2.1', '[2001:db8::1]', '127.example.org'])
    t.match(of(host), { requireTLS: true, secure: false }, host)
  for (const host of ['127.0.0.1', 'localhost', '[::1]']) t.match(of(host), { ignoreTLS: true }, host)
  t.match(of('mail.example.org', 'smtps'), { secure: true })
})

t.test('a letter with a server that offers no TLS is not sent, and no password is told', async t => {
  const { port, said } = await mailbox(t, { login: ['turn', 'hush'] })
  const { createTransport } = await import('nodemailer')
  const options = {
    ...smtpOptions({
      server: { protocol: 'smtp', host: 'mail.example.org', port },
      user: 'turn',
      password: 'hush',
      from: 'turn@example.org',
      to: [],
    }),
    host: '127.0.0.1',
  }
  await t.rejects(createTransport(options).sendMail({ from: 'a@b.example', to: 'c@d.example', text: 'x' }), {
    code: 'ETLS',
  })
  t.notOk(said.some(line => line.startsWith('AUTH')))
})

t.test('U-21: why a message was not sent is data, and said in the language of the reader', async t => {
  const text = await webhook('webhook 1', { url: NOBODY }).send(MESSAGE)
  t.equal(sayRunning(text!, 'de'), 'dort lauscht nichts')
  t.equal(sayRunning(text!, 'en'), 'nothing listens there')
})
