import t, { type Test } from 'tap'
import { Sealed } from '../../../src/control/sign-in/sealed.ts'
import { ask, fakePlane, Listener } from '../../support/fake-control.ts'
import { CLIENT, CookieJar, startProvider } from '../../support/oidc.ts'
import { freePort } from '../../support/ports.ts'

t.setTimeout(120_000)

t.test('UW-11: somebody whom the configuration names signs in at the provider', async t => {
  const { plane, url } = await start(t)
  t.same((await ask(plane, 'GET', '/api/v1/sign-in')).body.oidc, new URL(plane.oidc.issuer).host)

  const end = await new CookieJar().signIn(`${url}/oidc/login`, 'alice')

  const token = /^http:\/\/127\.0\.0\.1:\d+\/#token=(.+)$/.exec(end)?.[1]
  t.ok(token, end)
  t.equal((await ask(plane, 'POST', '/api/v1/reload', { token: token! })).status, 200, 'staff may act')
  t.match(plane.lines(), [
    { who: 'oidc alice@example.org (alice)', from: 'console', what: 'sign-in', on: 'act', outcome: 'done' },
    { who: 'oidc alice@example.org (alice)', from: 'console', what: 'reload' },
  ])
  const { signIns } = (await ask(plane, 'GET', '/api/v1/sign-ins', { token: token! })).body
  t.match(signIns, [{ who: 'oidc alice@example.org (alice)', by: 'oidc', rights: 'act', own: true }])

  t.same((await ask(plane, 'POST', '/api/v1/sign-out', { token: token! })).body, { ended: true })
  t.equal((await ask(plane, 'GET', '/api/v1/status', { token: token! })).status, 401)
})

t.test('UW-11: a provider is asked for no scope that it does not have', async t => {
  const asked = async (scopes?: readonly string[], scope?: string) => {
    const { plane, url, settings } = await start(t, scopes)
    if (scope !== undefined) plane.oidc.door.configure({ ...settings, scope })
    const response = await new CookieJar().fetch(`${url}/oidc/login`)
    return new URL(response.headers.get('location')!).searchParams.get('scope')
  }
  t.equal(await asked(), 'openid profile')
  t.equal(await asked(['openid', 'email']), 'openid', 'as with Matrix Authentication Service')
  t.equal(await asked(['openid'], 'openid groups'), 'openid groups', 'but for what the configuration names')
})

t.test('UW-11: others with an account are refused, and a line says who', async t => {
  const { plane, url } = await start(t)
  t.match(await new CookieJar().signIn(`${url}/oidc/login`, 'mallory'), /\/#sign-in=refused$/)
  t.match(plane.lines(), [{ who: 'oidc mallory@example.org (mallory)', what: 'sign-in', outcome: 'refused' }])
  t.same(plane.tokens.signIns(), [])
})

t.test('UW-11: rights are those of the best rule that holds', async t => {
  const { plane, url } = await start(t)
  const end = await new CookieJar().signIn(`${url}/oidc/login`, 'bob')
  const token = end.split('#token=')[1]!
  t.equal((await ask(plane, 'GET', '/api/v1/status', { token })).status, 200)
  t.equal((await ask(plane, 'POST', '/api/v1/reload', { token })).status, 403, 'members may look')
})

t.test('UW-11: an answer of the provider is of use only to the browser that asked, once', async t => {
  const { plane, url } = await start(t)
  const seen: string[] = []
  class Watching extends CookieJar {
    override fetch(at: string, form?: Readonly<Record<string, string>>): Promise<Response> {
      seen.push(at)
      return super.fetch(at, form)
    }
  }
  await new Watching().signIn(`${url}/oidc/login`, 'alice')
  const callback = seen.find(at => at.includes('/oidc/callback?'))!
  t.match((await new CookieJar().follow(callback)).url, /#sign-in=expired$/, 'without the cookie')
  const other = new CookieJar()
  await other.fetch(`${url}/oidc/login`)
  t.match((await other.follow(callback)).url, /#sign-in=failed$/, 'with the cookie of another attempt')
  t.match((await other.follow(`${url}/oidc/callback?error=access_denied`)).url, /#sign-in=(failed|expired)$/)
  t.equal(plane.tokens.signIns().length, 1)
})

t.test('UW-11: other rules end what was signed in under the old ones, links stay', async t => {
  const { plane, url, settings } = await start(t)
  const link = plane.tokens.link('act', 60)
  await new CookieJar().signIn(`${url}/oidc/login`, 'alice')
  plane.oidc.door.configure({ ...settings })
  t.equal(plane.tokens.signIns().length, 2, 'the same rules end nothing')
  plane.oidc.door.configure({ ...settings, allowed: [{ claim: 'sub', value: 'carol', rights: 'act' }] })
  t.match(plane.tokens.signIns(), [{ by: 'link' }])
  t.ok(plane.tokens.find(link.token))
})

t.test('UW-11: a link is revoked at once, and its console is closed', async t => {
  const { plane } = await start(t)
  const { token } = plane.tokens.link('read', 60)
  const listener = new Listener(plane.port)
  await listener.opened()
  listener.hello(token)
  await listener.hears('snapshot')
  const { id } = plane.tokens.signIns()[0]!
  t.equal(
    (await ask(plane, 'POST', `/api/v1/sign-ins/${id}/revoke`, { token })).status,
    403,
    'not by a reader',
  )
  t.equal((await ask({ socket: plane.socket }, 'POST', `/api/v1/sign-ins/${id}/revoke`)).status, 200)
  t.equal(await listener.closed, 4401)
  t.equal((await ask({ socket: plane.socket }, 'POST', `/api/v1/sign-ins/${id}/revoke`)).status, 404)
})

t.test('UW-11: a provider that does not answer is said, and asked again later', async t => {
  const { plane, url, settings } = await start(t)
  plane.oidc.door.configure({ ...settings, issuer: `http://127.0.0.1:${await freePort()}` })
  t.match((await new CookieJar().follow(`${url}/oidc/login`)).url, /#sign-in=failed$/)
  t.equal(plane.oidc.failures.length, 1)
})

t.test('what is sealed is opened here alone, unchanged and until it ends', async t => {
  let now = 0
  const sealed = new Sealed(() => now)
  const text = sealed.seal({ state: 'x' }, 60)
  t.same(sealed.open(text), { state: 'x' })
  t.equal(new Sealed(() => now).open(text), undefined)
  for (let i = 0; i < text.length; i += 7) {
    const changed = `${text.slice(0, i)}${text[i] === 'A' ? 'B' : 'A'}${text.slice(i + 1)}`
    t.equal(sealed.open(changed), undefined, `${i}`)
  }
  for (const other of ['', 'x', 'A'.repeat(38), '%%%']) t.equal(sealed.open(other), undefined)
  now = 60_000
  t.equal(sealed.open(text), undefined)
})

async function start(t: Test, scopes?: readonly string[]) {
  const plane = await fakePlane(t, { patience: { tick: 20 }, served: true })
  const url = `http://127.0.0.1:${plane.port}`
  const issuer = await startProvider(t, `${url}/oidc/callback`, scopes)
  const settings = {
    ...CLIENT,
    issuer,
    lifetime: 3600,
    allowed: [
      { claim: 'groups', value: 'members', rights: 'read' },
      { claim: 'groups', value: 'staff', rights: 'act' },
      { claim: 'groups', value: 'calls', rights: 'read' },
    ],
  } as const
  plane.oidc.door.configure(settings)
  return { plane: { ...plane, oidc: { ...plane.oidc, issuer } }, url, settings }
}
