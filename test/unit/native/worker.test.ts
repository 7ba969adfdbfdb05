import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { SocketId } from '../../../src/base/ids.ts'
import { KeptSockets } from '../../../src/net/udp/kept-sockets.ts'
import { type ListenerGroup, openGroup } from '../../../src/net/udp/native-group.ts'
import { bind, needAddon, openNativeTransport } from './probe.ts'

t.test(
  'each worker thread has an addon of its own, and may be terminated in the midst',
  needAddon(),
  async t => {
    const group = open(2)
    t.teardown(() => group.close())
    const workers = await Promise.all([start(group, 0), start(group, 1)])
    const { udp, inbox, sockets } = openNativeTransport(t)
    const sources = await Promise.all(Array.from({ length: 20 }, () => bind(udp, '127.0.0.1:0')))
    const ask = () => {
      for (const { socket } of sources) sockets.sendOne(socket, group.local, Buffer.from('echo'))
    }

    ask()
    await inbox.some(20)
    t.equal(inbox.all.length, 20)

    ask()
    await workers[0]!.terminate()
    const successor = await start(group, 0)
    const before = inbox.all.length
    ask()
    await inbox.until(() =>
      sources.every(({ socket }) => inbox.all.slice(before).some(one => one.socket === socket)),
    )

    await Promise.all([workers[1]!.terminate(), successor.terminate()])
  },
)

t.test('what is thrown from a batch ends the worker, loudly', needAddon(), async t => {
  const group = open(1)
  t.teardown(() => group.close())
  const worker = await start(group, 0)
  const { udp, sockets } = openNativeTransport(t)
  const { socket } = await bind(udp, '127.0.0.1:0')
  const ended = once(worker, 'error')

  sockets.sendOne(socket, group.local, Buffer.from('throw'))
  const [error] = await ended

  t.match(error, { message: 'asked to' })
})

t.test(
  'the sockets of a thread that breaks wait for the next, with what arrives meanwhile, under the same ids',
  needAddon(),
  async t => {
    const memory = KeptSockets.memory()
    const kept = new KeptSockets(memory)
    const group = open(1)
    t.teardown(() => group.close())
    const { udp, inbox, sockets } = openNativeTransport(t)
    const { socket } = await bind(udp, '127.0.0.1:0')
    const worker = await start(group, 0, memory)
    const fd = kept.descriptor(OWN)!
    t.ok(fd > 2)

    await worker.terminate()
    t.equal(kept.descriptor(OWN), fd, 'its socket is open still')
    sockets.sendOne(socket, group.local, Buffer.from('while nobody was there'))
    const adopting = { fd, socket: OWN, kept: memory }
    const successor = new Worker(new URL('worker.ts', import.meta.url), { workerData: adopting })
    await inbox.some(1)

    t.equal(kept.descriptor(OWN), fd)
    await successor.terminate()
    kept.closeAllBut(id => id === OWN)
    t.equal(kept.descriptor(OWN), fd)
    kept.closeAllBut(() => false)
    t.equal(kept.descriptor(OWN), undefined)
  },
)

/** The first id that a shard gives out. */
const OWN = 1 as SocketId

async function start(group: ListenerGroup, index: number, kept?: SharedArrayBuffer): Promise<Worker> {
  const workerData = { fd: group.take(index), kept }
  const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData })
  await once(worker, 'message')
  return worker
}

function open(size: number): ListenerGroup {
  const group = openGroup(parseAddress('127.0.0.1:0')!, size)
  if (!group.ok) throw new Error(group.error)
  return group.value
}
