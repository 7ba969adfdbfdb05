import t, { type Test } from 'tap'
import { Calls } from '../../bench/upgrade/calls.ts'
import { credential } from '../support/credentials.ts'
import { isAlive, upgrade } from '../support/hand-over.ts'
import { eventually, startServe } from '../support/lifecycle.ts'

t.setTimeout(240_000)

/** `npm run bench:upgrade` is the long version, and measures gaps, too. */
const [CALLS, FRESH, UPGRADES] = [40, 4, 3]

for (const workers of [1, 2])
  t.test(
    `calls of all kinds, half of them relay to relay, outlive upgrade after upgrade (workers: ${workers})`,
    t => upgradeAgainAndAgain(t, workers),
  )

async function upgradeAgainAndAgain(t: Test, workers: number): Promise<void> {
  const relay = await startServe(t, {
    ipv6: true,
    settings: {
      workers,
      control: 'auto',
      relay: { addresses: ['127.0.0.1', '::1'], ports: '10000-11999' },
    },
  })
  const credentials = (user: string) => credential(relay.secret, user)
  const calls = new Calls({ port: relay.port, tlsPort: relay.tlsPort, credentials })
  t.teardown(() => calls.close())
  await calls.open(CALLS)
  calls.talk()

  const processes = [relay.child.pid!]
  for (let round = 1; round <= UPGRADES; round++) {
    const before = calls.allocations
    const { ok, pid, allocations, stays, gap } = await upgrade(t, relay)
    t.equal(ok, true)
    t.ok(
      allocations! > 0 && allocations! + stays! <= before,
      `${allocations} went, ${stays} stayed, ${gap} ms`,
    )
    processes.push(pid!)
    // Some of them over TLS: so every process keeps calls, and with peers in each of the others.
    await calls.open(FRESH)
  }

  const outcome = await calls.outcome()
  for (const [kind, { sent, lost, twice }] of Object.entries(outcome))
    t.match({ kind, lost, twice }, { lost: 0, twice: 0 }, `${kind}: ${sent} packets`)
  t.equal(await calls.missing(), 0, 'all allocations are there')
  await calls.end()
  const isLeft = (pid: number) => isAlive(pid)
  await eventually(() => !processes.slice(0, -1).some(isLeft))
  t.same(processes.filter(isLeft), processes.slice(-1), 'and only the last process')
}
