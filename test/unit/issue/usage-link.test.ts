import t from 'tap'
import type { Homeserver } from '../../../src/config/settings.ts'
import { type ByOpenIdPorts, usageLinkByOpenId } from '../../../src/issue/by-openid.ts'
import type { IssueNote } from '../../../src/issue/note.ts'
import type { Verified } from '../../../src/issue/openid.ts'

const HOMESERVER = {
  name: 'hs',
  secrets: [],
  paused: true,
  backends: [],
  openid: ['hs.test'],
} satisfies Homeserver

async function ask(body: string, verified: Verified, url = 'https://turn.example/usage#x') {
  const notes: IssueNote[] = []
  const linked: string[] = []
  const ports: ByOpenIdPorts = {
    homeservers: [HOMESERVER],
    verify: async () => verified,
    issue: () => t.fail('no credential is asked for') as never,
    usageLink: (homeserver, user) => {
      linked.push(`${homeserver} ${user}`)
      return url === '' ? undefined : { url, expires: 1 }
    },
    note: note => void notes.push(note),
  }
  const question = {
    method: 'POST',
    path: '/usage-link',
    query: new URLSearchParams(),
    headers: {},
    host: '',
    body,
  }
  return { answer: await usageLinkByOpenId(question, ports), notes, linked }
}

const shown = (server = 'hs.test') => JSON.stringify({ access_token: 'opaque', matrix_server_name: server })
const alice: Verified = { kind: 'user', user: '@alice:hs.test' }

t.test('whoever proves by OpenID who they are gets a link to their own page, and to no other', async t => {
  const { answer, notes, linked } = await ask(shown(), alice)
  t.same(answer, { status: 200, body: { url: 'https://turn.example/usage#x', expires: 1 } })
  t.same(linked, ['hs @alice:hs.test'])
  t.same(notes, [{ way: 'usage-link', outcome: 'issued', homeserver: 'hs', user: '@alice:hs.test' }])
  t.notMatch(JSON.stringify(notes), /opaque|#x/, 'neither token is told')
})

for (const [what, body, verified, status] of [
  ['a token that the server does not know', shown(), { kind: 'unknown' }, 401],
  ['a server that does not answer', shown(), { kind: 'failed', why: 'timeout' }, 502],
  ['a server on no list', shown('evil.example'), alice, 403],
  ['no token', '{"matrix_server_name":"hs.test"}', alice, 400],
  ['no JSON', 'x', alice, 400],
] as const)
  t.test(`${what} gets no link`, async t => {
    const { answer, linked } = await ask(body, verified)
    t.equal(answer.status, status)
    t.same(linked, [])
  })

t.test('a relay without such pages says so', async t => {
  const { answer, notes } = await ask(shown(), alice, '')
  t.match(answer, { status: 404, body: { errcode: 'M_NOT_FOUND' } })
  t.match(notes, [{ outcome: 'nothing' }])
})
