import { parentPort } from 'node:worker_threads'

/*
 * A worker as it is, but for one message more, which no worker of the relay
 * knows: it then does nothing else for ever.
 */

await import('../../src/workers/worker.ts')

parentPort!.on('message', (messages: readonly { readonly kind: string }[]) => {
  if (messages.some(message => message.kind === 'hang')) for (;;);
})
