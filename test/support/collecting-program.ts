import { isMainThread, Worker } from 'node:worker_threads'
import { allowCollecting, collectGarbage } from '../../src/system/collecting.ts'

// A process and a worker of it that both leave garbage behind, collect, and print the MiB in use before and after.
const used = () => Math.round(process.memoryUsage().heapUsed / (1 << 20))
if (isMainThread && process.argv.includes('allowed')) allowCollecting()

const garbage = (() => Array.from({ length: 400_000 }, (_, i) => ({ i, list: [i] })).length && used())()
collectGarbage()
console.log(JSON.stringify({ before: garbage, after: used() }))
if (isMainThread) new Worker(new URL(import.meta.url))
