import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { SEMI_SPACE } from '../../../src/base/heap.ts'
import type { Start } from '../../../src/workers/protocol.ts'
import { spawnFile } from '../../../src/workers/spawn.ts'

const LITTERING = new URL('../../support/littering-worker.ts', import.meta.url)
/** Octets of both halves. */
const MOST = 2 * SEMI_SPACE * 1024 * 1024

t.test("a worker's young generation does not grow as far as V8 lets it elsewhere", async t => {
  const bounded = await new Promise<number>(resolve => {
    const hand = spawnFile(LITTERING, { index: 0 } as Start, {
      messages: size => {
        hand.terminate()
        resolve(size as unknown as number)
      },
      gone: () => {},
    })
  })
  const other = new Worker(LITTERING)
  const [unbounded] = await once(other, 'message')
  await other.terminate()

  t.ok(bounded <= MOST, `${bounded} octets`)
  t.ok(unbounded > MOST, `${unbounded} octets without the bound`)
})
