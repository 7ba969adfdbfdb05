import { parentPort, workerData } from 'node:worker_threads'
import { Clerk } from './clerk.ts'
import type { FromLedger, LedgerStart, ToLedger } from './protocol.ts'

/* The thread of the ledger's database: relaying never waits for it. */

const clerk = new Clerk(workerData as LedgerStart)
const answer = (message: FromLedger) => parentPort?.postMessage(message)

parentPort?.on('message', (message: ToLedger) => {
  if (message === 'close') {
    void clerk.close().finally(() => parentPort?.close())
    return
  }
  const { id, job } = message
  clerk.do(job).then(
    done => answer({ id, answer: done }),
    (error: Error) => answer({ id, failed: error.message || error.name }),
  )
})
