import { openSync, readSync } from 'node:fs'

/*
 * Loaded into the relay before anything else (`--import`). Measures the
 * longest stretch between two moments at which datagrams are looked for, by
 * the clock and in CPU time of its thread: what a packet that arrives at the
 * worst moment waits, and how much of that the relay itself is to blame for.
 * Such a moment is each turn of the event loop, which is kept turning, and each
 * time that the addon is asked to receive. And moves the relay's clock on, so
 * that what expires in ten minutes expires now.
 */

/** What the bench is told: milliseconds of the longest stretch since it asked last. */
export interface Stretch {
  readonly wall: number
  readonly cpu: number
}

const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
const text = Buffer.alloc(64)
const nobody = new Int32Array(new SharedArrayBuffer(4))

const elapsed = performance.now.bind(performance)
let ahead = 0
performance.now = () => elapsed() + ahead

const worst = { wall: 0, cpu: 0 }
let isTurning = false
let before = { wall: elapsed(), cpu: cpu() }

/** Milliseconds of CPU of this thread alone, as garbage is collected in others too. The kernel adds up when it sleeps. */
function cpu(): number {
  Atomics.wait(nobody, 0, 0, 0.01)
  readSync(schedstat, text, 0, text.length, 0)
  return Number.parseInt(text.toString('latin1'), 10) / 1e6
}

function look(): void {
  const now = { wall: elapsed(), cpu: cpu() }
  worst.wall = Math.max(worst.wall, now.wall - before.wall)
  worst.cpu = Math.max(worst.cpu, now.cpu - before.cpu)
  before = now
}

/** Keeps the event loop turning, as one that sleeps says nothing of when it would have woken. */
function turn(): void {
  look()
  setImmediate(turn)
}

interface Sockets {
  receive(): number
}
interface Addon {
  open?(...options: readonly unknown[]): Sockets
}

// The addon is loaded as every addon is; its `receive` is a look.
const load = process.dlopen
process.dlopen = (module: object, ...rest: [string, number?]) => {
  load.call(process, module, ...(rest as [string]))
  const loaded = module as { exports: Addon }
  const { open } = loaded.exports
  if (!open) return
  loaded.exports = Object.create(loaded.exports, {
    open: {
      value: (...options: readonly unknown[]) => {
        const sockets = open(...options)
        return Object.create(sockets, {
          receive: {
            value: () => {
              look()
              return sockets.receive()
            },
          },
        })
      },
    },
  })
}

process.on('message', (asked: 'stretch' | { readonly ahead: number }) => {
  if (asked !== 'stretch') {
    ahead += asked.ahead
    return
  }
  if (!isTurning) turn()
  isTurning = true
  process.send!({ ...worst })
  Object.assign(worst, { wall: 0, cpu: 0 })
  before = { wall: elapsed(), cpu: cpu() }
})
process.channel?.unref()
