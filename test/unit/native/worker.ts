import { parentPort, workerData } from 'node:worker_threads'
import { parseAddress } from '../../../src/base/address.ts'
import { type Batch, SEND } from '../../../src/base/batch.ts'
import { Counters } from '../../../src/base/counters.ts'
import { SocketIds } from '../../../src/net/socket-ids.ts'
import { openNative } from '../../../src/net/udp/native.ts'

/** Echoes on the descriptor it is given, until it is terminated or told to throw. */
const inbox = {
  received(batch: Batch) {
    for (let i = 0; i < batch.count; i++) batch.verdict[i] = SEND
    if (batch.bytes.toString('latin1', batch.start[0]!, batch.start[0]! + 5) === 'throw')
      throw new Error('asked to')
    transport.send(batch)
  },
  hungUp() {},
  unreachable() {},
}
const { fd, socket, kept } = workerData
const opened = openNative(new SocketIds(), inbox, new Counters(), { kept })
if (!opened.ok) throw new Error(opened.error)
const transport = opened.value
const at = { address: parseAddress('127.0.0.1:0')!, purpose: 'listener', fd, socket } as const
const bound = await transport.bind(at)
if (!bound.ok) throw bound.error
parentPort!.postMessage('ready')
