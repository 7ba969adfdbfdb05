import { NONCE, REALM, REQUESTED_TRANSPORT, USERNAME } from '../../src/wire/attributes.ts'
import { verify } from '../../src/wire/integrity.ts'
import { get, type Message, parse } from '../../src/wire/message.ts'
import { allocateRequest, allocateSuccess, bindingRequest, key, sendIndication } from './samples.ts'

/** Rounds of which the median counts. */
const ROUNDS = 15
/** Long enough that the clock's grain and one collection do not decide a round. */
const ROUND_MILLISECONDS = 100

interface Result {
  readonly name: string
  readonly octets: number
  /** Nanoseconds an operation takes: the median round, the best and the worst. */
  readonly ns: { readonly median: number; readonly best: number; readonly worst: number }
}

/** Keeps what is computed alive, so that no work is optimised away. */
let sink: unknown

const parsedAllocate = parse(allocateRequest) as Message

const CASES: readonly { readonly name: string; readonly octets: number; readonly run: () => unknown }[] = [
  { name: 'parse Binding request', octets: bindingRequest.length, run: () => parse(bindingRequest) },
  { name: 'parse authenticated Allocate', octets: allocateRequest.length, run: () => parse(allocateRequest) },
  { name: 'parse Send indication', octets: sendIndication.length, run: () => parse(sendIndication) },
  {
    name: 'read four attributes of an Allocate',
    octets: allocateRequest.length,
    run: () => [
      get(parsedAllocate, USERNAME),
      get(parsedAllocate, REALM),
      get(parsedAllocate, NONCE),
      get(parsedAllocate, REQUESTED_TRANSPORT),
    ],
  },
  {
    name: 'verify an Allocate',
    octets: allocateRequest.length,
    run: () => verify(parsedAllocate, 'sha1', key),
  },
  { name: 'write and sign Allocate success', octets: allocateSuccess().length, run: allocateSuccess },
]

const results = CASES.map(({ name, octets, run }): Result => ({ name, octets, ns: measure(run) }))

if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ node: process.version, arch: process.arch, results }, null, 2))
} else {
  for (const { name, octets, ns } of results) {
    const figures = [ns.median, ns.best, ns.worst].map(figure => figure.toFixed(0).padStart(7)).join('')
    console.log(`${name.padEnd(38)}${String(octets).padStart(5)} octets${figures} ns (median, best, worst)`)
  }
}
if (sink === undefined) throw new Error('nothing was measured')

function measure(run: () => unknown): Result['ns'] {
  const batch = calibrate(run)
  const rounds = Array.from({ length: ROUNDS }, () => nanoseconds(run, batch) / batch).sort((a, b) => a - b)
  return { median: rounds[ROUNDS >> 1]!, best: rounds[0]!, worst: rounds[ROUNDS - 1]! }
}

/** Finds how many operations fill a round, which also warms the compiler up. */
function calibrate(run: () => unknown): number {
  let batch = 1000
  let took = nanoseconds(run, batch)
  while (took < ROUND_MILLISECONDS * 1e6) {
    batch *= 2
    took = nanoseconds(run, batch)
  }
  return Math.ceil((batch * ROUND_MILLISECONDS * 1e6) / took)
}

function nanoseconds(run: () => unknown, times: number): number {
  const begin = process.hrtime.bigint()
  for (let i = 0; i < times; i++) sink = run()
  return Number(process.hrtime.bigint() - begin)
}
