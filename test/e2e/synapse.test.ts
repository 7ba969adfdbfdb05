import t, { type Test } from 'tap'
import { callClientWith } from '../support/call-client.ts'
import { selfSigned } from '../support/certificate.ts'
import { type Issued, outcome, pairUp, portOf, tryAllocate } from '../support/issued.ts'
import { freePort } from '../support/ports.ts'
import { type RelayOptions, type RunningRelay, startRelay } from '../support/relay.ts'
import { reload } from '../support/reload.ts'
import { needSynapse, type Synapse, type SynapseUser, startSynapse } from '../support/synapse.ts'

const PATH = '/_matrix/client/v3/voip/turnServer'
const SECRET = 'qW4xT9bN2mK7vR5zL8cJ3hG6fD1sA0pY'
const NEW_SECRET = 'Zz1yX8wV6uT4sR2qP0oN9mL7kJ5iH3gF'

t.setTimeout(400_000)

t.test('with a real Synapse', needSynapse(), async t => {
  t.setTimeout(300_000)
  const certificate = selfSigned(t.testdir({}))
  // What the relay trusts of the servers that it asks about OpenID tokens.
  process.env.NODE_EXTRA_CA_CERTS = certificate.certificate
  const synapse = await startSynapse({ certificate })
  t.teardown(() => synapse.stop())
  const alice = await synapse.register('alice')
  const bob = await synapse.register('bob')

  await t.test('its credentials relay, and live calls outlast rotation, expiry and pause', t =>
    sharedSecret(t, synapse, alice, bob),
  )
  await t.test('in its place the relay answers its users, and it needs no secret', t =>
    inItsPlace(t, synapse, alice, bob),
  )
  await t.test('its users get credentials for their OpenID tokens', t => byOpenId(t, synapse, alice, bob))
})

/** A relay on loopback; `settings` are put over its configuration. */
async function relayWith(t: Test, settings: NonNullable<RelayOptions['settings']>): Promise<RunningRelay> {
  const relay = await startRelay({ against: 'taciturn', settings })
  t.teardown(() => relay.stop())
  return relay
}

async function credentialOf(user: SynapseUser): Promise<Issued> {
  const { status, json } = await user.get(PATH)
  if (status !== 200 || !json.username) throw new Error(`no credential: ${status} ${JSON.stringify(json)}`)
  return json as unknown as Issued
}

const homeserver = (more: Record<string, unknown>) => ({ homeservers: [{ name: 'hs.test', ...more }] })

async function sharedSecret(t: Test, synapse: Synapse, alice: SynapseUser, bob: SynapseUser) {
  const relay = await relayWith(t, { ...homeserver({ secrets: [SECRET] }), credentials: { grace: '0s' } })
  const turn = (secret: string, lifetime = '24h') => ({
    turn_uris: [`turn:127.0.0.1:${relay.port}?transport=udp`, `turn:127.0.0.1:${relay.port}?transport=tcp`],
    turn_shared_secret: secret,
    turn_user_lifetime: lifetime,
    turn_allow_guests: false,
  })
  await synapse.restart(turn(SECRET))

  const first = await credentialOf(alice)
  t.match(first, { ttl: 86_400, username: new RegExp(`^[0-9]+:${alice.id}$`) })
  const call = await pairUp(first, await credentialOf(bob))
  t.teardown(() => call.close())
  await call.exchange('with the credentials of Synapse')
  const guest = await synapse.register('guest')
  t.equal((await guest.get(PATH)).status, 403, 'Synapse gives guests nothing')

  // Rotation: the relay learns the new secret first, then Synapse, and later the old one goes.
  await reload(relay, config => ({ ...config, ...homeserver({ secrets: [NEW_SECRET, SECRET] }) }))
  t.equal(await tryAllocate(first), 'allocated', 'the old secret still counts')
  await synapse.restart(turn(NEW_SECRET))
  const second = await credentialOf(alice)
  t.equal(await tryAllocate(second), 'allocated', 'and the new one does')
  await reload(relay, config => ({ ...config, ...homeserver({ secrets: [NEW_SECRET] }) }))
  t.equal(await tryAllocate(first), 'rejected 401', 'the old secret is out')
  await call.exchange('after the rotation')
  t.equal(outcome(await call.ends[0].refresh(600)), 'refreshed', 'a live call outlasts its secret')

  // Expiry: counted when an allocation is opened, not while it lives.
  await synapse.restart(turn(NEW_SECRET, '2s'))
  const brief = await credentialOf(alice)
  const client = await callClientWith(portOf(brief), brief)
  t.teardown(() => client.close())
  t.equal(outcome(await client.allocate()), 'allocated')
  const left = Number(brief.username.split(':')[0]) * 1000 - Date.now()
  await new Promise(resolve => setTimeout(resolve, left + 50))
  t.equal(await tryAllocate(brief), 'rejected 401', 'an expired credential opens nothing')
  t.equal(outcome(await client.refresh(600)), 'refreshed', 'but what it opened goes on')

  // Pause: 403 for what is new, and live calls go on.
  await reload(relay, config => ({ ...config, ...homeserver({ secrets: [NEW_SECRET], paused: true }) }))
  t.equal(await tryAllocate(second), 'rejected 403')
  await call.exchange('while the homeserver is paused')
  t.equal(outcome(await call.ends[1].refresh(600)), 'refreshed')
  const metrics = await (await fetch(relay.metrics!)).text()
  t.match(
    metrics,
    /^taciturn_homeserver_allocations\{homeserver="hs\.test"\} [1-9]/m,
    'counted by homeserver',
  )
  await reload(relay, config => ({ ...config, ...homeserver({ secrets: [NEW_SECRET] }) }))
  t.equal(await tryAllocate(second), 'allocated')
}

async function inItsPlace(t: Test, synapse: Synapse, alice: SynapseUser, bob: SynapseUser) {
  await synapse.restart({})
  t.same((await alice.get(PATH)).json, {}, 'Synapse itself has no TURN servers')
  const port = await freePort()
  const standIn = { url: synapse.url }
  const settings = (more: Record<string, unknown> = {}) => ({
    ...homeserver({ standIn, ...more }),
    issue: { listen: `http://127.0.0.1:${port}` },
  })
  const relay = await relayWith(t, { realm: '127.0.0.1', ...settings() })
  const ask = async (token: string, path = PATH) => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
    return { status: response.status, json: (await response.json()) as Record<string, unknown> }
  }

  const issued: Issued[] = []
  for (const [user, prefix] of [
    [alice, 'v3'],
    [bob, 'r0'],
  ] as const) {
    const { status, json } = await ask(user.token, `/_matrix/client/${prefix}/voip/turnServer`)
    t.equal(status, 200)
    t.match(json.username, new RegExp(`^[0-9]+:${user.id}$`))
    issued.push(json as unknown as Issued)
  }
  const call = await pairUp(issued[0]!, issued[1]!)
  t.teardown(() => call.close())
  await call.exchange('with credentials that Synapse has no part in')

  t.match(await ask('syt_nobody'), { status: 401, json: { errcode: 'M_UNKNOWN_TOKEN' } })
  const carol = await synapse.register('carol')
  await carol.post('/_matrix/client/v3/logout')
  t.match(await ask(carol.token), { status: 401, json: { errcode: 'M_UNKNOWN_TOKEN' } }, 'logged out')
  const guest = await synapse.register('guest')
  t.match(await ask(guest.token), { status: 403, json: { errcode: 'M_GUEST_ACCESS_FORBIDDEN' } })
  await reload(relay, config => ({ ...config, ...settings({ standIn: { ...standIn, guests: true } }) }))
  const { status, json } = await ask(guest.token)
  t.equal(status, 200, 'guests by policy')
  t.equal(await tryAllocate(json as unknown as Issued), 'allocated')

  await reload(relay, config => ({ ...config, ...settings({ paused: true }) }))
  t.match(await ask(alice.token), { status: 404, json: { errcode: 'M_NOT_FOUND' } })
  t.equal(await tryAllocate(issued[0]!), 'rejected 403')
  await call.exchange('while the homeserver is paused')
  await reload(relay, config => ({ ...config, ...settings() }))
  t.equal((await ask(alice.token)).status, 200)

  const metrics = await (await fetch(relay.metrics!)).text()
  t.match(metrics, /^taciturn_homeserver_credentials_issued_total\{homeserver="hs\.test"\} 4$/m)
  t.match(metrics, /^taciturn_credential_requests_total\{way="stand-in",outcome="refused"\} 3$/m)
  for (const { token } of [alice, bob, carol, guest])
    t.notMatch(relay.child.output, token, 'no token in the log')
  for (const { password } of issued) t.notOk(relay.child.output.includes(password), 'no password in the log')
}

async function byOpenId(t: Test, synapse: Synapse, alice: SynapseUser, bob: SynapseUser) {
  const port = await freePort()
  const settings = (more: Record<string, unknown> = {}, reachable = ['127.0.0.0/8']) => ({
    ...homeserver({ openid: [synapse.name], ...more }),
    issue: { listen: `http://127.0.0.1:${port}`, reachable },
  })
  const relay = await relayWith(t, { realm: '127.0.0.1', ...settings() })
  const ask = async (body: unknown) => {
    const response = await fetch(`http://127.0.0.1:${port}/credentials`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    return { status: response.status, json: (await response.json()) as Record<string, unknown> }
  }
  const tokenOf = async (user: SynapseUser) => {
    const path = `/_matrix/client/v3/user/${encodeURIComponent(user.id)}/openid/request_token`
    return (await user.post(path)).json
  }

  const issued: Issued[] = []
  for (const user of [alice, bob]) {
    const { status, json } = await ask(await tokenOf(user))
    t.equal(status, 200, JSON.stringify(json))
    t.match(json.username, new RegExp(`^[0-9]+:${user.id}$`))
    issued.push(json as unknown as Issued)
  }
  const call = await pairUp(issued[0]!, issued[1]!)
  t.teardown(() => call.close())
  await call.exchange('with credentials for OpenID tokens')

  const good = await tokenOf(alice)
  const wrong = { ...good, access_token: 'nobody' }
  t.match(await ask(wrong), { status: 401, json: { errcode: 'M_UNKNOWN_TOKEN' } })
  t.match(await ask({ ...good, matrix_server_name: '127.0.0.1:1' }), { status: 403 }, 'not on the list')
  await reload(relay, config => ({ ...config, ...settings({ paused: true }) }))
  t.match(await ask(good), { status: 404 })
  t.equal(await tryAllocate(issued[0]!), 'rejected 403')
  await call.exchange('while the homeserver is paused')
  await reload(relay, config => ({ ...config, ...settings({}, []) }))
  t.match(
    await ask(await tokenOf(alice)),
    { status: 502, json: { error: /leads to a private address/ } },
    'loopback only where the operator opened it',
  )
  t.notMatch(relay.child.output, String(good.access_token), 'no token in the log')
}
