import { parentPort, workerData } from 'node:worker_threads'
import { Clerk } from './clerk.ts'
import type { FromLedger, LedgerAnswers, LedgerJob, LedgerStart, ToLedger } from './protocol.ts'
import { linesOfRows } from './row-lines.ts'

/* The thread of the ledger's database: relaying never waits for it. */

const clerk = new Clerk(workerData as LedgerStart)
const answer = (message: FromLedger) =>
  parentPort?.postMessage(message, 'lines' in message ? [message.lines.buffer] : [])

parentPort?.on('message', (message: ToLedger) => {
  if (message === 'close') {
    void clerk.close().finally(() => parentPort?.close())
    return
  }
  const { id, job } = message
  clerk.do(job).then(
    done => answer({ id, ...written(done) }),
    (error: Error) => answer({ id, failed: error.message || error.name }),
  )
})

function written(answer: LedgerAnswers[LedgerJob['kind']]) {
  if (typeof answer === 'number' || 'batches' in answer || 'relays' in answer || 'until' in answer)
    return { answer }
  if ('more' in answer) return { lines: linesOfRows(answer.rows), more: answer.more }
  return { lines: linesOfRows(answer), more: undefined }
}
