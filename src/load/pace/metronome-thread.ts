import { parentPort, workerData } from 'node:worker_threads'

const { state, beat } = workerData as { state: Int32Array; beat: number }
const RUNS = 0
const HEARD = 1
const sleep = new Int32Array(new SharedArrayBuffer(4))

for (;;) {
  Atomics.wait(state, RUNS, 0)
  Atomics.wait(sleep, 0, 0, beat)
  // While the last beat still waits to be heard, another would only queue behind it.
  if (Atomics.compareExchange(state, HEARD, 1, 0) === 1) parentPort?.postMessage(0)
}
