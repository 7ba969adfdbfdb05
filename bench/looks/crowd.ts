import { parentPort, workerData } from 'node:worker_threads'
import { LookClient } from './client.ts'

/*
 * Many clients with an allocation each, in a thread of their own, so that what
 * they do delays no packet of the stream that is measured.
 */
const { port, via, username, password } = workerData as {
  readonly port: number
  readonly via: 'udp' | 'tcp'
  readonly username: string
  readonly password: string
}
/** How many open at a time. */
const AT_ONCE = 50
let clients: LookClient[] = []

parentPort!.on('message', (asked: { readonly open: number } | 'leave') => void act(asked))

async function act(asked: { readonly open: number } | 'leave'): Promise<void> {
  if (asked === 'leave') {
    for (const client of clients) client.close()
    clients = []
  } else {
    for (let i = 0; i < asked.open; i += AT_ONCE) {
      const some = await Promise.all(
        Array.from({ length: Math.min(AT_ONCE, asked.open - i) }, () =>
          LookClient.connect(port, { username, password }, via),
        ),
      )
      await Promise.all(some.map(one => one.allocate()))
      clients.push(...some)
    }
  }
  parentPort!.postMessage('done')
}
