import { Child } from './child.ts'
import { freePort } from './ports.ts'
import { ask } from './stun.ts'

/** What `turnutils_uclient` counted. */
export interface Tally {
  readonly sent: number
  readonly received: number
  readonly lost: number
  readonly dropped: number
  /** Everything it printed. */
  readonly output: string
}

/**
 * Runs coturn's test client to its end. Throws with its output when it printed no tally.
 *
 * `start` runs it elsewhere.
 *
 * One channel number in 16 384 that it draws is 0x7FFF, which is reserved (RFC 5766 §11); then it draws again.
 */
export async function uclient(args: readonly string[], start: Start = startHere): Promise<Tally> {
  for (let again = 1; ; again--) {
    const child = await run(args, start)
    if (again > 0 && child.output.includes('channel bind: error 400')) continue
    return tallyOf(child, args)
  }
}

type Start = (command: string, ...args: string[]) => Child

const startHere: Start = (command, ...args) => new Child(command, args)

async function run(args: readonly string[], start: Start): Promise<Child> {
  const child = start('turnutils_uclient', ...args)
  const patience = setTimeout(() => child.signal('SIGKILL'), 60_000)
  await child.exited
  clearTimeout(patience)
  return child
}

/** What the client that has ended counted. Throws with its output when it printed no tally. */
export function tallyOf(child: Child, args: readonly string[] = []): Tally {
  const tally = child.output.match(/Total lost packets (-?\d+) .*total send dropped (-?\d+)/)
  const counts = [...child.output.matchAll(/tot_send_msgs=(\d+), tot_recv_msgs=(\d+)$/gm)].at(-1)
  if (!tally || !counts) {
    throw new Error(`turnutils_uclient ${args.join(' ')} brought no tally:\n${child.output}`)
  }
  return {
    sent: Number(counts[1]),
    received: Number(counts[2]),
    lost: Number(tally[1]),
    dropped: Number(tally[2]),
    output: child.output,
  }
}

/** Starts coturn's echoing peer on 127.0.0.1 and ::1; resolves when it echoes on both. */
export async function startPeer(): Promise<{ port: number; stop(): Promise<unknown> }> {
  const port = await freePort()
  const child = new Child('turnutils_peer', ['-L', '127.0.0.1', '-L', '::1', '-p', `${port}`])
  for (const host of ['127.0.0.1', '::1']) {
    if (!(await ask(port, Buffer.from('anyone there?'), 10_000, host))) {
      await child.stop()
      throw new Error(`turnutils_peer echoes nothing on ${host}:\n${child.output}`)
    }
  }
  return { port, stop: () => child.stop() }
}
