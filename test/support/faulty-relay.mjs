import { syncBuiltinESMExports } from 'node:module'
import workerThreads from 'node:worker_threads'

/*
 * A relay as it is, but for SIGUSR2, on which something throws that nothing catches, and SIGWINCH, on which the worker
 * ends that was started first.
 */
const workers = []
workerThreads.Worker = class extends workerThreads.Worker {
  constructor(...of) {
    super(...of)
    workers.push(this)
  }
}
syncBuiltinESMExports()
process.on('SIGUSR2', () => {
  throw new Error('asked to')
})
process.on('SIGWINCH', () => workers.shift()?.terminate())
await import('../../dist/cli/main.js')
