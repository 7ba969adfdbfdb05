import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { ImportOutcome } from '../../src/cli/import-report.ts'
import { callClient } from '../support/call-client.ts'
import { selfSigned } from '../support/certificate.ts'
import { Child } from '../support/child.ts'
import { fixture } from '../support/imported.ts'
import { freePort } from '../support/ports.ts'
import { MAIN } from '../support/relay.ts'
import { ask, bindingRequest } from '../support/stun.ts'

t.setTimeout(300_000)

const SECRET = '3f9c1d7be2a84650b1c8f7d2e6a90b54'

t.test(
  "a relay starts with what was imported from Synapse's guide, and its secret relays a call",
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'import-test-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    selfSigned(folder)
    const [port, tlsPort, metrics] = [await freePort(), await freePort(), await freePort()]
    // The guide's own lines, moved to ports and an address of this test.
    const conf = [
      ...fixture('synapse-docs.conf')
        .split('\n')
        .filter(line => !/^(listening-ip|allowed-peer-ip|external-ip)=/.test(line)),
      'listening-ip=127.0.0.1',
      'relay-ip=127.0.0.1',
      `listening-port=${port}`,
      `tls-listening-port=${tlsPort}`,
      'allowed-peer-ip=127.0.0.1',
      'prometheus',
      `prometheus-port=${metrics}`,
    ].join('\n')
    writeFileSync(join(folder, 'turnserver.conf'), conf)

    const imported = new Child(process.execPath, [MAIN, 'import', 'turnserver.conf', '--json'], {
      cwd: folder,
    })
    t.same(await imported.exited, { code: 0, signal: null }, imported.output)
    const outcome = JSON.parse(imported.stdout) as ImportOutcome
    t.match(outcome, { from: 'coturn', valid: true, todo: [], problems: [] })
    t.equal(
      outcome.settings.length,
      conf.split('\n').filter(line => line.trim() !== '' && !line.startsWith('#')).length,
    )
    t.notMatch(imported.output, SECRET)

    const relay = new Child(process.execPath, [MAIN, 'serve'], {
      cwd: folder,
      env: { ...process.env, TACITURN_STATE: folder },
    })
    t.teardown(() => relay.stop())
    t.ok(await ask(port, bindingRequest(), 20_000), relay.output)

    const alice = await callClient(port, SECRET, '@alice:example.org')
    const bob = await callClient(port, SECRET, '@bob:example.org', 'tcp')
    for (const one of [alice, bob]) t.teardown(() => one.close())
    const [atAlice, atBob] = await Promise.all(
      [alice, bob].map(async one => {
        const event = await one.allocate()
        if (event.kind !== 'allocated') throw new Error(JSON.stringify(event))
        return event.relayed[0]!
      }),
    )
    await alice.permit(atBob!)
    await bob.permit(atAlice!)
    alice.send(atBob!, 'moved in')
    await bob.received(1)
    t.same(bob.inbox, ['moved in'])

    const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
    t.match(
      page,
      /^turn_total_allocations\{type="UDP"\} 1$/m,
      "coturn's names are there, since it served them",
    )
    t.match(page, /^taciturn_homeserver_allocations\{homeserver="example\.org"\} 2$/m)

    const stranger = await callClient(port, 'not the secret of the guide at all', '@mallory:example.org')
    t.teardown(() => stranger.close())
    t.not((await stranger.allocate()).kind, 'allocated', 'another secret does not get in')
    t.match(readFileSync(join(folder, 'turnserver.json'), 'utf8'), '"deny": ["recommended", "64:ff9b::/96"]')
  },
)
