import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { boundPorts } from '../support/bindable.ts'
import { compareLoss, lossRate, lost } from '../support/calls.ts'
import { Child } from '../support/child.ts'
import { keepLog, openCalls, page, secondsOf, startServe } from '../support/lifecycle.ts'
import { needNamespaces } from '../support/namespaces.ts'
import { MAIN, type RunningRelay } from '../support/relay.ts'
import { ask, bindingRequest } from '../support/stun.ts'

t.setTimeout(120_000)

t.test(
  'killed, it serves again within five seconds, and clients find their way back [OPS-10, OPS-24]',
  async t => {
    const relay = await startServe(t)
    const calls = await openCalls(t, relay, 10)

    relay.child.signal('SIGKILL')
    t.same(await relay.child.exited, { code: null, signal: 'SIGKILL' })
    t.same(boundPorts(relay.relayPorts), [], 'no relay port is left')
    const again = second(t, relay)
    const { value: answer, seconds } = await secondsOf(ask(relay.port, bindingRequest(), 10_000))

    t.ok(answer)
    t.ok(seconds < 5, `${seconds.toFixed(1)} s`)
    const [client] = calls.clients
    t.match(await client!.refresh(600), { kind: 'rejected', code: 437 }, 'the allocation is gone')
    const { text } = (await page(relay, '/metrics'))!
    t.match(text, /^taciturn_\w+\{[^}]*stale[^}]*\} 1$/m, 'the nonce of before was stale, and not wrong')
    t.notMatch(text, /^taciturn_\w+\{[^}]*bad.request[^}]*\} [1-9]/m)
    t.match(await client!.allocate(), { kind: 'allocated' })
    t.equal(boundPorts(relay.relayPorts).length, 1)
    await again.stop()
  },
)

t.test('a second relay on the same ports is refused, and the first notices nothing [OPS-22]', async t => {
  const relay = await startServe(t)
  const calls = (await openCalls(t, relay, 20)).talk()

  const { without, during } = await compareLoss(calls, async () => {
    const other = second(t, relay)
    t.same(await other.exited, { code: 1, signal: null })
    t.match(other.stderr, /already running here \(pid \d+/, 'it says why')
  })

  t.comment(`lost ${lost(without)} of ${without.sent} without, ${lost(during)} of ${during.sent} during`)
  t.ok(lossRate(during) <= lossRate(without))
})

t.test('a Binding that meets a restart is answered before its client gives up [OPS-22]', async t => {
  const relay = await startServe(t)
  await relay.child.stop()

  const asked = secondsOf(ask(relay.port, bindingRequest(), 20_000))
  const again = second(t, relay)
  const { value: answer, seconds } = await asked

  t.comment(`${seconds.toFixed(2)} s from the end of the one to the first answer of the other`)
  t.ok(answer)
  // The last of seven requests leaves after 31.5 seconds (RFC 8489 §6.2.1), the fourth after 3.5.
  t.ok(seconds < 5)
  await again.stop()
})

t.test('two fresh starts make two secrets [OPS-24]', needNamespaces(), async t => {
  const secrets = [await freshSecret(t), await freshSecret(t)]

  for (const secret of secrets) t.match(secret, /^[0-9a-f]{64}$/)
  t.not(secrets[0], secrets[1])
})

/** Another relay with the configuration of the first. */
function second(t: Test, relay: RunningRelay): Child {
  const child = new Child(process.execPath, [MAIN, 'serve', '--config', relay.config!], { cwd: relay.folder })
  t.teardown(async () => {
    const { code } = await child.stop()
    // Why a start is refused is said to a person, and no record of a log.
    if (code !== 3) keepLog(child.stderr)
  })
  return child
}

/** Starts the relay without a configuration, in a network of its own; returns the secret that it made. */
async function freshSecret(t: Test): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'fresh-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const child = new Child(
    'unshare',
    ['--net', 'sh', '-c', `ip link set lo up; exec '${process.execPath}' '${MAIN}' serve`],
    { cwd: folder, env: { ...process.env, HOME: folder, STATE_DIRECTORY: join(folder, 'state') } },
  )
  t.teardown(() => child.stop())
  const [, secret] = await child.says(/^turn_shared_secret: "(.+)"$/m)
  t.same(await child.stop(), { code: 0, signal: null })
  return secret!
}
