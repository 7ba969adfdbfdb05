import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type CallClient, callClient } from '../support/call-client.ts'
import { credential } from '../support/credentials.ts'
import { type Issued, outcome, type Pair, pairUp, tryAllocate } from '../support/issued.ts'
import { need } from '../support/need.ts'
import { freePort } from '../support/ports.ts'
import { type RunningRelay, startRelay } from '../support/relay.ts'
import { reload } from '../support/reload.ts'
import { says, startWeb } from '../support/web.ts'

const KEY = 'f3a9c27d5b8e4160a7d2c9e1b40f6d38'
const OLD = 'qW4xT9bN2mK7vR5zL8cJ3hG6fD1sA0pY'
const NEW = 'Zz1yX8wV6uT4sR2qP0oN9mL7kJ5iH3gF'
const TOKEN = 'syt_secret_token'
const PATH = '/_matrix/client/v3/voip/turnServer'

t.setTimeout(400_000)

interface Issuer {
  readonly relay: RunningRelay
  ask(
    path: string,
    init?: RequestInit,
  ): Promise<{ readonly status: number; readonly json: Record<string, unknown> }>
  /** Changes keys of the homeserver. */
  change(homeserver: Record<string, unknown>): Promise<void>
}

/** A relay that hands out credentials for one homeserver. */
async function startIssuer(
  t: Test,
  homeserver: Record<string, unknown>,
  issue: Record<string, unknown> = {},
): Promise<Issuer> {
  const port = await freePort()
  const settings = (more: Record<string, unknown>) => ({
    realm: '127.0.0.1',
    homeservers: [{ name: 'hs.test', ...more }],
    issue: { listen: `http://127.0.0.1:${port}`, ...issue },
  })
  const relay = await startRelay({ against: 'taciturn', settings: settings(homeserver) })
  t.teardown(() => relay.stop())
  return {
    relay,
    ask: async (path, init = {}) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
      return { status: response.status, json: (await response.json()) as Record<string, unknown> }
    },
    change: more => reload(relay, config => ({ ...config, ...settings(more) })),
  }
}

const issuedBy = async (asking: ReturnType<Issuer['ask']>) => {
  const { status, json } = await asking
  if (status !== 200) throw new Error(`nothing was issued: ${status} ${JSON.stringify(json)}`)
  return json as unknown as Issued
}

t.test('a backend gets credentials by TURN REST that relay, until it is paused', need('openssl'), async t => {
  const backends = [{ name: 'website', apiKey: KEY }]
  const { relay, ask, change } = await startIssuer(t, { backends })
  const turn = (user: string) => ask(`/turn?service=turn&username=${encodeURIComponent(user)}&key=${KEY}`)
  const alice = await issuedBy(turn('alice'))
  t.same(alice.uris, [
    `turn:127.0.0.1:${relay.port}?transport=udp`,
    `turn:127.0.0.1:${relay.port}?transport=tcp`,
    `turns:127.0.0.1:${relay.tlsPort}?transport=tcp`,
  ])
  const call = await pairUp(alice, await issuedBy(turn('bob')))
  t.teardown(() => call.close())
  await call.exchange('relayed')

  await change({ backends, paused: true })
  t.equal((await turn('alice')).status, 404)
  t.equal(await tryAllocate(alice), 'rejected 403')
  await call.exchange('while it is paused')

  await change({ backends: [{ name: 'website', apiKey: `new ${KEY}` }] })
  t.equal((await turn('alice')).status, 401, 'a key that was taken back is out at once')
  t.equal(await tryAllocate(alice), 'allocated', 'and what it got before is still good')
  t.notMatch(relay.child.output, KEY)
  t.notOk(relay.child.output.includes(alice.password))
})

t.test('a secret that the relay made is the same after a restart', need('openssl'), async t => {
  const { relay, ask } = await startIssuer(t, { backends: [{ name: 'website', apiKey: KEY }] })
  const alice = await issuedBy(ask(`/turn?username=alice&key=${KEY}`))
  // A second relay with the same state folder stands for the same one after a restart.
  const again = await startRelay({
    against: 'taciturn',
    settings: {
      realm: '127.0.0.1',
      homeservers: [{ name: 'hs.test', backends: [{ name: 'website', apiKey: KEY }] }],
      issue: { listen: `http://127.0.0.1:${await freePort()}` },
      state: relay.folder,
    },
  })
  t.teardown(() => again.stop())
  const uris = [`turn:127.0.0.1:${again.port}?transport=udp`]
  t.equal(await tryAllocate({ ...alice, uris }), 'allocated')
})

t.test('rotating a secret file under 50 running calls drops none of them', need('openssl'), async t => {
  const file = join(t.testdir({}), 'secret')
  writeFileSync(file, OLD, { mode: 0o600 })
  const { relay } = await startIssuer(t, { secretFile: file, openid: ['friends.example'] })
  const uris = [`turn:127.0.0.1:${relay.port}?transport=udp`]
  const made = (secret: string, user: string): Issued => ({ ...credential(secret, user), ttl: 3600, uris })
  const calls: Pair[] = []
  for (let i = 0; i < 50; i++) {
    calls.push(await pairUp(made(OLD, `@a${i}:hs.test`), made(OLD, `@b${i}:hs.test`)))
  }
  t.teardown(() => {
    for (const call of calls) call.close()
  })
  await Promise.all(calls.map((call, i) => call.exchange(`before ${i}`)))

  // Nobody sends a signal: the file is followed.
  writeFileSync(file, `${NEW}\n`, { mode: 0o600 })
  await relay.child.says(/configuration reloaded/)
  t.equal(await tryAllocate(made(NEW, '@new:hs.test')), 'allocated')
  t.equal(await tryAllocate(made(OLD, '@old:hs.test')), 'rejected 401')

  await Promise.all(calls.map((call, i) => call.exchange(`after ${i}`)))
  const refreshed = await Promise.all(calls.flatMap(({ ends }) => ends.map(end => end.refresh(600))))
  t.same([...new Set(refreshed.map(outcome))], ['refreshed'])
  t.equal(refreshed.length, 100)
})

t.test('the shares of two homeservers are counted apart', need('openssl'), async t => {
  const port = await freePort()
  const other = { name: 'other.test', secrets: [NEW] }
  const relay = await startRelay({
    against: 'taciturn',
    settings: {
      homeservers: [{ name: 'hs.test', secrets: [OLD], limits: { allocations: 2 } }, other],
      metrics: `http://127.0.0.1:${port}`,
    },
  })
  t.teardown(() => relay.stop())
  const clients: CallClient[] = []
  for (const [secret, expected] of [
    [OLD, 'allocated'],
    [OLD, 'allocated'],
    [OLD, 'rejected 486'],
    [NEW, 'allocated'],
  ] as const) {
    const client = await callClient(relay.port, secret, '@alice:example.org')
    clients.push(client)
    t.equal(outcome(await client.allocate()), expected)
  }
  t.teardown(() => {
    for (const client of clients) client.close()
  })
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  t.match(page, /^taciturn_homeserver_allocations\{homeserver="hs\.test"\} 2$/m)
  t.match(page, /^taciturn_homeserver_allocations\{homeserver="other\.test"\} 1$/m)
})

for (const [what, answer, status] of [
  ['is down behind its proxy', says(502, 'bad gateway'), 502],
  ['never answers', () => {}, 502],
  ['sends a huge body', says(200, ' '.repeat(200_000)), 502],
  ['redirects to loopback', says(302, '', { location: 'http://127.0.0.1:9/' }), 502],
  ['names nobody', says(200, { user_id: 'mallory' }), 502],
  ['knows no such token', says(401, { errcode: 'M_UNKNOWN_TOKEN' }), 401],
] as const) {
  t.test(`while the homeserver ${what}, calls go on and nothing leaks`, need('openssl'), async t => {
    const web = await startWeb(t, answer)
    const { relay, ask } = await startIssuer(t, { secrets: [OLD], standIn: { url: web.url } })
    const uris = [`turn:127.0.0.1:${relay.port}?transport=udp`]
    const made = (user: string): Issued => ({ ...credential(OLD, user), ttl: 3600, uris })
    const call = await pairUp(made('@alice:hs.test'), made('@bob:hs.test'))
    t.teardown(() => call.close())

    const asking = ask(PATH, { headers: { authorization: `Bearer ${TOKEN}` } })
    await call.exchange('meanwhile')
    const said = await asking
    t.equal(said.status, status)
    t.match(said.json, { errcode: /^M_/, error: /homeserver/ })
    t.notMatch(JSON.stringify(said.json), TOKEN)
    t.notMatch(relay.child.output, TOKEN)
    t.equal(web.asked.length, 1)
  })
}

t.test('a port that is taken keeps the relay from starting, with the reason', need('openssl'), async t => {
  const web = await startWeb(t, says(200, {}))
  const starting = startRelay({
    against: 'taciturn',
    settings: {
      homeservers: [{ name: 'hs.test', openid: ['friends.example'] }],
      issue: { listen: web.url },
    },
  })
  await t.rejects(
    starting,
    /cannot hand out credentials on http:\/\/127\.0\.0\.1:[0-9]+: the address is in use/,
  )
})
