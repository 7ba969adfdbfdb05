import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { MESSAGE_INTEGRITY, NONCE, REALM, REQUESTED_TRANSPORT, USERNAME } from '../../src/wire/attributes.ts'
import { MessageWriter, Method } from '../../src/wire/message.ts'
import type { Child } from './child.ts'
import { type HostileNet, PORT, SERVER, TLS_PORT } from './hostile-net.ts'

/** Datagrams of one kind, of which some octets change each time. */
export interface Flood {
  readonly name: string
  readonly payload: Buffer
  readonly random: readonly [from: number, until: number]
}

const TRANSACTION: readonly [number, number] = [8, 20]
const UDP = 17

/** Requests that nobody has signed, in three forms. */
export const UNSIGNED: readonly Flood[] = [
  { name: 'Binding', payload: writer(Method.Binding).finish(), random: TRANSACTION },
  {
    name: 'Allocate without credentials',
    payload: writer(Method.Allocate).set(REQUESTED_TRANSPORT, UDP).finish(),
    random: TRANSACTION,
  },
  {
    name: 'Allocate with forged integrity',
    payload: writer(Method.Allocate)
      .set(REQUESTED_TRANSPORT, UDP)
      .set(USERNAME, '1999999999:@mallory:example.org')
      .set(REALM, 'turn.example.org')
      .set(NONCE, 'obMatJos2gAAAdGhpcyBpcyBubyBub25jZSBvZiBvdXJz')
      .set(MESSAGE_INTEGRITY, Buffer.alloc(20, 7))
      .finish(),
    random: TRANSACTION,
  },
]

/** What else can be thrown at a UDP port. */
export const NOISE: readonly Flood[] = [
  { name: 'garbage', payload: Buffer.alloc(200, 0xa5), random: [0, 200] },
  {
    name: 'ChannelData of nobody',
    payload: Buffer.concat([Buffer.from([0x40, 0x01, 0x00, 0xa0]), Buffer.alloc(160)]),
    random: [4, 40],
  },
]

/** Sources that nobody has: what is sent to them is lost without a word. */
export const SPOOFED = '60.0.0.0'

/** From whom a flood comes, and how much: 0 packets have no end, and a rate of 0 is all that one core can do. */
export interface Crowd {
  readonly sources: number
  readonly first?: string
  readonly packets?: number
  readonly rate?: number
}

/** Compiles the generator; it goes with the test. */
export function buildFlooder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'flood-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const program = join(folder, 'flood')
  execFileSync('cc', ['-O2', '-o', program, join(import.meta.dirname, 'flood.c')])
  return program
}

/** Starts a flood from the crowd; by `packets` and `rate` it ends by itself and is bounded. */
export function flood(
  { crowd }: HostileNet,
  program: string,
  { payload, random }: Flood,
  { sources, first = SPOOFED, packets = 0, rate = 0 }: Crowd,
  before: readonly string[] = [],
): Child {
  const words = [
    ...before,
    ...[program, SERVER.ip4, `${PORT}`, first, `${sources}`, `${rate}`, `${packets}`],
    ...[payload.toString('hex'), `${random[0]}`, `${random[1]}`],
  ]
  return crowd.start(words[0]!, words.slice(1))
}

/** What can be done to TCP and TLS ports: `crowd.py` says how. */
export const CONNECTING = [
  { name: 'TCP connections', args: ['connects', PORT, 200] },
  // The beginning of a Binding request, which never ends.
  { name: 'slow TCP clients', args: ['slow', PORT, 2000, '0001'] },
  // The beginning of a TLS record with a ClientHello.
  { name: 'TLS handshakes left half done', args: ['half', TLS_PORT, 1000, '160301020001'] },
] as const

/** Starts people who connect, from 61.0.0.0 on. */
export function connecting(
  { crowd }: HostileNet,
  [kind, port, most, greeting = '']: readonly [string, number, number, string?],
  before: readonly string[] = [],
): Child {
  const script = join(import.meta.dirname, 'crowd.py')
  const words = [
    ...before,
    ...['python3', script, kind, SERVER.ip4, `${port}`, '61.0.0.1', '10000', `${most}`, greeting],
  ]
  return crowd.start(words[0]!, words.slice(1))
}

function writer(method: number): MessageWriter {
  return new MessageWriter('request', method, Buffer.alloc(12))
}
