import { join } from 'node:path'
import { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import type { RunningRelay } from '../support/relay.ts'

/** What a program of this folder is told, as JSON in its first argument. */
interface Order {
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password: string
  readonly transport: 'udp' | 'tcp'
  /** How long its two peers are to talk, once they hear each other; each sends four times a second. */
  readonly seconds: number
  /** Where packages of npm are installed. */
  readonly modules: string
}

/** What it says in the end, as JSON in one line: of both directions, from its first peer and from its second. */
export interface SessionAnswer {
  /** Payloads each way, numbered from 0. */
  readonly sent: number
  readonly missing: readonly [readonly number[], readonly number[]]
  /** Seconds in which nothing arrived. */
  readonly longestGap: readonly [number, number]
}

export interface RealClient {
  readonly name: string
  readonly transport: Order['transport']
  /** The command and its arguments, but for the order; `folder` is what scripts/sessions.mjs has filled. */
  readonly command: (folder: string) => readonly [string, ...string[]]
}

const aiortc = (folder: string) =>
  [join(folder, 'python/bin/python'), join(import.meta.dirname, 'aiortc_session.py')] as const
const werift = () => [process.execPath, join(import.meta.dirname, 'werift-session.mjs')] as const
const libjuice = () => [process.execPath, join(import.meta.dirname, 'libjuice-session.mjs')] as const
const pion = (folder: string) => [join(folder, 'pion')] as const

export const CLIENTS: readonly RealClient[] = [
  { name: 'aiortc', transport: 'udp', command: aiortc },
  { name: 'aiortc', transport: 'tcp', command: aiortc },
  { name: 'werift', transport: 'udp', command: werift },
  { name: 'werift', transport: 'tcp', command: werift },
  { name: 'pion', transport: 'udp', command: pion },
  { name: 'pion', transport: 'tcp', command: pion },
  { name: 'libjuice', transport: 'udp', command: libjuice },
]

/** Seconds for which the credential is good: a long session outlives it, as calls do. */
const CREDENTIAL = 300

/** Starts two peers of a client that may only talk by way of this relay. */
export function startSession(
  { name, transport, command }: RealClient,
  relay: RunningRelay,
  folder: string,
  seconds: number,
): Child {
  const order: Order = {
    host: '127.0.0.1',
    port: relay.port,
    ...credential(relay.secret, `@${name}-${transport}:example.org`, CREDENTIAL),
    transport,
    seconds,
    modules: join(folder, 'node'),
  }
  const [program, ...args] = command(folder)
  return new Child(program, [...args, JSON.stringify(order)], { cwd: folder })
}

/** What the program said in the end. Throws with its output when it failed. */
export async function answerOf(session: Child): Promise<SessionAnswer> {
  const { code, signal } = await session.exited
  if (code !== 0) throw new Error(`ended with ${signal ?? code}:\n${session.output.slice(-4000)}`)
  return JSON.parse(session.stdout.trim().split('\n').at(-1)!)
}
