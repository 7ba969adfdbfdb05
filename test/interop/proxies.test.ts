import t, { type Test } from 'tap'
import { knownRange, type Range } from '../../src/base/range.ts'
import { load } from '../../src/config/load.ts'
import type { Settings } from '../../src/config/settings.ts'
import { listeners, webServer } from '../../src/doctor/checks/listeners.ts'
import type { Facts } from '../../src/doctor/facts.ts'
import { FRONT_SNIPPETS, WEB_BEHIND } from '../../src/homeserver/front-snippets.ts'
import { credential } from '../support/credentials.ts'
import { need } from '../support/need.ts'
import { freePort } from '../support/ports.ts'
import { type RunningRelay, startRelay } from '../support/relay.ts'
import { openSession, relayedOf, type Target } from '../support/turn-session.ts'
import { folderOf, get, LARGE, site, startHaproxy, startNginx } from '../support/web-front.ts'

const RELAY = 'turn.example.org'
const SITE = 'cloud.example.org'

t.setTimeout(300_000)

/** The lines of a snippet for these ports. */
function lines(
  name: string,
  at: { readonly front: number; readonly relay: number; readonly web: number },
): string {
  const snippet = FRONT_SNIPPETS.find(one => one.name === name)!
  return snippet
    .lines({ host: RELAY, relay: `127.0.0.1:${at.relay}` })
    .replaceAll(WEB_BEHIND, `127.0.0.1:${at.web}`)
    .replace('bind :443,[::]:443', `bind 127.0.0.1:${at.front}`)
    .replace('listen 443;', `listen 127.0.0.1:${at.front};`)
    .replace('        listen [::]:443;\n', '')
}

/** A relay that expects PROXY headers of 127.0.0.1 on its TLS port. */
async function behind(t: Test, tls: number): Promise<RunningRelay> {
  const port = await freePort()
  const relay = await startRelay({
    settings: {
      listen: [`udp://127.0.0.1:${port}`, `tls://127.0.0.1:${tls}?proxy`],
      proxy: { from: ['127.0.0.1'] },
      log: { level: 'debug', format: 'json', privacy: 'full' },
    },
    port,
  })
  t.teardown(() => relay.stop())
  return relay
}

/** Two clients at this target exchange a payload; returns who the relay says that the first one is. */
async function call(t: Test, relay: RunningRelay, target: Target): Promise<string | undefined> {
  const user = credential(relay.secret, '@alice:example.org')
  const [caller, callee] = [await openSession(target, user), await openSession(target, user)]
  t.teardown(() => {
    caller.close()
    callee.close()
  })
  const [one, other] = [relayedOf(await caller.allocate()), relayedOf(await callee.allocate())]
  t.equal(await caller.bind(0x4000, other), 0)
  t.equal(await callee.bind(0x4000, one), 0)
  const heard = new Promise<string>(resolve => {
    callee.onData = bytes => resolve(bytes.toString())
  })
  caller.send(0x4000, 'hello')
  t.equal(await heard, 'hello', 'a payload goes from one client to the other')
  const { mapped } = caller.turn
  return mapped && `${[...mapped.ip].join('.')}:${mapped.port === caller.port ? 'own port' : mapped.port}`
}

/** What the doctor knows of a relay on its own machine. */
function factsOf(relay: RunningRelay, proxy?: Settings['proxy']): Facts {
  const { settings, ...loaded } = load({ path: relay.config! })
  const config = { ...loaded, settings: { ...settings, ...(proxy && { proxy }) } }
  return { subject: { config }, isOnRelay: true } as unknown as Facts
}

async function metric(relay: RunningRelay, name: string): Promise<number> {
  const page = await (await fetch(relay.metrics!)).text()
  const line = page.split('\n').find(one => one.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1))
}

for (const [title, name, program] of [
  ['nginx', 'nginx-stream', 'nginx'],
  ['HAProxy', 'haproxy-tcp', 'haproxy'],
] as const) {
  const sentence = `O-23, P-19, OW-02: behind ${title}, with the lines of snippet ${name}, the relay and HTTP/2 share a port and know their clients`
  t.test(sentence, need(program, 'nginx', 'openssl'), async t => {
    const [front, tls, web] = [await freePort(), await freePort(), await freePort()]
    const relay = await behind(t, tls)
    const folder = folderOf(t)
    const snippet = lines(name, { front, relay: tls, web })
    const stream = program === 'nginx' ? snippet : ''
    await startNginx(t, folder, stream + site(folder, web, true), web)
    if (program === 'haproxy') await startHaproxy(t, folder, snippet, front)

    const at = { host: '127.0.0.1', port: front, via: 'tls', from: '127.0.0.5', name: RELAY } as const
    t.equal(await call(t, relay, at), '127.0.0.5:own port', 'XOR-MAPPED-ADDRESS is the client’s')
    t.equal((await get(front, '/', SITE, '127.0.0.6')).toString(), 'HTTP/2.0 from 127.0.0.6')
    if (program === 'haproxy') {
      while ((await metric(relay, 'taciturn_events_total{event="proxy_own"}')) < 2)
        await new Promise(resolve => setTimeout(resolve, 100))
    }
    const seen = (from: readonly Range[]) => listeners.run(factsOf(relay, { from }))
    t.match(await seen([knownRange('127.0.0.1')]), [{ id: 'listeners-ok', values: { count: 2 } }])
    t.match(await seen([knownRange('192.0.2.1')]), [
      { id: 'listeners-ok', values: { count: 1 } },
      { id: 'listener-unseen' },
    ])
    t.notMatch(relay.child.output, /connection not served/, 'health checks and the doctor leave no line')
    t.match(relay.child.output, /"client":"127\.0\.0\.5:/, 'the log knows the client')
  })
}

for (const proxied of [false, true]) {
  const sentence = `OW-02: in front of nginx${proxied ? ' that expects a PROXY header' : ''}, the relay passes HTTP/2 on while calls run on the same port`
  t.test(sentence, need('nginx', 'openssl'), async t => {
    const [front, web, port] = [await freePort(), await freePort(), await freePort()]
    const relay = await startRelay({
      settings: {
        listen: [`udp://127.0.0.1:${port}`, `tls://127.0.0.1:${front}?web`],
        web: { to: `127.0.0.1:${web}`, proxy: proxied },
      },
      port,
    })
    t.teardown(() => relay.stop())
    const folder = folderOf(t)
    await startNginx(t, folder, site(folder, web, proxied), web)

    const visitor = proxied ? '127.0.0.6' : '127.0.0.1'
    t.equal((await get(front, '/', SITE, '127.0.0.6')).toString(), `HTTP/2.0 from ${visitor}`)
    const at = { host: '127.0.0.1', port: front, via: 'tls', from: '127.0.0.5', name: RELAY } as const
    const [mapped, ...pages] = await Promise.all([
      call(t, relay, at),
      ...Array.from({ length: 4 }, () => get(front, '/large', SITE)),
    ])

    t.equal(mapped, '127.0.0.5:own port')
    t.same(
      pages.map(({ length }) => length),
      [LARGE, LARGE, LARGE, LARGE],
    )
    t.ok((await metric(relay, 'taciturn_web_bytes_total{direction="to_client"}')) > 4 * LARGE)
    t.equal(await metric(relay, 'taciturn_events_total{event="web_opened"}'), 5)
    t.match(await webServer.run(factsOf(relay)), [{ id: 'web-ok' }])
    if (proxied) return
    const [direct, through] = [
      await rate(() => get(web, '/large', SITE)),
      await rate(() => get(front, '/large', SITE)),
    ]
    t.comment(
      `nginx alone ${direct} Mbit/s, through the relay ${through} Mbit/s (one client in this process)`,
    )
  })
}

/** Mbit/s of eight downloads in a row. */
async function rate(download: () => Promise<Buffer>): Promise<number> {
  const began = performance.now()
  for (let i = 0; i < 8; i++) await download()
  return Math.round((8 * 8 * LARGE) / 1000 / (performance.now() - began))
}
