import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { Pump } from '../../../src/net/stream/web/pump.ts'
import { loadAddon } from '../../../src/system/native-addon.ts'

const addon = loadAddon()
const skip = !addon.ok && addon.error

/** Both ends of a TCP connection over loopback; the first is paused. */
async function connection(t: Test): Promise<readonly [near: Socket, far: Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [near] = (await once(server, 'connection')) as [Socket]
  server.close()
  for (const socket of [near, far]) {
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
  }
  return [near, far]
}

interface World {
  readonly pump: Pump
  readonly one: Socket
  readonly other: Socket
  readonly near: readonly [Socket, Socket]
  readonly moved: [number, number]
  readonly ended: Promise<void>
  readonly look: () => void
  readonly release: () => void
}

/** `one` and `other` are far ends between which a pump passes octets. */
async function carried(t: Test, pump = new Pump()): Promise<World> {
  const [nearOne, one] = await connection(t)
  const [nearOther, other] = await connection(t)
  const moved: [number, number] = [0, 0]
  let end = () => {}
  const ended = new Promise<void>(resolve => {
    end = resolve
  })
  const pair = pump.carry(nearOne, nearOther, {
    moved: (fromOne, fromOther) => {
      moved[0] += fromOne
      moved[1] += fromOther
    },
    ended: () => end(),
  })
  if (!pair) throw new Error('it does not carry')
  t.teardown(() => pump.stop())
  return {
    ...{ pump, one, other, moved, ended },
    near: [nearOne, nearOther],
    look: () => pair.look(),
    release: () => pair.release(),
  }
}

async function heard(socket: Socket): Promise<string> {
  const hash = createHash('sha256')
  socket.on('data', chunk => hash.update(chunk))
  await once(socket, 'end')
  return hash.digest('hex')
}

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const descriptors = () => readdirSync('/proc/self/fd').length

t.test('both sides get what the other has sent, and it is counted', { skip }, async t => {
  const { one, other, moved, ended, near } = await carried(t)
  const [there, back] = [randomBytes(5_000_001), randomBytes(3_000_003)]

  one.end(there)
  other.end(back)
  const [atOther, atOne] = await Promise.all([heard(other), heard(one)])
  await ended

  t.equal(atOther, hashOf(there))
  t.equal(atOne, hashOf(back))
  t.same(moved, [there.length, back.length])
  t.same(
    near.map(socket => socket.bytesRead),
    [0, 0],
    'Node has read nothing',
  )
})

t.test('a side that has sent everything may still be answered', { skip }, async t => {
  const { one, other, ended } = await carried(t)

  one.end('question')
  t.equal(await heard(other), hashOf(Buffer.from('question')))
  other.end('late answer')

  t.equal(await heard(one), hashOf(Buffer.from('late answer')))
  await ended
})

t.test('when one side breaks off, it is told, and the other side is not read further', { skip }, async t => {
  const { one, other, ended } = await carried(t)
  other.write('x')
  await once(one, 'data')

  one.resetAndDestroy()
  await ended

  t.notOk(other.destroyed)
})

t.test('a side that does not read holds up the other, and gets all of it later', { skip }, async t => {
  const { one, other, moved, look, ended } = await carried(t)
  const much = randomBytes(32 << 20)
  one.end(much)
  let before = -1
  while (moved[0] !== before || before === 0) {
    before = moved[0]
    for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
    look()
  }

  t.ok(moved[0] < 24 << 20, `${moved[0]} octets have gone`)
  other.end()
  t.equal(await heard(other), hashOf(much))
  one.resume()
  await ended
})

t.test('many pairs at once, some given up in between, leave no descriptor behind', { skip }, async t => {
  const pump = new Pump()
  const before = descriptors()
  const bytes = randomBytes(200_000)
  const worlds = await Promise.all(Array.from({ length: 60 }, () => carried(t, pump)))

  await Promise.all(
    worlds.map(async ({ one, other, near, ended, release }, i) => {
      one.end(bytes)
      other.end(bytes)
      if (i % 3 === 0) release()
      else {
        t.equal(await heard(other), hashOf(bytes))
        t.equal(await heard(one), hashOf(bytes))
        await ended
      }
      for (const socket of [one, other, ...near]) {
        socket.destroy()
        if (!socket.closed) await once(socket, 'close')
      }
    }),
  )
  pump.stop()
  while (descriptors() > before) await new Promise(resolve => setImmediate(resolve))

  t.equal(descriptors(), before)
})

t.test('a pair that was given up passes nothing more, and both sockets stay open', { skip }, async t => {
  const { one, near, release, look, moved } = await carried(t)
  release()
  one.write('for Node now')
  near[0].resume()
  const [chunk] = await once(near[0], 'data')
  look()

  t.equal(String(chunk), 'for Node now')
  t.same(moved, [0, 0])
})

t.test('a pump that was stopped carries nothing new', { skip }, async t => {
  const pump = new Pump()
  pump.stop()

  await t.rejects(carried(t, pump), /does not carry/)
})

t.test('a thread that is ended in the middle takes its pump with it', { skip }, async t => {
  const [, one] = await connection(t)
  const before = descriptors()
  const worker = new Worker(new URL('./pump-worker.ts', import.meta.url), {
    execArgv: [...process.execArgv],
  })
  const [port] = (await once(worker, 'message')) as [number]
  const visitor = connect(port, '127.0.0.1')
  visitor.on('error', () => {})
  visitor.write('there and back')
  const [chunk] = await once(visitor, 'data')
  await worker.terminate()
  if (!visitor.closed) await once(visitor, 'close')
  while (descriptors() > before) await new Promise(resolve => setImmediate(resolve))

  t.equal(String(chunk), 'there and back')
  t.notOk(one.destroyed)
})
