import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { formatAddress } from '../../src/base/address.ts'
import { credential } from '../support/credentials.ts'
import { eventually } from '../support/lifecycle.ts'
import { enterNamespace, Namespace, needNamespaces, wire } from '../support/namespaces.ts'
import { MAIN } from '../support/relay.ts'
import { codeOf, openSession, relayedOf } from '../support/turn-session.ts'

await enterNamespace(import.meta.url)
t.setTimeout(300_000)

const SECRET = 'a secret that only this test knows'

for (const workers of [1, 2]) {
  t.test(
    `P-03, O-09: a relay follows the address of its machine (${workers} workers)`,
    needNamespaces('curl'),
    async t => {
      const turn = await Namespace.create('turn')
      t.teardown(() => turn.close())
      const relay = start(t, turn, { workers })
      await relay.says(/"ready"/)
      t.match(ready(turn), /"ready":false.*no address but 127\.0\.0\.1/)

      connect(t, turn, '11.0.0.1/24')
      t.ok(await eventually(() => /"ready":true/.test(ready(turn)), 20_000), 'the address has come')
      const first = await client(t, '11.0.0.1')
      t.match(await relayed(first), /^11\.0\.0\.1:/)

      turn.run('ip', 'address', 'add', '11.0.0.9/24', 'dev', 'world')
      turn.run('ip', 'address', 'del', '11.0.0.1/24', 'dev', 'world')
      turn.run('ip', 'address', 'replace', '11.0.0.9/24', 'dev', 'world')
      await relay.says(/"reason":"moved"/)
      t.ok(await eventually(() => /"ready":true/.test(ready(turn)), 20_000))
      const second = await client(t, '11.0.0.9')
      t.match(await relayed(second), /^11\.0\.0\.9:/)
      t.match(
        relay.stderr,
        /"relaying":\["11\.0\.0\.9"\],"lost":\["11\.0\.0\.1=11\.0\.0\.1"\],"msg":"relay addresses"/,
      )
      t.equal(relay.exit, undefined)
    },
  )
}

t.test(
  'P-04: an IPv6 address that is a duplicate keeps nothing else from working',
  needNamespaces('curl'),
  async t => {
    const turn = await Namespace.create('turn')
    t.teardown(() => turn.close())
    connect(t, turn, '11.0.0.1/24')
    Namespace.own().run('ip', '-6', 'address', 'add', '2a00:9:9::7/64', 'dev', 'outside', 'nodad')
    turn.set('net/ipv6/conf/world/accept_dad', 1)
    turn.run('ip', '-6', 'address', 'add', '2a00:9:9::7/64', 'dev', 'world')
    t.ok(
      await eventually(
        () => /dadfailed/.test(turn.run('ip', '-6', 'address', 'show', 'dev', 'world')),
        20_000,
      ),
    )

    const relay = start(t, turn, { workers: 1 })
    await relay.says(/"ready"/)
    t.match(await relayed(await client(t, '11.0.0.1')), /^11\.0\.0\.1:/)
    t.match(ready(turn), /"ready":true/)

    turn.run('ip', '-6', 'address', 'del', '2a00:9:9::7/64', 'dev', 'world')
    turn.run('ip', '-6', 'address', 'add', '2a00:9:9::8/64', 'dev', 'world', 'nodad')
    await relay.says(/2a00:9:9::8.*"relay addresses"/)
  },
)

function start(t: Test, turn: Namespace, settings: Readonly<Record<string, unknown>>) {
  const folder = mkdtempSync(join(tmpdir(), 'addresses-'))
  const file = join(folder, 'turnserver.json')
  const config = {
    realm: 'turn.example.org',
    relay: { ports: '20000-21000' },
    homeservers: [{ name: 'example.org', secrets: [SECRET] }],
    metrics: 'http://127.0.0.1:9641',
    log: { format: 'json', level: 'info' },
    console: false,
    control: false,
    state: folder,
    ...settings,
  }
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
  const relay = turn.start(process.execPath, [MAIN, 'serve', '--config', file])
  t.teardown(async () => {
    await relay.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return relay
}

/** Gives the machine its network, and this process a place in it. */
function connect(t: Test, turn: Namespace, address: string): void {
  const here = Namespace.own()
  wire(
    { at: turn, device: 'world', addresses: [address] },
    { at: here, device: 'outside', addresses: ['11.0.0.2/24'] },
  )
  t.teardown(() => here.run('ip', 'link', 'delete', 'outside'))
}

function ready(turn: Namespace): string {
  return turn.run('curl', '-s', 'http://127.0.0.1:9641/readyz')
}

async function client(t: Test, host: string) {
  const session = await openSession({ host, port: 3478 }, credential(SECRET, '@alice:example.org'))
  t.teardown(() => session.close())
  return session
}

async function relayed(session: Awaited<ReturnType<typeof client>>): Promise<string> {
  const answer = await session.allocate()
  return codeOf(answer) === 0 ? formatAddress(relayedOf(answer)) : `refused ${codeOf(answer)}`
}
