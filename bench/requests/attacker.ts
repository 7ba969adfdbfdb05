import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { ATTACKS, type Shot } from './attacks.ts'

/*
 * Sends what one attack sends, at a rate, in a thread of its own. All of it is
 * signed before the stream begins, so that signing takes no processor time from
 * the relay and the stream that is measured.
 */
export interface AttackOrder {
  readonly attack: number
  readonly port: number
  /** Octets a second. */
  readonly rate: number
  /** Milliseconds that it lasts, and how often in that time what has gathered is sent at once. */
  readonly duration: number
  readonly burst: number
}

const { attack, port, rate, duration, burst } = workerData as AttackOrder
const make = await ATTACKS[attack]!.start({ port })
const shots: Shot[] = []
for (let octets = 0; make && octets < (rate * duration) / 1000; octets += shots.at(-1)!.octets)
  shots.push(make(shots.length))
parentPort!.postMessage('ready')
await new Promise(resolve => parentPort!.once('message', resolve))
const began = performance.now()
let [messages, octets] = [0, 0]
for (let now = 0; now < duration; now = performance.now() - began) {
  const due = (Math.floor(now / burst) * burst * rate) / 1000
  while (octets < due && messages < shots.length) {
    const shot = shots[messages++]!
    octets += shot.octets
    shot.send()
  }
  await sleep(Math.min(burst, 4))
}
parentPort!.postMessage({ messages })
