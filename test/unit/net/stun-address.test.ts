import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { address, formatIp, parseIp } from '../../../src/base/address.ts'
import { askStunAddress } from '../../../src/net/ports/stun-address.ts'
import { XOR_MAPPED_ADDRESS } from '../../../src/wire/attributes.ts'
import { MessageWriter, Method } from '../../../src/wire/message.ts'

const SEEN = address(parseIp('80.1.1.7')!, 40000)

t.test('what a STUN server sees is read, and nobody else can say it', async t => {
  const asked: string[] = []
  const port = await server(t, (request, from) => {
    asked.push(from)
    return [Buffer.from('nothing'), answer(Buffer.alloc(12, 7)), request, answer(request.subarray(8, 20))]
  })
  const ip = await askStunAddress({ host: '127.0.0.1', port }, 4, parseIp('127.0.0.9'))
  t.equal(formatIp(ip), '80.1.1.7')
  t.same(asked, ['127.0.0.9'], 'once, and from the address to relay from')
})

t.test('a request that is lost is sent again', async t => {
  let heard = 0
  const port = await server(t, request => (++heard < 2 ? [] : [answer(request.subarray(8, 20))]))
  t.equal(formatIp(await askStunAddress({ host: '127.0.0.1', port }, 4, undefined)), '80.1.1.7')
  t.equal(heard, 2)
})

t.test('a server that is not there is an error, at once', async t => {
  const port = await server(t, () => [])
  const gone = createSocket('udp4')
  gone.bind(0, '127.0.0.1')
  await once(gone, 'listening')
  const { port: closed } = gone.address()
  gone.close()
  t.not(closed, port)
  await t.rejects(askStunAddress({ host: '127.0.0.1', port: closed }, 4, undefined))
})

function answer(transaction: Buffer): Buffer {
  return new MessageWriter('success', Method.Binding, transaction).set(XOR_MAPPED_ADDRESS, SEEN).finish()
}

async function server(t: Test, answers: (request: Buffer, from: string) => Buffer[]): Promise<number> {
  const socket = createSocket('udp4')
  t.teardown(() => socket.close())
  socket.on('message', (request, from) => {
    for (const one of answers(request, from.address)) socket.send(one, from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket.address().port
}
