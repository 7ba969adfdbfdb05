import { EventEmitter } from 'node:events'
import t from 'tap'
import { handleSignals } from '../../../src/process/signals.ts'
import { Stop } from '../../../src/process/stop.ts'

t.test('without patience everything is closed at once, in order', async t => {
  const { stop, said } = start({ allocations: 3 })

  stop.begin(0, 0)

  t.same(said, ['drain', 'close allocations', 'close sockets', 'exit 0'])
})

t.test('calls get until the deadline, and not a second more', async t => {
  const { stop, said } = start({ allocations: 3 })
  stop.begin(0, 5)

  stop.tick(4999)
  t.same(said, ['drain'])

  stop.tick(5000)
  t.same(said, ['drain', 'close allocations', 'close sockets', 'exit 0'])
})

t.test('when the last call ends before the deadline nobody waits for it', async t => {
  const { stop, said, live } = start({ allocations: 1 })
  stop.begin(0, 3600)

  live.allocations = 0
  stop.tick(1000)

  t.equal(said.at(-1), 'exit 0')
})

t.test('an idle relay stops at once whatever the deadline', async t => {
  const { stop, said } = start({ allocations: 0 })

  stop.begin(0, 3600)

  t.equal(said.at(-1), 'exit 0')
})

t.test('draining waits for the last call, and a stop meanwhile shortens the wait', async t => {
  const { stop, said } = start({ allocations: 1 })
  stop.begin(0, Number.POSITIVE_INFINITY)
  stop.tick(1e12)
  t.same(said, ['drain'])

  stop.begin(1e12, 0)

  t.same(said, ['drain', 'close allocations', 'close sockets', 'exit 0'])
})

t.test('forced, it closes what it can and exits with 1, once', async t => {
  const { stop, said } = start({ allocations: 1 })
  stop.begin(0, 3600)

  stop.force()
  stop.force()
  stop.tick(1e12)

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

t.test('afterwards no signal is listened for', async t => {
  const { process, unlisten } = signals()

  unlisten()

  t.same(process.eventNames(), [])
})

function start(live: { allocations: number }) {
  const said: string[] = []
  const stop = new Stop(
    {
      drain: () => said.push('drain'),
      allocations: () => live.allocations,
      closeAllocations: () => said.push('close allocations'),
      closeSockets: () => said.push('close sockets'),
    },
    code => said.push(`exit ${code}`),
  )
  return { stop, said, live }
}

function signals() {
  const said: string[] = []
  const process = new EventEmitter()
  const unlisten = handleSignals(
    {
      stop: signal => said.push(`stop ${signal}`),
      force: () => said.push('force'),
      reload: () => said.push('reload'),
      drain: () => said.push('drain'),
    },
    process,
  )
  return { process, said, unlisten }
}
