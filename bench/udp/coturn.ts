import { type ChildProcess, spawn } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { parseAddress } from '../../src/base/address.ts'
import type { Batch } from '../../src/base/batch.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import type { Time } from '../../src/base/time.ts'
import { TurnClient } from '../../src/client/turn-client.ts'
import type { TurnEvent } from '../../src/client/turn-event.ts'
import type { Flow, Generator } from './generator.ts'

const USER = 'bench'
const PASSWORD = 'bench'
/** Milliseconds that starting, and every request, may take. */
const PATIENCE = 5000

/** Starts coturn with one relay thread, as a distribution packages it. */
export function startCoturn(port: number): ChildProcess {
  const quiet = ['-n', '--no-cli', '--no-stdout-log', '--log-file=/dev/null', '--pidfile=/dev/null']
  const network = ['-L', '127.0.0.1', '-E', '127.0.0.1', '-p', `${port}`, '--no-tls', '--no-dtls', '--no-tcp']
  const rest = ['-m', '1', '-a', '-u', `${USER}:${PASSWORD}`, '-r', 'bench', '--allow-loopback-peers']
  return spawn('turnserver', [...quiet, ...network, ...rest], { stdio: 'ignore' })
}

/** Allocates and binds a channel for each flow. */
export async function allocate(generator: Generator, port: number, count: number): Promise<Flow[]> {
  const server = parseAddress(`127.0.0.1:${port}`)!
  const flows: Flow[] = []
  for (let i = 0; i < count; i++) {
    const client = await generator.bind()
    const peer = await generator.bind()
    const channel = (0x4000 + i) as ChannelNumber
    const turn = new TurnClient({
      username: USER,
      password: PASSWORD,
      random: into => randomFillSync(into),
      rto: 100,
    })
    const talk = conversation(generator, turn, bytes =>
      generator.transport.sendOne(client.socket, server, bytes),
    )
    turn.allocate({}, now())
    const allocated = await talk('allocated')
    turn.bind(channel, peer.local, now())
    await talk('bound')
    flows.push({ client, peer, server, relayed: allocated.relayed[0]!, channel })
  }
  generator.listener = undefined
  return flows
}

/** Carries a client's requests out, one at a time, and waits for the event that ends each. */
function conversation(generator: Generator, turn: TurnClient, send: (bytes: Buffer) => void) {
  return <K extends TurnEvent['kind']>(kind: K) =>
    new Promise<Extract<TurnEvent, { kind: K }>>((resolve, reject) => {
      const began = now()
      const flush = () => {
        for (const bytes of turn.drain()) send(bytes)
      }
      const settle = (events: TurnEvent[]) => {
        flush()
        const event = events.find(event => event.kind === kind)
        if (!event && now() - began < PATIENCE) return
        clearInterval(timer)
        if (event) resolve(event as Extract<TurnEvent, { kind: K }>)
        else reject(new Error(`coturn does not answer: no ${kind}`))
      }
      const timer = setInterval(() => settle(turn.tick(now())), 20)
      generator.listener = (batch: Batch) => {
        for (let i = 0; i < batch.count; i++) {
          const start = batch.start[i]!
          settle(turn.take(Buffer.from(batch.bytes.subarray(start, start + batch.length[i]!)), now()))
        }
      }
      flush()
    })
}

function now(): Time {
  return (performance.timeOrigin + performance.now()) as Time
}
