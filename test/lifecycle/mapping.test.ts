import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { formatAddress } from '../../src/base/address.ts'
import type { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import { Home, NETWORK, PUBLIC } from '../support/home.ts'
import { eventually } from '../support/lifecycle.ts'
import { enterNamespace, type Namespace, needNamespaces } from '../support/namespaces.ts'
import { MAIN } from '../support/relay.ts'
import { openSession, relayedOf } from '../support/turn-session.ts'

/* A relay at home that has its router, a real miniupnpd, map its ports. */

await enterNamespace(import.meta.url)
t.setTimeout(300_000)

const SECRET = 'a secret that only this test knows'
const MACHINE = `${NETWORK}.5`
/** Milliseconds that a busy machine may take for what takes seconds. */
const LONG = 60_000
const MAPPED = [
  `udp 3478 ${MACHINE}:3478`,
  `tcp 3478 ${MACHINE}:3478`,
  ...Array.from({ length: 10 }, (_, i) => `udp ${50000 + i} ${MACHINE}:${50000 + i}`),
].sort()

for (const [way, portMapping] of [
  ['pcp', 'pcp'],
  ['nat-pmp', 'nat-pmp'],
  ['upnp', 'auto'],
] as const) {
  t.test(
    `ports are mapped by ${way} where relay.portMapping is ${portMapping}, again when the router has forgotten them, and given back at the end`,
    needNamespaces('miniupnpd', 'nft', 'dnsmasq', 'curl'),
    async t => {
      const { home, pi, folder } = await setTheScene(t)
      const relay = start(t, pi, folder, { portMapping })
      await relay.says(/"ready"/)
      t.match(ready(pi), /"ready":false.*router 192\.168\.1\.1/, 'not ready while nobody can come in')

      const speaks = way === 'upnp' ? 'upnp' : 'all'
      const first = await home.mapPorts(t, folder, speaks)
      t.ok(await eventually(() => home.mapped().length === MAPPED.length, LONG), 'all are mapped')
      t.same(home.mapped().sort(), MAPPED)
      t.ok(await eventually(() => /"ready":true/.test(ready(pi)), LONG))
      await relay.says(new RegExp(`"router":"192.168.1.1","by":"${way}","ports":12,"public":"${PUBLIC}"`))
      t.match(await relayed(t, PUBLIC), /^80\.1\.1\.7:5000\d$/, 'a client from outside gets in')

      home.moveTo('80.1.1.99')
      t.ok(
        await eventually(() => /"relaying":\["80\.1\.1\.99"\]/.test(relay.stderr), LONG),
        'another address is followed',
      )
      t.match(await relayed(t, '80.1.1.99'), /^80\.1\.1\.99:5000\d$/)

      await first.stop()
      const second = await home.mapPorts(t, folder, speaks)
      t.same(home.mapped(), [])
      t.ok(await eventually(() => home.mapped().length === MAPPED.length, LONG), 'mapped again')
      t.ok(await eventually(() => /"ready":true/.test(ready(pi)), LONG))
      t.match(await relayed(t, '80.1.1.99'), /^80\.1\.1\.99:5000\d$/)

      await relay.stop()
      t.ok(await eventually(() => home.mapped().length === 0, LONG), 'given back')
      t.match(relay.stderr, /"port mappings given back"/)
      t.equal(second.exit, undefined)
    },
  )
}

t.test(
  'a relay that crashes leaves its mappings to the one that follows it, which the router lets go on with them',
  needNamespaces('miniupnpd', 'nft', 'dnsmasq', 'curl'),
  async t => {
    const { home, pi, folder } = await setTheScene(t)
    await home.mapPorts(t, folder)
    const first = start(t, pi, folder, { portMapping: 'auto' })
    await first.says(/"ports mapped in the router"/)
    process.kill(first.pid, 'SIGKILL')
    await first.exited
    t.equal(home.mapped().length, MAPPED.length)

    const second = start(t, pi, folder, { portMapping: 'auto' })
    await second.says(/"by":"pcp","ports":12/)
    t.match(ready(pi), /"ready":true/)
    await second.stop()
    t.ok(await eventually(() => home.mapped().length === 0, LONG), 'and may give them back')
  },
)

t.test(
  'a relay that takes over goes on with the mappings, which the one before leaves as they are',
  needNamespaces('miniupnpd', 'nft', 'dnsmasq', 'curl'),
  async t => {
    const { home, pi, folder } = await setTheScene(t)
    await home.mapPorts(t, folder)
    const first = start(t, pi, folder, { portMapping: 'pcp' })
    await first.says(/"ports mapped in the router"/)

    const second = start(t, pi, folder, { portMapping: 'pcp' }, '--take-over')
    await second.says(/"took over"/)
    await first.exited
    t.equal(home.mapped().length, MAPPED.length, 'not given back')
    await second.says(/"by":"pcp","ports":12/)
    t.match(await relayed(t, PUBLIC), /^80\.1\.1\.7:5000\d$/)
    await second.stop()
    t.ok(await eventually(() => home.mapped().length === 0, LONG), 'given back in the end')
  },
)

/** A machine at home on which nothing runs yet; this process is somewhere else. */
async function setTheScene(t: Test): Promise<{ home: Home; pi: Namespace; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'mapping-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const home = await Home.create(t, folder, {})
  home.visit(t)
  const pi = await home.guest(t, 'pi', MACHINE)
  return { home, pi, folder }
}

function start(
  t: Test,
  pi: Namespace,
  folder: string,
  relay: Readonly<Record<string, unknown>>,
  ...more: string[]
): Child {
  const file = join(folder, 'turnserver.json')
  const config = {
    realm: 'turn.example.org',
    listen: ['udp://0.0.0.0:3478', 'tcp://0.0.0.0:3478'],
    relay: { addresses: ['auto=pcp'], ports: '50000-50009', ...relay },
    homeservers: [{ name: 'example.org', secrets: [SECRET] }],
    metrics: 'http://127.0.0.1:9641',
    log: { format: 'json', level: 'info' },
    console: false,
    control: false,
    state: folder,
    workers: 1,
  }
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
  const child = pi.start(process.execPath, [MAIN, 'serve', '--config', file, ...more])
  t.teardown(() => child.stop())
  return child
}

function ready(pi: Namespace): string {
  return pi.run('curl', '-s', 'http://127.0.0.1:9641/readyz')
}

/** The relayed address that a client from outside gets. */
async function relayed(t: Test, host: string): Promise<string> {
  const session = await openSession({ host, port: 3478 }, credential(SECRET, '@alice:example.org'))
  t.teardown(() => session.close())
  return formatAddress(relayedOf(await session.allocate()))
}
