import t from 'tap'
import { formatAddress, parseAddress } from '../../../src/base/address.ts'
import { type ListenerGroup, openGroup } from '../../../src/net/udp/native-group.ts'
import { bind, needAddon, openNativeTransport } from './probe.ts'

t.test('clients are spread over a group, and each keeps to its own socket', needAddon(), async t => {
  const group = open(t, '127.0.0.1:0', 4)
  const shards = [0, 1, 2, 3].map(() => openNativeTransport(t))
  for (const [i, shard] of shards.entries()) {
    const bound = await bind(shard.udp, '127.0.0.1:0', 'listener', { fd: group.take(i) })
    t.strictSame(bound.local, group.local)
  }
  const clients = openNativeTransport(t)

  const sources = await Promise.all(Array.from({ length: 60 }, () => bind(clients.udp, '127.0.0.1:0')))
  for (let round = 0; round < 3; round++) {
    for (const { socket } of sources) clients.sockets.sendOne(socket, group.local, Buffer.from('x'))
  }
  const came = () => shards.reduce((sum, shard) => sum + shard.inbox.all.length, 0)
  await Promise.race(shards.map(shard => shard.inbox.until(() => came() === 180)))

  for (const { local } of sources) {
    const met = shards.filter(shard => shard.inbox.origins.includes(formatAddress(local)))
    t.equal(met.length, 1)
  }
  t.ok(shards.every(shard => shard.inbox.all.length > 0))
})

t.test('a successor takes over where a shard was lost, with what waited for it', needAddon(), async t => {
  const group = open(t, '[::1]:0', 2)
  const client = openNativeTransport(t)
  const source = await bind(client.udp, '[::1]:0')
  const first = [openNativeTransport(t), openNativeTransport(t)]
  for (const [i, shard] of first.entries()) {
    await bind(shard.udp, '[::1]:0', 'listener', { fd: group.take(i) })
  }
  client.sockets.sendOne(source.socket, group.local, Buffer.from('before'))
  await Promise.race(first.map(shard => shard.inbox.some(1)))
  const lost = first.findIndex(shard => shard.inbox.all.length > 0)

  first[lost]!.udp.stop()
  client.sockets.sendOne(source.socket, group.local, Buffer.from('between'))
  const successor = openNativeTransport(t)
  await bind(successor.udp, '[::1]:0', 'listener', { fd: group.take(lost) })
  client.sockets.sendOne(source.socket, group.local, Buffer.from('after'))
  await successor.inbox.some(2)

  t.strictSame(successor.inbox.texts, ['between', 'after'])
  t.equal(first[1 - lost]!.inbox.all.length, 0)
})

t.test('an address that is taken is no place for a group, and nothing stays open', needAddon(), async t => {
  const { udp } = openNativeTransport(t)
  const { local } = await bind(udp, '127.0.0.1:0')

  t.throws(() => openGroup(local, 2), { code: 'EADDRINUSE' })
  udp.stop()
  const group = open(t, formatAddress(local), 2)
  t.strictSame(group.local, local)
  t.throws(() => group.take(2), RangeError)
})

function open(t: { teardown(done: () => void): void }, at: string, size: number): ListenerGroup {
  const group = openGroup(parseAddress(at)!, size)
  if (!group.ok) throw new Error(group.error)
  t.teardown(() => group.value.close())
  return group.value
}
