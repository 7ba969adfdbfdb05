import { parentPort } from 'node:worker_threads'

/*
 * A worker as it is, but for a few messages more, which no worker of the relay
 * knows: each ends it in another way, or has it do nothing else for ever.
 */

await import('../../src/workers/worker.ts')

const ENDS: Readonly<Record<string, () => unknown>> = {
  hang: () => {
    for (;;);
  },
  throw: () => {
    throw new Error('asked to')
  },
  exit: () => process.exit(7),
  reject: () => void Promise.reject(new Error('asked to')),
}

parentPort!.on('message', (messages: readonly { readonly kind: string }[]) => {
  for (const { kind } of messages) ENDS[kind]?.()
})
