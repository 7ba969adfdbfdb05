import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { bindable } from '../support/bindable.ts'
import { callClient } from '../support/call-client.ts'
import { lossRate, lost } from '../support/calls.ts'
import { eventually, openCalls, page, secondsOf, startServe } from '../support/lifecycle.ts'
import { freePort } from '../support/ports.ts'
import { residentOf } from '../support/process-memory.ts'
import { cpuSeconds, wakesOf } from '../support/process-time.ts'

t.setTimeout(120_000)

t.test('SIGTERM under two hundred calls ends them in order and in time [OPS-01, SEC-41]', async t => {
  const relay = await startServe(t, { settings: { stop: { deadline: '2s' } } })
  const udp = await openCalls(t, relay, 160)
  const tcp = await openCalls(t, relay, 40, 'tcp')
  udp.talk()
  tcp.talk()
  await pause(500)
  const ended = Promise.all(tcp.clients.map(client => client.ended))

  relay.child.signal('SIGTERM')
  await relay.child.says(/"stopping"/)
  const late = await callClient(relay.port, relay.secret, '@late:example.org')
  t.teardown(() => late.close())
  t.match(await late.allocate(), { kind: 'rejected', code: 508 }, 'nothing new is taken')
  const waiting = await udp.lossOf()
  const { value: exit, seconds } = await secondsOf(relay.child.exited)

  t.ok(waiting.sent > 0)
  t.same(exit, { code: 0, signal: null })
  t.ok(seconds < 3, `within the deadline and a second: ${seconds.toFixed(1)} s`)
  const ends = await ended
  t.equal(ends.filter(end => end === 'fin').length, 40, 'TCP clients see the end, and no reset')
  t.same(
    await bindable(relay.port, relay.relayPorts),
    { udp: true, tcp: true, relays: [] },
    'nothing stays bound',
  )
})

t.test('a second SIGTERM does not wait [OPS-03]', async t => {
  const relay = await startServe(t, { settings: { stop: { deadline: '60s' } } })
  const calls = await openCalls(t, relay, 10)
  calls.talk()

  relay.child.signal('SIGTERM')
  await relay.child.says(/"stopping"/)
  relay.child.signal('SIGINT')
  const { value: exit, seconds } = await secondsOf(relay.child.exited)

  t.same(exit, { code: 1, signal: null })
  t.ok(seconds < 1, `${seconds.toFixed(2)} s`)
})

t.test(
  'drained, live calls lose nothing, and the relay ends with the last of them [OPS-02, OPS-05]',
  async t => {
    const { relay, calls, without, during } = await drainUnderCalls(t)

    t.comment(
      `of ${without.sent} packets ${lost(without)} lost without, of ${during.sent} ${lost(during)} during`,
    )
    t.ok(lossRate(during) <= lossRate(without), `${lost(during)} lost, ${lost(without)} without a drain`)
    t.match(relay.child.stderr, /"allocations":50,"msg":"draining/)
    const late = await callClient(relay.port, relay.secret, '@late:example.org')
    t.teardown(() => late.close())
    t.match(await late.allocate(), { kind: 'rejected', code: 508 }, 'a new call is refused with 508')
    t.match(await calls.clients[0]!.refresh(600), { kind: 'refreshed' })
    t.match(await calls.clients[0]!.permit(calls.relayed[1]!), { kind: 'permitted' })
    t.match(await page(relay, '/readyz'), { status: 503, text: /draining/ })
    t.match(await page(relay, '/metrics'), { text: /^taciturn_draining 1$/m })
    t.match(await page(relay, '/metrics'), { text: /^taciturn_allocations\{transport="udp"\} 50$/m })

    const [last, ...others] = calls.clients
    calls.mute(others)
    for (const client of others) t.match(await client.refresh(0), { kind: 'refreshed' })
    t.ok(
      await eventually(async () =>
        /^taciturn_allocations\{transport="udp"\} 1$/m.test((await page(relay, '/metrics'))?.text ?? ''),
      ),
      'the page says how many are left',
    )
    const alone = await calls.lossOf()
    t.equal(lost(alone), 0, 'the last call goes on')
    t.equal(relay.child.exit, undefined)
    calls.quiet()
    await last!.refresh(0)
    const { value: exit, seconds } = await secondsOf(relay.child.exited)
    t.same(exit, { code: 0, signal: null })
    t.ok(seconds < 3, `after the last: ${seconds.toFixed(1)} s`)
  },
)

t.test('readiness is told truly from before the bind to after the drain [OPS-20]', async t => {
  const metrics = await freePort()
  const seen: (number | undefined)[] = []
  let over = false
  const probe = (async () => {
    while (!over) {
      const status = await fetch(`http://127.0.0.1:${metrics}/readyz`).then(
        answer => answer.status,
        () => undefined,
      )
      if (status !== seen.at(-1) || seen.length === 0) seen.push(status)
      await pause(1)
    }
  })()
  const relay = await startServe(t, { settings: { metrics: `http://127.0.0.1:${metrics}` } })
  t.ok(await eventually(() => seen.at(-1) === 200))
  const calls = await openCalls(t, relay, 1)
  relay.child.signal('SIGUSR1')
  t.ok(await eventually(() => seen.at(-1) === 503), 'not ready while it drains')
  await calls.clients[0]!.refresh(0)
  await relay.child.exited
  t.ok(await eventually(() => seen.at(-1) === undefined))
  over = true
  await probe

  // That it is up before everything is bound may be too short to be seen from here.
  const states = seen.filter((status, i) => !(status === 503 && i < 2))
  t.same(states, [undefined, 200, 503, undefined])
})

t.test('a relay that nobody uses costs next to nothing [OPS-23]', async t => {
  const relay = await startServe(t, { settings: { log: { level: 'info', format: 'json' } } })
  // What starting costs is over by then.
  await pause(3000)
  const before = { cpu: cpuSeconds(relay.child.pid), wakes: wakesOf(relay.child.pid) }
  const memory = residentOf(relay.child.pid)
  await pause(10_000)
  const cpu = cpuSeconds(relay.child.pid) - before.cpu
  const wakes = wakesOf(relay.child.pid) - before.wakes

  t.comment(
    `${(cpu * 10).toFixed(2)} % of a core, ${wakes / 10} wakes a second, ${(memory / 2 ** 20).toFixed(0)} MB`,
  )
  // How long a wake takes is the machine's affair; a core that sleeps has few of them.
  t.ok(wakes <= 400, `woken ${wakes} times in 10 s`)
  t.ok(residentOf(relay.child.pid) - memory < 8 * 2 ** 20)
  const [, least] = /^nodejs_eventloop_lag_min_seconds (.+)$/m.exec((await page(relay, '/metrics'))!.text)!
  t.ok(Number(least) < 0.05, `the event loop is never less than ${least} s late`)
})

/**
 * Drains a relay while fifty calls talk; on a busy machine, which loses
 * packets by itself, up to three times with a relay each.
 */
async function drainUnderCalls(t: Test) {
  for (let round = 1; ; round++) {
    const relay = await startServe(t)
    const calls = (await openCalls(t, relay, 50)).talk()
    const without = await calls.lossOf()
    const during = await calls.lossOf(async () => {
      relay.child.signal('SIGUSR1')
      await relay.child.says(/"draining; the relay stops when the last allocation has ended"/)
    })
    if (lossRate(during) <= lossRate(without) || round === 3) return { relay, calls, without, during }
    calls.quiet()
    await relay.stop()
  }
}
