import { parentPort, workerData } from 'node:worker_threads'
import { type BackupJob, type BackupOutcome, backupIfDue } from './due.ts'
import { NoLedger } from './snapshot.ts'

/* The thread that makes one backup: relaying waits for neither database, compression nor network. */

const { plan, ...job } = workerData as BackupJob
/** A buffer is an array of octets once it has come to a thread. */
const recipient = plan.recipient && Buffer.from(plan.recipient)
const tell = (outcome: BackupOutcome | { readonly failed: string }) => parentPort?.postMessage(outcome)

backupIfDue({ ...job, plan: { ...plan, recipient } }).then(tell, (error: Error) =>
  // Nobody has called yet.
  tell(error instanceof NoLedger ? { due: job.now + job.every } : { failed: error.message || error.name }),
)
