import { EventEmitter } from 'node:events'
import t from 'tap'
import { NO_SERVICE_MANAGER } from '../../../src/operate/service-manager.ts'
import { Shutdown } from '../../../src/operate/shutdown.ts'
import { handleSignals } from '../../../src/process/signals.ts'

t.test('without patience everything is closed at once, in order', async t => {
  const { shutdown, said } = start({ allocations: 3, deadline: 0 })

  shutdown.stop('test')

  t.same(said, ['drain', 'close allocations', 'close sockets', 'exit 0'])
})

t.test('calls get until the deadline, and not a second more', async t => {
  const { shutdown, said, clock } = start({ allocations: 3, deadline: 5 })
  shutdown.stop('test')

  clock.now = 4999
  shutdown.tick()
  t.same(said, ['drain'])

  clock.now = 5000
  shutdown.tick()
  t.same(said, ['drain', 'close allocations', 'close sockets', 'exit 0'])
})

t.test('when the last call ends before the deadline nobody waits for it', async t => {
  const { shutdown, said, live } = start({ allocations: 1, deadline: 3600 })
  shutdown.stop('test')

  live.allocations = 0
  shutdown.tick()

  t.equal(said.at(-1), 'exit 0')
})

t.test('an idle relay stops at once whatever the deadline', async t => {
  const { shutdown, said } = start({ allocations: 0, deadline: 3600 })

  shutdown.stop('test')

  t.equal(said.at(-1), 'exit 0')
})

t.test('a stop has calls kept for the next process before it closes them, at the deadline', async t => {
  const { shutdown, said, clock, kept } = start({ allocations: 3, deadline: 5, keeps: true })
  shutdown.stop('test')
  t.same(said, ['drain'])
  clock.now = 5000
  shutdown.tick()
  shutdown.tick()
  t.same(said, ['drain', 'serve', 'keep'])

  kept()
  await new Promise(resolve => setImmediate(resolve))

  t.same(said, ['drain', 'serve', 'keep', 'close allocations', 'close sockets', 'exit 0'])
})

t.test('a stop goes on where calls cannot be kept', async t => {
  const { shutdown, said, failed } = start({ allocations: 3, deadline: 0, keeps: true })
  shutdown.stop('test')

  failed(new Error('no'))
  await new Promise(resolve => setImmediate(resolve))

  t.same(said, ['drain', 'serve', 'keep', 'close allocations', 'close sockets', 'exit 0'])
})

t.test('nothing is kept by a relay that drains, or is to end at once', async t => {
  const drained = start({ allocations: 0, deadline: 0, keeps: true })
  drained.shutdown.drain()
  t.same(drained.said, ['drain', 'close allocations', 'close sockets', 'exit 0'])

  const forced = start({ allocations: 3, deadline: 60, keeps: true })
  forced.shutdown.stop('test')
  forced.shutdown.force()
  t.same(forced.said, ['drain', 'close allocations', 'close sockets', 'exit 1'])
})

t.test(
  'the first process of a container waits to be stopped once another goes on with its calls',
  async t => {
    const { shutdown, said, live, clock } = start({ allocations: 1, deadline: 0 })
    shutdown.leave(77, 5, true)
    live.allocations = 0
    clock.now = 1e12
    shutdown.tick()
    t.same(said, ['drain'])

    shutdown.stop('SIGTERM')

    t.same(said, ['drain', 'close allocations', 'close sockets', 'exit 0'])
  },
)

t.test('draining waits for the last call, and a stop meanwhile shortens the wait', async t => {
  const { shutdown, said, clock } = start({ allocations: 1, deadline: 0 })
  shutdown.drain()
  clock.now = 1e12
  shutdown.tick()
  t.equal(shutdown.state, 'draining')
  t.same(said, ['drain'])

  shutdown.stop('test')

  t.equal(shutdown.state, 'stopping')
  t.same(said, ['drain', 'close allocations', 'close sockets', 'exit 0'])
})

t.test('a drain during a stop does not prolong it', async t => {
  const { shutdown, said, clock } = start({ allocations: 1, deadline: 5 })
  shutdown.stop('test')
  shutdown.drain()
  t.equal(shutdown.state, 'stopping')

  clock.now = 5000
  shutdown.tick()
  t.equal(said.at(-1), 'exit 0')
})

t.test(
  'U-10: a drain is cancelled: calls are taken again, and the last one does not end the relay',
  async t => {
    const { shutdown, said, live } = start({ allocations: 1, deadline: 3600 })
    t.notOk(shutdown.cancelDrain(), 'nothing to cancel')
    shutdown.drain()

    t.ok(shutdown.cancelDrain())

    t.equal(shutdown.state, 'none')
    t.equal(shutdown.status, 'serving, 1 allocation')
    live.allocations = 0
    shutdown.tick()
    t.same(said, ['drain', 'serve'])
    t.notOk(shutdown.cancelDrain(), 'once')

    shutdown.drain()
    t.same(said.slice(2), ['drain', 'close allocations', 'close sockets', 'exit 0'], 'it can drain again')
  },
)

t.test('U-10: neither a stop nor the end can be cancelled', async t => {
  const stopping = start({ allocations: 1, deadline: 5 })
  stopping.shutdown.stop('test')
  t.notOk(stopping.shutdown.cancelDrain())
  t.equal(stopping.shutdown.state, 'stopping')

  const over = start({ allocations: 0, deadline: 5 })
  over.shutdown.drain()
  t.notOk(over.shutdown.cancelDrain())
  t.equal(over.said.at(-1), 'exit 0')
})

t.test('forced, it closes what it can and exits with 1, once', async t => {
  const { shutdown, said } = start({ allocations: 1, deadline: 3600 })
  shutdown.stop('test')

  shutdown.force()
  shutdown.force()
  shutdown.tick()

  t.same(said, ['drain', 'close allocations', 'close sockets', 'exit 1'])
})

t.test('SIGTERM stops, the second one does not wait', async t => {
  const { process, said } = signals()

  process.emit('SIGTERM', 'SIGTERM')
  process.emit('SIGINT', 'SIGINT')

  t.same(said, ['stop SIGTERM', 'force'])
})

t.test('SIGHUP reloads and SIGUSR1 drains, as often as they come', async t => {
  const { process, said } = signals()

  process.emit('SIGHUP', 'SIGHUP')
  process.emit('SIGHUP', 'SIGHUP')
  process.emit('SIGUSR1', 'SIGUSR1')

  t.same(said, ['reload', 'reload', 'drain'])
})

t.test('U-01: on a terminal SIGHUP stops, as the terminal has gone', async t => {
  const { process, said } = signals(true)

  process.emit('SIGHUP', 'SIGHUP')
  process.emit('SIGTERM', 'SIGTERM')

  t.same(said, ['stop SIGHUP', 'force'])
})

t.test('afterwards no signal is listened for', async t => {
  const { process, unlisten } = signals()

  unlisten()

  t.same(process.eventNames(), [])
})

interface Begun {
  readonly allocations: number
  readonly deadline: number
  /** Whether somebody keeps calls. */
  readonly keeps?: boolean
}

function start({ allocations, deadline, keeps = false }: Begun) {
  const said: string[] = []
  const live = { allocations }
  const clock = { now: 0 }
  let kept = () => {}
  let failed = (_: Error) => {}
  const keeping = new Promise<void>((resolve, reject) => {
    kept = resolve
    failed = reject
  })
  const keep = () => {
    said.push('keep')
    return keeping
  }
  const shutdown = new Shutdown({
    shards: {
      drain: on => said.push(on ? 'drain' : 'serve'),
      allocations: () => live.allocations,
      closeAllocations: () => said.push('close allocations'),
      closeSockets: () => said.push('close sockets'),
    },
    log: { info: () => {}, warn: () => {} },
    serviceManager: NO_SERVICE_MANAGER,
    deadline: () => deadline,
    keep: keeps ? keep : undefined,
    ended: code => said.push(`exit ${code}`),
    now: () => clock.now,
  })
  return { shutdown, said, live, clock, kept, failed }
}

function signals(isTerminal = false) {
  const said: string[] = []
  const process = new EventEmitter()
  const unlisten = handleSignals(
    {
      shutdown: {
        stop: why => said.push(`stop ${why}`),
        force: () => said.push('force'),
        drain: () => said.push('drain'),
      },
      reload: { request: () => said.push('reload') },
    },
    { process, isTerminal },
  )
  return { process, said, unlisten }
}
