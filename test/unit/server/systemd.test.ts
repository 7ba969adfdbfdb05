import t, { type Test } from 'tap'
import { type Health, type Send, Systemd } from '../../../src/process/systemd.ts'

t.test('nobody is told anything where no manager is', async t => {
  const said: string[] = []
  const manager = new Systemd({ env: { WATCHDOG_USEC: '1000' }, send: record(said) })

  manager.ready('serving')
  manager.watch(() => well)
  manager.stopping(3)
  await new Promise(resolve => setTimeout(resolve, 5))

  t.same(said, [])
})

t.test('what is said has the form of sd_notify(3)', t => {
  const said: string[] = []
  const manager = new Systemd({ env: { NOTIFY_SOCKET: '/run/notify' }, send: record(said) })

  manager.ready('serving, 0 allocations')
  manager.reloading()
  manager.ready()
  manager.stopping(10)

  t.match(said, [
    'READY=1\nSTATUS=serving, 0 allocations',
    /^RELOADING=1\nMONOTONIC_USEC=\d+$/,
    'READY=1',
    'STOPPING=1\nEXTEND_TIMEOUT_USEC=25000000',
  ])
  t.end()
})

t.test('a line break in a status does not end it', t => {
  const said: string[] = []
  const manager = new Systemd({ env: { NOTIFY_SOCKET: '@notify' }, send: record(said) })

  manager.status('one\nREADY=1')

  t.same(said, ['STATUS=one READY=1'])
  t.end()
})

t.test('a message waits until the one before has left', t => {
  const said: string[] = []
  const waiting: (() => void)[] = []
  const send: Send = (_socket, message, done) => {
    said.push(message)
    waiting.push(done)
  }
  const manager = new Systemd({ env: { NOTIFY_SOCKET: '@notify' }, send })

  manager.reloading()
  manager.ready()
  t.equal(said.length, 1)
  waiting.shift()!()

  t.equal(said[1], 'READY=1')
  t.end()
})

t.test('a manager that cannot be reached is told of', t => {
  const reasons: string[] = []
  const manager = new Systemd({
    env: { NOTIFY_SOCKET: '@notify' },
    send: (_socket, _message, done) => done('ECONNREFUSED'),
    unreachable: why => reasons.push(why),
  })

  manager.ready()

  t.same(reasons, ['ECONNREFUSED'])
  t.end()
})

t.test('signs of life end when somebody has been missing for too long [OPS-11]', t => {
  const said: string[] = []
  let now = 0
  let health: Health = well
  const tick = withTimers(t)
  const manager = new Systemd({
    env: { NOTIFY_SOCKET: '@notify', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '77' },
    pid: 77,
    send: record(said),
    now: () => now,
  })
  const pass = (seconds: number) => {
    now += seconds * 1000
    said.length = 0
    tick()
    return said.length
  }

  manager.watch(() => health)
  t.equal(pass(10), 1)
  t.same(said, ['WATCHDOG=1\nSTATUS=serving'])
  health = { healthy: false, status: 'serving' }
  t.equal(pass(10), 1, 'a worker is being replaced')
  t.equal(pass(120), 0, 'it is not coming back')
  health = well
  t.equal(pass(10), 1)
  manager.close()
  t.equal(pass(10), 0)
  t.end()
})

t.test('the watchdog of another process is not ours', t => {
  const said: string[] = []
  const tick = withTimers(t)
  const env = { NOTIFY_SOCKET: '@notify', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }
  new Systemd({ env, pid: 77, send: record(said) }).watch(() => well)

  tick()

  t.same(said, [])
  t.end()
})

const well: Health = { healthy: true, status: 'serving' }

function record(said: string[]): Send {
  return (_socket, message, done) => {
    said.push(message)
    done()
  }
}

/** Puts the test in charge of intervals; what it gets runs each of them once. */
function withTimers(t: Test): () => void {
  const running = new Set<() => void>()
  const { setInterval: set, clearInterval: clear } = globalThis
  globalThis.setInterval = ((run: () => void) => {
    running.add(run)
    return Object.assign(run, { unref: () => run })
  }) as never
  globalThis.clearInterval = ((run: () => void) => running.delete(run)) as never
  t.teardown(() => {
    globalThis.setInterval = set
    globalThis.clearInterval = clear
  })
  return () => {
    for (const run of running) run()
  }
}
