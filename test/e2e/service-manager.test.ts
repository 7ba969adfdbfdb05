import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import { need } from '../support/need.ts'
import { freePort } from '../support/ports.ts'
import { MAIN } from '../support/relay.ts'
import { SECRET, startManaged, WATCHDOG_USEC } from '../support/service-manager.ts'
import { ask, bindingRequest, mappedPort } from '../support/stun.ts'
import { connect, tell } from '../support/werift.ts'

/* Messages from a relay to systemd, and the sockets that systemd hands over. */

t.setTimeout(300_000)

t.test('the service manager hears what the relay does, in order', need('python3'), async t => {
  const { manager, port, pid } = await startManaged(t, { watchdog: true })

  await manager.says(/^READY=1 \| STATUS=serving, 0 allocations$/m)
  t.ok(mappedPort((await ask(port, bindingRequest(), 2000))!), 'ready means that it answers')
  await manager.says(/^WATCHDOG=1 \| STATUS=serving, 0 allocations$/m)
  process.kill(pid, 'SIGHUP')
  await manager.says(/^RELOADING=1 \| MONOTONIC_USEC=\d+\n(?:WATCHDOG.*\n)?READY=1/m)
  process.kill(pid, 'SIGTERM')
  await manager.says(/^STOPPING=1 \| EXTEND_TIMEOUT_USEC=15000000$/m)
  await manager.says(/^exit 0$/m)
})

t.test(
  'systemd is not told about a drain as a stop, or it would kill us at its stop timeout',
  need('python3'),
  async t => {
    const { manager, port, pid } = await startManaged(t)
    await manager.says(/^READY=1/m)
    const alice = await connect(t, ['127.0.0.1', port], credential(SECRET, '@alice:example.org'), 'tcp')

    process.kill(pid, 'SIGUSR1')

    await manager.says(/^STATUS=draining, 1 allocation$/m)
    await alice.close()
    await manager.says(/^exit 0$/m)
    t.notMatch(manager.stdout, /STOPPING/)
  },
)

t.test(
  'an upgrade makes the new process the main one, and that beats from then on',
  need('python3'),
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'upgrade-test-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const control = join(folder, 'control.sock')
    const { manager, port, pid } = await startManaged(t, {
      watchdog: true,
      sockets: true,
      settings: { control },
    })
    await manager.says(/^READY=1/m)
    const alice = await connect(t, ['127.0.0.1', port], credential(SECRET, '@alice:example.org'))
    const bob = await connect(t, ['127.0.0.1', port], credential(SECRET, '@bob:example.org'), 'tcp')

    const asked = new Child(process.execPath, [MAIN, 'upgrade', '--json', '--socket', control])
    t.same(await asked.exited, { code: 0, signal: null }, asked.output)
    const { pid: next } = JSON.parse(asked.stdout) as { pid: number }

    await manager.says(
      new RegExp(`^MAINPID=${next}\\n(?:WATCHDOG.*\\n)*READY=1 \\| STATUS=serving, 2 allocations$`, 'm'),
    )
    await manager.says(
      /READY=1 \| STATUS=serving, 2 allocations\n[\s\S]*^WATCHDOG=1 \| STATUS=serving, 2 allocations$/m,
    )
    t.notMatch(manager.stdout, /STOPPING/, 'the first process does not speak for the service any more')
    t.not(next, pid)
    t.equal(await tell(alice, bob, 'still there'), 'still there')
    await Promise.all([alice.close(), bob.close()])
    process.kill(next, 'SIGTERM')
    await manager.says(/^STOPPING=1/m)
    await manager.says(/^main process ended; the first exited with 0$/m)
  },
)

t.test('a process that does not run gives no sign of life [OPS-11]', need('python3'), async t => {
  const { manager, pid } = await startManaged(t, { watchdog: true })
  await manager.says(/^WATCHDOG=1/m)

  process.kill(pid, 'SIGSTOP')
  // What had been sent before it stopped.
  await sleep(100)
  const before = beats(manager)
  await sleep((2 * WATCHDOG_USEC) / 1000)
  const after = beats(manager)
  process.kill(pid, 'SIGCONT')

  t.equal(after, before)
  while (beats(manager) === after) await sleep(20)
})

t.test(
  'without the native addon systemd-notify speaks for it',
  need('python3', 'systemd-notify'),
  async t => {
    // A copy of the program that has no addon beside it.
    const folder = t.testdir({})
    const root = join(MAIN, '..', '..', '..')
    cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
    cpSync(join(root, 'package.json'), join(folder, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const main = join(folder, 'dist', 'cli', 'main.js')

    const { manager, pid, port } = await startManaged(t, { main, watchdog: true, sockets: true })

    await manager.says(/^READY=1 \| STATUS=serving, 0 allocations$/m)
    await manager.says(/"udp":"dgram"/)
    await manager.says(/^WATCHDOG=1/m)
    t.ok(mappedPort((await ask(port, bindingRequest(), 2000))!), 'and sockets are taken over all the same')
    process.kill(pid, 'SIGTERM')
    await manager.says(/^STOPPING=1/m)
    await manager.says(/^exit 0$/m)
  },
)

for (const udp of ['native', 'dgram']) {
  t.test(`sockets of the service manager are taken over, with ${udp} UDP`, need('python3'), async t => {
    const { manager, port } = await startManaged(t, { sockets: true, settings: { udp } })
    await manager.says(/^READY=1/m)

    const alice = await connect(t, ['127.0.0.1', port], credential(SECRET, '@alice:example.org'))
    const bob = await connect(t, ['127.0.0.1', port], credential(SECRET, '@bob:example.org'), 'tcp')

    t.equal(await tell(alice, bob, 'handed over'), 'handed over')
    t.notMatch(manager.output, /"level":"(warn|error)"(?!.*running as root)/)
    await Promise.all([alice.close(), bob.close()])
  })
}

t.test('several workers share a TCP socket of the service manager', need('python3'), async t => {
  const { manager, port } = await startManaged(t, { sockets: ['tcp'], settings: { workers: 2 } })
  await manager.says(/^READY=1/m)

  for (const user of ['@alice:example.org', '@bob:example.org', '@carol:example.org']) {
    const client = await connect(t, ['127.0.0.1', port], credential(SECRET, user), 'tcp')
    t.equal(await tell(client, client, 'echo'), 'echo')
    await client.close()
  }
})

t.test('what cannot be taken over keeps the relay from starting, with a reason', need('python3'), async t => {
  const shared = await startManaged(t, { sockets: true, settings: { workers: 2 } })
  await shared.manager.says(/one UDP socket, which threads cannot share/)
  await shared.manager.says(/^exit 3$/m)

  const port = await freePort()
  const other = await startManaged(t, { sockets: true, settings: { listen: [`udp://127.0.0.1:${port}`] } })
  await other.manager.says(/hands over .*, but `listen` has no such entry/)
  await other.manager.says(/^exit 3$/m)
})

function beats(manager: Child): number {
  return manager.stdout.match(/^WATCHDOG=1/gm)?.length ?? 0
}
