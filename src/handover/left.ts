import { fstatSync, readSync, writeSync } from 'node:fs'
import { z } from 'zod'
import { failed, type Result, succeeded } from '../base/result.ts'
import { SNAPSHOT_VERSION } from '../core/snapshot/envelope.ts'
import { READABLE } from '../core/snapshot/formats.ts'
import type { GivenRelay } from '../relay/hand-over/hand-over.ts'
import { readClock } from '../system/clock.ts'
import type { NativeAddon } from '../system/native-addon.ts'
import { systemError } from '../system/system-error.ts'
import { countOf, describeGiven, descriptorsOf, restoreGiven } from './given.ts'
import { AT_ONCE, given, PROTOCOL } from './protocol.ts'

/**
 * What a process leaves behind for the next one, as three descriptors that
 * somebody has to keep open meanwhile: a file in memory with the state, and a
 * pair of sockets, in which the other descriptors are on their way.
 *
 * The file: an octet that counts processes which have begun to take it up, four octets with the length
 * of the description, the description (JSON), the snapshot of each worker. All its secrets are in memory only.
 */
export interface Left {
  readonly state: number
  readonly out: number
  readonly in: number
}

/** What has been left, and by whom. `since`: when that process stopped reading, by the machine's monotonic clock. */
export interface LeftState {
  readonly version: string
  readonly clock: { readonly time: number; readonly machine: bigint }
  readonly since: bigint
  readonly relay: GivenRelay
}

const HEADER = 5
/** So many processes have ended while they took it up, and the next one does not try. */
const TRIES = 3
/** In place of their number while the descriptors are out of order. */
const IN_DISORDER = 255
/** Octets: more than the largest snapshots are, and less than a Buffer takes. */
const LARGEST = 2 ** 31
const description = z.object({
  protocol: z.int(),
  version: z.string(),
  snapshot: z.int(),
  /** Octets of each snapshot. */
  lengths: z.array(z.int().min(0)),
  clock: z.object({ time: z.number(), machine: z.string().regex(/^\d+$/) }),
  given,
})

/** Puts what was given where the next process finds it. Or says why that cannot be, and leaves nothing open. */
export function leaveBehind(
  addon: NativeAddon,
  version: string,
  relay: GivenRelay,
  since: bigint,
): Result<Left, string> {
  const pair = new Int32Array(2).fill(-1)
  const state = addon.memory(0)
  const result = state < 0 ? state : addon.socketPair(pair)
  const left = { state, out: pair[0]!, in: pair[1]! }
  if (result < 0) {
    forget(addon, left)
    return failed(systemError(result, 'memfd_create').message)
  }
  try {
    const { time, machine } = readClock()
    const snapshots = relay.shards.map(({ snapshot }) => snapshot)
    const text = Buffer.from(
      JSON.stringify({
        protocol: PROTOCOL,
        version,
        snapshot: SNAPSHOT_VERSION,
        lengths: snapshots.map(({ length }) => length),
        clock: { time, machine: `${machine}` },
        given: describeGiven(relay, since),
      }),
    )
    const header = Buffer.alloc(HEADER)
    header.writeUInt32BE(text.length, 1)
    for (const octets of [header, text, ...snapshots]) writeAll(state, octets)
  } catch (error) {
    forget(addon, left)
    return failed((error as Error).message)
  }
  const fds = descriptorsOf(relay)
  for (let at = 0; at < fds.length; at += AT_ONCE) {
    const sent = addon.sendDescriptors(left.out, Int32Array.from(fds.slice(at, at + AT_ONCE)))
    if (sent >= 0) continue
    forget(addon, left)
    return failed(systemError(sent, 'sendmsg').message)
  }
  return succeeded(left)
}

/**
 * Reads what has been left. All of it stays where it is, so that there is
 * another try where this process cannot start. An error where nobody will ever be able to read it.
 */
export function readLeft(addon: NativeAddon, left: Left): Result<LeftState, string> {
  try {
    return read(addon, left)
  } catch (error) {
    // By these names anything may have been left. Nor may it keep this process from starting.
    return failed(`it cannot be read: ${(error as Error).message}`)
  }
}

function read(addon: NativeAddon, left: Left): Result<LeftState, string> {
  const file = readAll(left.state)
  const tries = file[0] ?? 0
  if (tries === IN_DISORDER) return failed('a process has died while it took its descriptors')
  if (tries >= TRIES) return failed(`${tries} processes have died over it`)
  const end = file.length < HEADER ? file.length + 1 : HEADER + file.readUInt32BE(1)
  if (end > file.length) return failed('the state is not whole')
  const said = parse(file.subarray(HEADER, end))
  if (!said) return failed('the state cannot be read')
  const { protocol, version, snapshot, lengths, clock } = said
  if (protocol !== PROTOCOL || !READABLE.includes(snapshot))
    return failed(`version ${version} has left it in another format`)
  if (lengths.length !== said.given.shards.length || sum(lengths) !== file.length - end)
    return failed('the state is not whole')
  write(left, IN_DISORDER)
  const fds: number[] = []
  for (let missing = countOf(said.given); missing > 0; missing -= AT_ONCE) {
    const some = new Int32Array(Math.min(AT_ONCE, missing))
    const taken = addon.takeDescriptors(left.in, some)
    // Behind the others, for the next try; each descriptor of ours is a copy.
    const result = taken < 0 ? taken : addon.sendDescriptors(left.out, some)
    if (taken >= 0) fds.push(...some)
    if (result >= 0) continue
    for (const fd of fds) addon.release(fd)
    return failed(`its descriptors cannot be taken: ${systemError(result, 'recvmsg').message}`)
  }
  write(left, tries)
  return succeeded({
    version,
    clock: { time: clock.time, machine: BigInt(clock.machine) },
    since: BigInt(said.given.since),
    relay: restoreGiven(said.given, cut(file.subarray(end), lengths), fds),
  })
}

/** Counts that a process takes up what has been left, or has failed to in good order: it is not tried for ever. */
export function mark(left: Left, isTakenUp: boolean): void {
  const octet = Buffer.alloc(1)
  readSync(left.state, octet, 0, 1, 0)
  write(left, Math.max(0, octet[0]! + (isTakenUp ? 1 : -1)))
}

function write({ state }: Left, tries: number): void {
  writeSync(state, Buffer.from([tries]), 0, 1, 0)
}

/** Closes our descriptors of what has been left. */
export function forget(addon: NativeAddon, left: Left): void {
  for (const fd of [left.state, left.out, left.in]) if (fd >= 0) addon.release(fd)
}

/** Cuts octets into pieces of these lengths. */
function cut(octets: Buffer, lengths: readonly number[]): Buffer[] {
  let at = 0
  return lengths.map(length => octets.subarray(at, (at += length)))
}

function sum(lengths: readonly number[]): number {
  return lengths.reduce((all, one) => all + one, 0)
}

function parse(octets: Buffer): z.infer<typeof description> | undefined {
  try {
    return description.safeParse(JSON.parse(octets.toString('utf8'))).data
  } catch {
    return undefined
  }
}

function readAll(fd: number): Buffer {
  const { size } = fstatSync(fd)
  if (size > LARGEST) throw new Error(`${size} octets`)
  const octets = Buffer.alloc(size)
  for (let at = 0; at < octets.length; ) {
    const read = readSync(fd, octets, at, octets.length - at, at)
    if (read === 0) return octets.subarray(0, at)
    at += read
  }
  return octets
}

/** Writes at the end. */
function writeAll(fd: number, octets: Uint8Array): void {
  for (let at = 0; at < octets.length; ) at += writeSync(fd, octets, at)
}
