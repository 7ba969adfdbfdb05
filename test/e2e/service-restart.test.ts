import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { parseAddress } from '../../src/base/address.ts'
import { callClient } from '../support/call-client.ts'
import { ROOMY } from '../support/lifecycle.ts'
import { need } from '../support/need.ts'
import { SECRET, startManaged } from '../support/service-manager.ts'

/* A service manager that ends the relay and starts it again, and keeps descriptors meanwhile. */

t.setTimeout(300_000)

const SETTINGS = {
  workers: 1,
  limits: ROOMY.limits,
  peers: { deny: ['recommended'], allow: ['127.0.0.0/8'] },
}
const CHANNEL = 0x4000

for (const { sockets, workers } of [
  { sockets: false, workers: 1 },
  { sockets: true, workers: 1 },
  { sockets: false, workers: 2 },
]) {
  const whose = sockets ? 'of the manager' : 'of its own'
  t.test(
    `restarts lose nothing of calls over UDP and TCP, with sockets ${whose} (workers: ${workers})`,
    need('python3'),
    async t => {
      const { manager, port } = await startManaged(t, {
        store: true,
        settings: { ...SETTINGS, workers },
        ...(sockets && { sockets }),
      })
      await manager.says(/^READY=1/m)
      const calls = await openCalls(t, port)

      for (let round = 1; round <= 2; round++) {
        await calls.talk('before')
        manager.signal('SIGHUP')
        await manager.says(new RegExp(`(?:^exit 0$[^]*){${round}}`, 'm'))
        // Nobody reads now.
        await calls.talk('meanwhile')
        await manager.says(new RegExp(`(?:"allocations":6.*"took calls up"[^]*){${round}}`))
        await calls.talk('after')
      }

      t.match(
        manager.stdout,
        /STOPPING=1[\s\S]*FDSTORE=1 [\s\S]*BARRIER=1\n(?:.*journal-[\d-]+\n)*exit 0\nkept 3\npid \d+\n[\s\S]*FDSTOREREMOVE=1 [\s\S]*READY=1/,
      )
      t.notMatch(manager.output, /"level":"error"|calls cannot be kept|have ended/)
      t.match(await calls.refresh(), new Array(6).fill({ kind: 'refreshed' }))
    },
  )
}

t.test('calls wait for a start that does not fail', need('python3'), async t => {
  const { manager, port, config } = await startManaged(t, { store: true, settings: SETTINGS })
  await manager.says(/^READY=1/m)
  const calls = await openCalls(t, port)
  const settings = JSON.parse(readFileSync(config, 'utf8')) as { readonly listen: readonly string[] }
  const write = (changed: unknown) => writeFileSync(config, JSON.stringify(changed))
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const other = `127.0.0.1:${(taken.address() as { port: number }).port}`

  write({ ...settings, limits: { lifetime: 'for ever' } })
  manager.signal('SIGHUP')
  await manager.says(/^exit 3$/m)
  await calls.talk('meanwhile')
  write({ ...settings, metrics: `http://${other}` })
  await manager.says(/cannot serve metrics/)
  write({ ...settings, listen: [...settings.listen, `tcp://${other}`] })
  await manager.says(/cannot listen on tcp/)
  write(settings)
  await manager.says(/"allocations":6.*"took calls up"/)
  await calls.talk('after')
})

t.test('calls end that the new configuration leaves no place for', need('python3'), async t => {
  const { manager, port, config } = await startManaged(t, { store: true, settings: SETTINGS })
  await manager.says(/^READY=1/m)
  await openCalls(t, port)
  const settings = JSON.parse(readFileSync(config, 'utf8')) as object

  writeFileSync(config, JSON.stringify({ ...settings, listen: [`tcp://127.0.0.1:${port}`] }))
  manager.signal('SIGHUP')
  await manager.says(/"allocations":3.*"took calls up"/)
  await manager.says(/^READY=1 \| STATUS=serving, 3 allocations$/m)

  writeFileSync(config, JSON.stringify({ ...settings, udp: 'dgram' }))
  manager.signal('SIGHUP')
  await manager.says(/calls of the process before this one have ended/)
  await manager.says(
    /^READY=1 \| STATUS=serving, 3 allocations$[\s\S]*^READY=1 \| STATUS=serving, 0 allocations$/m,
  )
})

/** Three calls over UDP and three over TCP, with a peer that sends back what it hears. */
async function openCalls(t: Test, port: number) {
  const peer = createSocket('udp4').bind(0, '127.0.0.1')
  await once(peer, 'listening')
  t.teardown(() => peer.close())
  peer.on('message', (bytes, from) => peer.send(bytes, from.port, from.address))
  const at = parseAddress(`127.0.0.1:${peer.address().port}`)!
  const open = async (via: 'udp' | 'tcp', user: string) => {
    const client = await callClient(port, SECRET, user, via)
    t.teardown(() => client.close())
    t.match(await client.allocate(), { kind: 'allocated' })
    t.match(await client.bind(CHANNEL, at), { kind: 'bound' })
    return client
  }
  const clients = await Promise.all(
    ['a', 'b', 'c'].flatMap(name =>
      (['udp', 'tcp'] as const).map(via => open(via, `@${name}-${via}:example.org`)),
    ),
  )
  const said: string[] = []
  return {
    /** Says something each; but for 'meanwhile' all that has been said until then must come back. */
    talk: async (when: 'before' | 'meanwhile' | 'after') => {
      for (let i = 0; i < 20; i++) said.push(`${said.length} ${when}`)
      for (const client of clients) for (const text of said.slice(-20)) client.send(CHANNEL, text)
      if (when === 'meanwhile') return
      await Promise.all(clients.map(client => client.received(said.length)))
      for (const { inbox } of clients) t.same([...inbox].sort(), [...said].sort(), when)
    },
    refresh: () => Promise.all(clients.map(client => client.refresh(600))),
  }
}
