import { parentPort, workerData } from 'node:worker_threads'
import { LookClient } from './client.ts'
import { credential } from './credential.ts'

/*
 * Many clients with an allocation each, in a thread of their own, so that what
 * they do delays no packet of the stream that is measured.
 */
const { port, via, secret, from, user } = workerData as {
  readonly port: number
  readonly via: 'udp' | 'tcp'
  readonly secret: string
  /** Their address on loopback. */
  readonly from: string
  /** Who all of them are; absent where each is somebody else. */
  readonly user?: string
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
        Array.from({ length: Math.min(AT_ONCE, asked.open - i) }, (_, j) =>
          LookClient.connect(port, credential(secret, user ?? `@user${i + j}:example.org`), via, from),
        ),
      )
      await Promise.all(some.map(one => one.allocate()))
      clients.push(...some)
    }
  }
  parentPort!.postMessage('done')
}
