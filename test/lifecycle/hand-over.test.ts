import { readFileSync } from 'node:fs'
import t from 'tap'
import { CHANNEL, lost } from '../support/calls.ts'
import { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import { isAlive, upgrade } from '../support/hand-over.ts'
import { eventually, openCalls, startServe } from '../support/lifecycle.ts'
import { need } from '../support/need.ts'
import { MAIN } from '../support/relay.ts'
import { openSession, relayedOf } from '../support/turn-session.ts'

t.setTimeout(120_000)

t.test('three upgrades in a row lose nothing of calls over UDP and TCP', async t => {
  const relay = await startServe(t, { settings: { control: 'auto' } })
  const udp = (await openCalls(t, relay, 10)).talk()
  const tcp = (await openCalls(t, relay, 10, 'tcp')).talk()

  for (let round = 1; round <= 3; round++) {
    const [a, b] = await Promise.all([
      udp.lossOf(async () => {
        const upgraded = await upgrade(t, relay)
        t.match(upgraded, { ok: true, allocations: 20, stays: 0 })
        t.comment(`round ${round}: ${JSON.stringify(upgraded)}`)
      }),
      tcp.lossOf(),
    ])
    t.equal(lost(a), 0, `round ${round}, UDP: ${JSON.stringify(a)}`)
    t.equal(lost(b), 0, `round ${round}, TCP: ${JSON.stringify(b)}`)
  }
  t.match(await udp.clients[0]!.refresh(600), { kind: 'refreshed' })
  t.match(await tcp.clients[0]!.refresh(600), { kind: 'refreshed' })
})

t.test(
  'the first process of a container waits to be stopped after another has taken over',
  need('unshare'),
  async t => {
    const relay = await startServe(t, { before: 'exec unshare --pid --fork --kill-child --mount-proc' })
    const calls = (await openCalls(t, relay, 3)).talk()

    const loss = await calls.lossOf(async () => {
      const next = new Child(process.execPath, [MAIN, 'serve', '--take-over', '--config', relay.config!])
      t.teardown(() => next.stop())
      await next.says(/"msg":"took over"/)
      await relay.child.says(/"allocations":0.*"msg":"waiting to be stopped"/)
    })
    t.equal(lost(loss), 0)
    t.equal(relay.child.exit, undefined)

    const first = readFileSync(`/proc/${relay.child.pid}/task/${relay.child.pid}/children`, 'utf8')
    process.kill(Number(first), 'SIGTERM')
    t.match(await relay.child.exited, { code: 0 })
    t.match(relay.child.output, /"why":"SIGTERM"[\s\S]*"msg":"stopped"/)
  },
)

t.test('a call over TLS goes on in the old process, also with one that was handed over', async t => {
  const relay = await startServe(t, { settings: { control: 'auto' } })
  const open = async (user: string, port: number, via: 'udp' | 'tls') => {
    const session = await openSession({ host: '127.0.0.1', port, via }, credential(relay.secret, user))
    const heard: string[] = []
    session.onData = bytes => void heard.push(bytes.toString())
    return { session, heard, relayed: relayedOf(await session.allocate()) }
  }
  const alice = await open('@alice:example.org', relay.tlsPort, 'tls')
  const bob = await open('@bob:example.org', relay.port, 'udp')
  t.teardown(() => bob.session.close())
  t.equal(await alice.session.bind(CHANNEL, bob.relayed), 0)
  t.equal(await bob.session.bind(CHANNEL, alice.relayed), 0)
  const talk = async (text: string) => {
    alice.session.send(CHANNEL, `to bob ${text}`)
    bob.session.send(CHANNEL, `to alice ${text}`)
    await eventually(() => alice.heard.length > 0 && bob.heard.length > 0)
    t.same([alice.heard.splice(0), bob.heard.splice(0)], [[`to alice ${text}`], [`to bob ${text}`]])
  }
  await talk('before')

  const upgraded = await upgrade(t, relay)
  t.match(upgraded, { ok: true, allocations: 1, stays: 1 })
  await talk('after')
  t.equal(await alice.session.bind(CHANNEL, bob.relayed), 0, 'the old process answers requests')
  t.equal(await bob.session.bind(CHANNEL, alice.relayed), 0, 'and so does the new one')
  t.equal(relay.child.exit, undefined)

  const carol = await open('@carol:example.org', relay.tlsPort, 'tls')
  t.teardown(() => carol.session.close())
  t.pass('new clients on TLS are served by the new process')
  alice.session.close()
  await relay.child.says(/"msg":"stopped"/)
  t.ok(isAlive(upgraded.pid!), 'nothing but the new process is left')
})
