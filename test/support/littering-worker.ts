import { getHeapSpaceStatistics } from 'node:v8'
import { parentPort } from 'node:worker_threads'

// A worker that makes garbage and keeps some of it for a while, which is what makes a young generation grow.
const kept: unknown[] = []
for (let i = 0; i < 1_000_000; i++) kept[i % 60_000] = { i, list: [i, i + 1], text: `number ${i}` }

const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
parentPort!.postMessage(space!.space_size)
