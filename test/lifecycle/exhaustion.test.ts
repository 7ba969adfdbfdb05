import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { parseAddress } from '../../src/base/address.ts'
import { boundPorts } from '../support/bindable.ts'
import { type CallClient, callClient } from '../support/call-client.ts'
import { lost } from '../support/calls.ts'
import { eventually, openCalls, page, ROOMY, startServe } from '../support/lifecycle.ts'
import { needNamespaces } from '../support/namespaces.ts'
import { need } from '../support/need.ts'
import { cpuSeconds } from '../support/process-time.ts'
import type { RunningRelay } from '../support/relay.ts'

t.setTimeout(180_000)

t.test('a user who takes all that can be had takes nothing from the others [OPS-07]', async t => {
  const relay = await startServe(t, {
    settings: {
      limits: {
        ...ROOMY.limits,
        allocationsPerUser: 20,
        permissionsPerAllocation: 30,
        channelsPerAllocation: 30,
      },
    },
  })
  const calls = (await openCalls(t, relay, 20)).talk()
  const without = await calls.lossOf()

  const during = await calls.lossOf(async () => {
    const hostile = await allocateUntilRefused(t, relay, '@hostile:example.org', 40)
    t.equal(hostile.open.length, 20)
    t.match(hostile.refusal, { kind: 'rejected', code: 486 })
    const [one, two] = hostile.open
    for (let i = 0; i < 40; i++) {
      const event = await one!.permit(parseAddress(`127.0.1.${i + 1}:9`)!)
      if (i < 30) t.match(event, { kind: 'permitted' })
      else t.match(event, { kind: 'rejected' })
    }
    for (let i = 0; i < 40; i++) {
      const event = await two!.bind(0x4000 + i, parseAddress(`127.0.2.${i + 1}:9`)!)
      if (i < 30) t.match(event, { kind: 'bound' })
      else t.match(event, { kind: 'rejected' })
    }
  })

  t.comment(`lost ${lost(without)} of ${without.sent} without, ${lost(during)} of ${during.sent} during`)
  t.ok(lost(during) <= lost(without))
  const other = await client(t, relay, '@other:example.org')
  t.match(await other.allocate(), { kind: 'allocated' }, 'others get what they need')
})

t.test('a range of ten ports is ten allocations, and each comes back [OPS-09]', async t => {
  const relay = await startServe(t, {
    settings: { relay: { addresses: ['127.0.0.1'], ports: '12000-12009' } },
  })
  const range = { from: 12_000, to: 12_009 }
  const { open, refusal } = await allocateUntilRefused(t, relay, '@many:example.org', 20)
  t.equal(open.length, 10)
  t.match(refusal, { kind: 'rejected', code: 508 })
  t.match(await page(relay, '/readyz'), { status: 503, text: /relay ports/ })

  for (let round = 0; round < 50; round++) {
    const one = open[round % 10]!
    t.match(await one.refresh(0), { kind: 'refreshed' })
    t.match(await one.allocate(), { kind: 'allocated' })
  }
  t.equal(boundPorts(range).length, 10)
  for (const one of open) await one.refresh(0)
  t.ok(await eventually(() => boundPorts(range).length === 0), 'nothing leaks')
  t.match(await page(relay, '/readyz'), { status: 200 })
})

t.test(
  'without descriptors it refuses, neither crashes nor spins, and recovers [OPS-08]',
  need('prlimit'),
  async t => {
    const relay = await startServe(t, { before: 'exec prlimit --nofile=256:256 --' })
    const calls = (await openCalls(t, relay, 10)).talk()
    const { open, refusal } = await allocateUntilRefused(t, relay, '@many:example.org', 1000)
    t.match(refusal, { kind: 'rejected', code: 508 })
    t.comment(`${open.length} allocations more`)
    const sockets = Array.from({ length: 300 }, () => connect(relay.port, '127.0.0.1').on('error', () => {}))
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
    })
    const cpu = cpuSeconds(relay.child.pid)
    const during = await calls.lossOf(() => pause(3000))
    const used = (cpuSeconds(relay.child.pid) - cpu) / 3.4

    t.equal(lost(during), 0, 'calls go on')
    t.ok(used < 0.2, `${(used * 100).toFixed(1)} % of a core`)
    t.match(await open[0]!.refresh(600), { kind: 'refreshed' })
    const told = await page(relay, '/readyz')
    t.match(told, { status: 503, text: /descriptors/ }, 'it still says that it is not ready')
    for (const socket of sockets) socket.destroy()
    for (const one of open) await one.refresh(0)
    t.ok(await eventually(async () => (await page(relay, '/readyz'))?.status === 200), 'ready again')
    const late = await client(t, relay, '@late:example.org')
    t.match(await late.allocate(), { kind: 'allocated' })
    t.equal(relay.child.exit, undefined)
  },
)

t.test('what clients can make it keep fits into little memory [OPS-13]', async t => {
  const limits = { ...ROOMY.limits, allocations: 300 }
  const relay = await startServe(t, {
    before: 'exec env NODE_OPTIONS=--max-old-space-size=40',
    settings: { limits },
  })
  const { open, refusal } = await allocateUntilRefused(t, relay, '@many:example.org', 400)
  t.equal(open.length, 300, 'the limit comes before the end of the memory')
  t.match(refusal, { kind: 'rejected', code: 508 })
  for (const one of open.slice(0, 50)) {
    for (let i = 0; i < 20; i++) await one.permit(parseAddress(`127.1.${i}.1:9`)!)
  }
  t.match(await page(relay, '/readyz'), { status: 503, text: /allocations/ })
  t.equal(relay.child.exit, undefined)
  t.match(await open[0]!.refresh(0), { kind: 'refreshed' })
})

t.test(
  'a full disk stops the log and no call, is told of once, and recovers [OPS-15]',
  needNamespaces('mount'),
  async t => {
    const folder = t.testdir()
    const relay = await startServe(t, { before: `exec unshare --mount sh '${onTmpfs(t, folder)}'` })
    const inside = `/proc/${relay.child.pid}/root${folder}`
    const log = () => readFileSync(`${inside}/log`, 'utf8')
    const calls = (await openCalls(t, relay, 10)).talk()
    const without = await calls.lossOf()
    t.match(log(), /"ready"/)

    const during = await calls.lossOf(async () => {
      t.throws(() => writeFileSync(`${inside}/filling`, Buffer.alloc(2 << 20)), { code: 'ENOSPC' })
      for (let i = 0; i < 20; i++) {
        const one = await client(t, relay, `@during${i}:example.org`)
        t.match(await one.allocate(), { kind: 'allocated' })
      }
    })
    t.comment(`lost ${lost(without)} of ${without.sent} without, ${lost(during)} of ${during.sent} during`)
    t.ok(lost(during) <= lost(without))

    rmSync(`${inside}/filling`)
    const after = await client(t, relay, '@after:example.org')
    t.match(await after.allocate(), { kind: 'allocated' })
    t.ok(await eventually(() => /could not be written for a while/.test(log())), 'it says so')
    const lines = log().trim().split('\n')
    t.equal(lines.filter(line => /could not be written/.test(line)).length, 1, 'once')
    for (const line of lines) JSON.parse(line)
    t.equal(relay.child.exit, undefined)
  },
)

/** A script that runs a command with its log on a disk of one megabyte, which nobody else sees. */
function onTmpfs(t: Test, folder: string): string {
  const script = `${t.testdir({ folder: {} })}.sh`
  t.teardown(() => rmSync(script, { force: true }))
  writeFileSync(script, `mount -t tmpfs -o size=1m none '${folder}'\nexec "$@" 2>'${folder}/log'\n`)
  return script
}

async function client(t: Test, relay: RunningRelay, user: string): Promise<CallClient> {
  const one = await callClient(relay.port, relay.secret, user)
  t.teardown(() => one.close())
  return one
}

/** Allocates with one client after the other. */
async function allocateUntilRefused(t: Test, relay: RunningRelay, user: string, most: number) {
  const open: CallClient[] = []
  for (;;) {
    const one = await client(t, relay, user)
    const event = await one.allocate()
    if (event.kind !== 'allocated') return { open, refusal: event }
    open.push(one)
    if (open.length === most) return { open, refusal: undefined }
  }
}

t.test('P-15: with too few descriptors to start, serve says so in a sentence', async t => {
  const serve = `unset NODE_OPTIONS; ulimit -n 40; exec ${process.execPath} dist/cli/main.js serve`
  const { status, stderr } = spawnSync('bash', ['-c', serve], { encoding: 'utf8', timeout: 30_000 })

  t.equal(status, 1)
  t.match(stderr, /The limit of open files is 40.*raise LimitNOFILE/)
  t.notMatch(stderr, /unexpected|EMFILE/)
})
