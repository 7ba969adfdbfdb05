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
const [SPACE, ZERO] = [0x20, 0x30]
const nobody = new Int32Array(new SharedArrayBuffer(4))

const elapsed = performance.now.bind(performance)
let ahead = 0
performance.now = () => elapsed() + ahead

// Plain numbers, as objects made at each turn would have the collector run for the bench.
let worstWall = 0
let worstCpu = 0
let isTurning = false
let beforeWall = elapsed()
let beforeCpu = cpu()

/**
 * Milliseconds of CPU of this thread alone, as garbage is collected in others too. The kernel adds up at its own ticks,
 * which are milliseconds apart, and for the thread that asks for the use of the process.
 */
function cpu(): number {
  process.cpuUsage()
  const length = readSync(schedstat, text, 0, text.length, 0)
  let nanoseconds = 0
  for (let i = 0; i < length && text[i] !== SPACE; i++) nanoseconds = nanoseconds * 10 + text[i]! - ZERO
  return nanoseconds / 1e6
}

function look(): void {
  const wall = elapsed()
  const used = cpu()
  worstWall = Math.max(worstWall, wall - beforeWall)
  worstCpu = Math.max(worstCpu, used - beforeCpu)
  beforeWall = wall
  beforeCpu = used
}

/** Keeps the event loop turning, as one that sleeps says nothing of when it would have woken. */
function turn(): void {
  look()
  // Leaves something of the processor to others.
  Atomics.wait(nobody, 0, 0, 0.05)
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
  process.send!({ wall: worstWall, cpu: worstCpu } satisfies Stretch)
  worstWall = worstCpu = 0
  beforeWall = elapsed()
  beforeCpu = cpu()
})
process.channel?.unref()
