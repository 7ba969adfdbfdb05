import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { parentPort } from 'node:worker_threads'
import { Pump } from '../../../src/net/stream/web/pump.ts'

/** Carries one visitor to a server of its own that says everything back, until the thread is ended. */
const echo = createServer(socket => socket.pipe(socket)).listen(0, '127.0.0.1')
await once(echo, 'listening')
const front = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
await once(front, 'listening')
parentPort?.postMessage((front.address() as { port: number }).port)
const [visitor] = (await once(front, 'connection')) as [Socket]
const back = connect((echo.address() as { port: number }).port, '127.0.0.1')
back.pause()
await once(back, 'connect')
if (!new Pump().carry(visitor, back, { moved: () => {}, ended: () => {} }))
  throw new Error('it does not carry')
