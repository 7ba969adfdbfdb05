import type { Dice } from '../sim/random.ts'
import { havoc, oneOf, upTo } from './mutate.ts'
import { mutateAttributes, mutateMessage, STUN_WORDS, TYPES } from './stun.ts'

/** What may happen in the world of the relay; the position is the octet in a program. */
export const OPERATIONS = [
  'raw',
  'signed',
  'allocate',
  'refresh',
  'permit',
  'bind',
  'channel',
  'indication',
  'peer',
  'advance',
  'hang-up',
  'drain',
  'fail-bind',
  'policy',
  'unreachable',
  'revoke',
  'reload',
  'burst',
] as const
export type Operation = (typeof OPERATIONS)[number]

/** Types that stand for what only the running world knows: a target's address, the last reservation token, a bound channel. */
export const PEER = 0xff00
export const TOKEN = 0xfe00
export const SIGNED_TYPES: readonly number[] = [
  ...TYPES,
  ...[0, 1, 2, 4, 5, 6, 7, 8, 9].map(target => PEER + target),
  ...[PEER, PEER, PEER + 1, PEER + 5, TOKEN, 0x000c, 0x000c, 0x000d, 0x0019, 0x0019, 0x0017, 0x0018, 0x8000],
]

/** One step: an operation, two octets of length, and what it needs. */
export interface Step {
  readonly operation: number
  /** Done 2^doublings times, where a target does steps several times. */
  readonly doublings: number
  readonly body: Buffer
}

const MOST = 64
/** The operation's octet has room for so many. */
export const MOST_DOUBLINGS = 8

/** Reads a program: one octet that chooses the world, then steps. Any octets are one. */
export function readProgram(input: Buffer): { readonly world: number; readonly steps: Step[] } {
  const steps: Step[] = []
  for (let at = 1; at < input.length && steps.length < MOST; ) {
    const length = ((input[at + 1] ?? 0) << 8) | (input[at + 2] ?? 0)
    const body = input.subarray(at + 3, at + 3 + length)
    const octet = input[at]!
    steps.push({
      operation: octet % OPERATIONS.length,
      doublings: Math.min(MOST_DOUBLINGS, Math.floor(octet / OPERATIONS.length)),
      body,
    })
    at += 3 + length
  }
  return { world: input[0] ?? 0, steps }
}

export function writeProgram(world: number, steps: readonly Step[]): Buffer {
  const parts: Buffer[] = [Buffer.of(world)]
  for (const { operation, doublings, body } of steps) {
    const octet = operation + doublings * OPERATIONS.length
    parts.push(Buffer.of(octet, body.length >> 8, body.length & 255), body)
  }
  return Buffer.concat(parts)
}

export function step(operation: Operation, ...body: (number | Buffer)[]): Step {
  const octets = body.map(part => (typeof part === 'number' ? Buffer.of(part) : part))
  return { operation: OPERATIONS.indexOf(operation), doublings: 0, body: Buffer.concat(octets) }
}

/** Changes a program step by step: one more, one less, twice, elsewhere, another's, or the inside of one. */
export function mutateProgram(input: Buffer, other: Buffer, roll: Dice): Buffer {
  const { world, steps } = readProgram(input)
  const foreign = readProgram(other).steps
  let flags = world
  for (let turns = 1 << upTo(roll, 4); turns > 0; turns--) {
    const at = upTo(roll, steps.length || 1)
    const one = steps[at]
    switch (upTo(roll, 9)) {
      case 0:
        steps.splice(upTo(roll, steps.length + 1), 0, fresh(roll))
        break
      case 1:
        if (steps.length > 1) steps.splice(at, 1)
        break
      case 2:
        if (one) steps.splice(upTo(roll, steps.length + 1), 0, one)
        break
      case 3:
        if (one) steps.splice(upTo(roll, steps.length), 0, ...steps.splice(at, 1))
        break
      case 4: {
        const from = upTo(roll, foreign.length || 1)
        steps.splice(at, 0, ...foreign.slice(from, from + 1 + upTo(roll, 6)))
        break
      }
      case 5:
        if (roll() < 0.2) flags = upTo(roll, 256)
        break
      default:
        if (one) steps[at] = { ...one, body: inside(one, foreign, roll) }
    }
  }
  return writeProgram(flags, steps.slice(0, MOST))
}

function inside(one: Step, foreign: readonly Step[], roll: Dice): Buffer {
  const { operation, body } = one
  const name = OPERATIONS[operation]!
  const other = foreign.length > 0 ? oneOf(roll, foreign).body : body
  if (roll() < 0.7) {
    if (name === 'raw' && body.length > 1) {
      return Buffer.concat([body.subarray(0, 1), mutateMessage(body.subarray(1), other.subarray(1), roll)])
    }
    if (name === 'signed' && body.length >= SIGNED_HEAD) {
      const head = Buffer.from(body.subarray(0, SIGNED_HEAD))
      if (roll() < 0.2) head[upTo(roll, SIGNED_HEAD)] = upTo(roll, 256)
      return Buffer.concat([head, mutateAttributes(body.subarray(SIGNED_HEAD), roll, SIGNED_TYPES)])
    }
  }
  return havoc(body, other, roll, STUN_WORDS)
}

/** Client, how it is signed, method, class, transaction. */
export const SIGNED_HEAD = 5

function fresh(roll: Dice): Step {
  const operation = upTo(roll, OPERATIONS.length)
  const name = OPERATIONS[operation]!
  const few = () => Buffer.from(Array.from({ length: 1 + upTo(roll, 6) }, () => upTo(roll, 256)))
  if (name !== 'signed' && name !== 'raw') return { operation, doublings: 0, body: few() }
  const method = oneOf(roll, [1, 3, 4, 6, 8, 9, 10])
  if (name === 'raw') {
    const header = Buffer.alloc(21)
    header[0] = upTo(roll, 4)
    header.writeUInt16BE(method, 1)
    header.writeUInt32BE(0x2112a442, 5)
    return { operation, doublings: 0, body: mutateMessage(header.subarray(0), header, roll) }
  }
  let attributes: Buffer = Buffer.alloc(0)
  for (let i = upTo(roll, 4); i >= 0; i--) attributes = mutateAttributes(attributes, roll, SIGNED_TYPES)
  return {
    operation,
    doublings: 0,
    body: Buffer.concat([Buffer.of(upTo(roll, 4), upTo(roll, 8), method, 0, upTo(roll, 256)), attributes]),
  }
}
