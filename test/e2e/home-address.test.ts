import { Resolver } from 'node:dns/promises'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Address, formatIp } from '../../src/base/address.ts'
import { visitFrom } from '../support/browser.ts'
import type { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import { Home, NAMES, NETWORK, PUBLIC, RESOLV_CONF } from '../support/home.ts'
import { eventually } from '../support/lifecycle.ts'
import { enterNamespace, needNamespaces } from '../support/namespaces.ts'
import { callBetween, type IceServers, ONE_END_PAGE, restartBetween } from '../support/one-end-page.ts'
import { MAIN } from '../support/relay.ts'
import { openSession, relayedOf, type TurnSession } from '../support/turn-session.ts'

/*
 * A relay at home whose public address changes: its router maps the ports and
 * says what the address is, dynamic DNS says so to clients. Two browsers elsewhere have a
 * call all the time; after each change somebody at home calls somebody elsewhere.
 */

await enterNamespace(import.meta.url)
t.setTimeout(300_000)

const NAME = 'turn.example.org'
const SECRET = 'a secret that only this test knows'
const MACHINE = `${NETWORK}.5`
const CAROL = `${NETWORK}.20`
const CHANNEL = 0x4000
/** Milliseconds that a busy machine may take for what takes seconds. */
const LONG = 60_000

t.test(
  'a home whose public address changes three times: new calls work, and the one that runs comes back by one ICE restart',
  needNamespaces('miniupnpd', 'nft', 'dnsmasq', 'chromium'),
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'home-address-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const home = await Home.create(t, folder, { [NAME]: PUBLIC })
    home.visit(t)
    home.call(CAROL)
    await home.mapPorts(t, folder)
    const relay = await startRelay(t, home, folder)
    await relay.says(/"ports mapped in the router"/)

    const alice = await browserAt(t, home, 'alice')
    const bob = await browserAt(t, home, 'bob')
    const [end] = await callBetween(
      [alice, bob],
      [servers('@alice:example.org'), servers('@bob:example.org')],
    )
    t.match(end.local, { type: 'relay', address: PUBLIC })
    t.equal(await call(), PUBLIC)

    for (const address of ['80.1.1.99', '80.1.1.55', PUBLIC]) {
      home.moveTo(address)
      home.rename(NAME, address)
      const since = performance.now()
      const seconds = () => `${((performance.now() - since) / 1000).toFixed(1)} s after the change`

      t.ok(await eventually(async () => (await call()) === address, LONG), `new calls use ${address}`)
      t.comment(`a new call works ${seconds()}`)
      const before = performance.now()
      await restartBetween([alice, bob], address)
      const restart = ((performance.now() - before) / 1000).toFixed(1)
      t.comment(`the call that runs is back ${seconds()}, by an ICE restart of ${restart} s`)
    }
    t.equal(relay.exit, undefined)
    await relay.stop()
    t.ok(await eventually(() => home.mapped().length === 0, LONG), 'the router has its ports back')
  },
)

async function startRelay(t: Test, home: Home, folder: string): Promise<Child> {
  const file = join(folder, 'turnserver.json')
  const config = {
    realm: NAME,
    listen: ['udp://0.0.0.0:3478', 'tcp://0.0.0.0:3478'],
    relay: { addresses: ['auto=pcp'], ports: '50000-50023', portMapping: 'auto' },
    homeservers: [{ name: 'example.org', secrets: [SECRET] }],
    log: { format: 'json', level: 'info' },
    console: false,
    control: false,
    state: folder,
    workers: 1,
  }
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
  const pi = await home.guest(t, 'pi', MACHINE)
  const relay = pi.start(process.execPath, [MAIN, 'serve', '--config', file])
  t.teardown(() => relay.stop())
  return relay
}

async function browserAt(t: Test, home: Home, name: string) {
  const { page, stop } = await visitFrom(await home.elsewhere(t, name), ONE_END_PAGE, RESOLV_CONF)
  t.teardown(stop)
  return page
}

function servers(user: string): IceServers {
  const { username, password } = credential(SECRET, user)
  return [{ urls: [`turn:${NAME}:3478`], username, credential: password }]
}

/** Somebody at home, where the name stands for the machine itself, calls somebody elsewhere. Returns the relayed address. */
async function call(): Promise<string> {
  const resolver = new Resolver()
  resolver.setServers([NAMES])
  const [outside = ''] = await resolver.resolve4(NAME)
  const dave = await openSession({ host: outside, port: 3478 }, credential(SECRET, '@dave:example.org'))
  const carol = await openSession(
    { host: MACHINE, port: 3478, from: CAROL },
    credential(SECRET, '@carol:example.org'),
  )
  try {
    const [here, there] = [relayedOf(await carol.allocate()), relayedOf(await dave.allocate())]
    await Promise.all([carol.bind(CHANNEL, there), dave.bind(CHANNEL, here)])
    const heard = await Promise.all([says(carol, dave, here), says(dave, carol, there)])
    return heard.every(Boolean) ? formatIp(here.ip) : 'nothing heard'
  } catch (error) {
    // Nobody answers at an address that is no longer the home's.
    return (error as Error).message
  } finally {
    for (const one of [carol, dave]) {
      void one.release()
      one.close()
    }
  }
}

/** Whether one hears what the other says, and from where it must come. */
async function says(from: TurnSession, to: TurnSession, at: Address): Promise<boolean> {
  let heard = false
  to.onData = (bytes, peer) => {
    heard ||= bytes.toString() === 'hello' && peer.key === at.key
  }
  return eventually(() => {
    from.send(CHANNEL, 'hello')
    return heard
  }, 2000)
}
