import { parentPort, workerData } from 'node:worker_threads'
import type { Time } from '../../src/base/time.ts'
import { Meters } from '../../src/limits/meters.ts'

/** Takes from a bucket as fast as it can for two seconds of its own time, side by side with another thread. */
const { memory, id, epoch, gate } = workerData
const meters = new Meters(memory)
const started = new Int32Array(gate)
Atomics.add(started, 0, 1)
while (Atomics.load(started, 0) < 2);
let passed = 0
for (let i = 0; i < 2_000_000; i++) {
  if (meters.take([id], 100, (epoch + i / 1000) as Time)) passed += 100
}
parentPort!.postMessage(passed)
