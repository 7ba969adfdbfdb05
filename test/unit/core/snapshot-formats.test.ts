import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { Result } from '../../../src/base/result.ts'
import { SNAPSHOT_VERSION, SnapshotWriter } from '../../../src/core/snapshot/envelope.ts'
import { READABLE } from '../../../src/core/snapshot/formats.ts'
import { END, type SnapshotPart } from '../../../src/core/snapshot/parts.ts'
import { readSnapshot } from '../../../src/core/snapshot/read.ts'
import { writePart } from '../../../src/core/snapshot/write.ts'
import { completed } from '../../../src/system/slices.ts'
import { actions, Stage } from '../../sim/actions.ts'
import { Sim } from '../../sim/sim.ts'

/*
 * Of each version of snapshots that is read there is one on file, as the release wrote it that was the first with that
 * version, and what it is read as. `WRITE_SNAPSHOT=1` writes those of a new version, once.
 */

const FOLDER = join(import.meta.dirname, '..', '..', 'fixtures', 'snapshots')
const LIMITS = {
  bytesPerSecondPerUser: 2000,
  bytesPerSecond: 5000,
  peersPerUserPerMinute: 3,
}

const golden = (version: number) => readFileSync(join(FOLDER, `${version}.snapshot`))

if (process.env.WRITE_SNAPSHOT && !existsSync(join(FOLDER, `${SNAPSHOT_VERSION}.snapshot`))) {
  const snapshot = richest()
  writeFileSync(join(FOLDER, `${SNAPSHOT_VERSION}.snapshot`), snapshot)
  writeFileSync(join(FOLDER, `${SNAPSHOT_VERSION}.txt`), `${textOf(partsOf(snapshot))}\n`)
}

t.test('there is a snapshot on file of each version that is read, and of no other', async t => {
  const names = READABLE.flatMap(version => [`${version}.txt`, `${version}.snapshot`])
  t.same(readdirSync(FOLDER).sort(), names.sort())
  t.ok(READABLE.includes(SNAPSHOT_VERSION))
  t.equal(Math.max(...READABLE), SNAPSHOT_VERSION)
})

for (const version of READABLE) {
  t.test(`a snapshot of version ${version} is read as ever, and restored`, async t => {
    const snapshot = golden(version)
    t.equal(snapshot.readUInt16BE(4), version)
    const expected = readFileSync(join(FOLDER, `${version}.txt`), 'utf8').trimEnd()
    t.equal(textOf(partsOf(snapshot)), expected)

    const sim = new Sim({ limits: LIMITS })
    const count = partsOf(snapshot).reduce(
      (sum, { kind, value }) => sum + (kind === 'allocations' ? value.length : 0),
      0,
    )
    const restored: Result<number, string> = completed(sim.shard.restore(snapshot))
    t.same(restored, { ok: true, value: count })
  })
}

t.test('what is written has not changed since its version was given its number', async t => {
  const snapshot = golden(SNAPSHOT_VERSION)
  const writer = new SnapshotWriter()
  for (const part of partsOf(snapshot)) writePart(writer, part)
  writer.u8(END)
  t.ok(
    completed(writer.finish()).equals(snapshot),
    'a change of the format needs another SNAPSHOT_VERSION, and a reader of the one before it (see FORMATS)',
  )
})

t.test('the snapshot on file has something of everything in it', async t => {
  t.same(lacking(golden(SNAPSHOT_VERSION)), [])
})

type FullPart = Exclude<SnapshotPart, { kind: 'complete' }>

function partsOf(snapshot: Uint8Array): FullPart[] {
  const parts: FullPart[] = []
  const reading = readSnapshot(snapshot)
  for (;;) {
    const next = reading.next()
    if (next.done) {
      if (!next.value.ok) throw new Error(next.value.error)
      return parts
    }
    if (next.value && next.value.kind !== 'complete') parts.push(next.value)
  }
}

/** Parts as text; of the octets of tables, which are many, a digest. */
function textOf(parts: readonly FullPart[]): string {
  const octets = (value: Uint8Array) =>
    value.length > 512
      ? `sha256 ${createHash('sha256').update(value).digest('hex')}`
      : Buffer.from(value).toString('hex')
  return JSON.stringify(
    parts,
    function (key, value) {
      const raw = (this as Record<string, unknown>)[key]
      if (raw instanceof Uint8Array) return octets(raw)
      return value === Number.POSITIVE_INFINITY ? 'for ever' : value
    },
    1,
  )
}

/** What is nowhere in a snapshot of all that may be there. */
function lacking(snapshot: Uint8Array): string[] {
  const parts = partsOf(snapshot)
  const allocations = parts.flatMap(part => (part.kind === 'allocations' ? [...part.value] : []))
  const peers = allocations.flatMap(one => one.peers)
  const has: Readonly<Record<string, boolean>> = {
    buckets: parts.some(({ kind }) => kind === 'buckets'),
    scans: parts.some(({ kind }) => kind === 'scans'),
    reservations: parts.some(({ kind }) => kind === 'reservations'),
    remembered: parts.some(({ kind }) => kind === 'remembered'),
    tables: parts.some(({ kind }) => kind === 'table'),
    links: allocations.some(({ legs }) => legs.some(({ linked }) => linked.length > 0)),
    permissions: allocations.some(({ permissions }) => permissions.length > 0),
    channels: peers.some(({ channel }) => channel !== 0),
    'routes without a channel': peers.some(({ channel }) => channel === 0),
    'another allocation as a peer': peers.some(({ local }) => local !== undefined),
    tickets: allocations.some(({ mobility }) => mobility !== undefined),
    'an arrival': allocations.some(({ mobility }) => mobility?.arrival !== undefined),
    streams: allocations.some(({ client }) => client.via === 'tcp'),
    'two families': allocations.some(({ legs }) => legs.length > 1),
    traffic: allocations.some(({ traffic }) => traffic.toPeer.packets > 0 && traffic.toClient.packets > 0),
  }
  return Object.keys(has).filter(name => !has[name])
}

/** The snapshot of the first random world that has all of it at once. */
function richest(): Buffer {
  for (const list of fc.sample(actions(4), { numRuns: 1000, seed: 5 })) {
    const stage = new Stage({ forwarder: 'none', limits: LIMITS, ports: [50_000, 50_040] })
    for (const [i, action] of list.entries()) {
      stage.do(action)
      const snapshot = i % 5 === 0 ? richOf(stage.sim) : undefined
      if (snapshot) return snapshot
    }
  }
  throw new Error('no world has all of it')
}

/** The snapshot of a world that lacks nothing but a reservation, after there is one. */
function richOf(sim: Sim): Buffer | undefined {
  if (lacking(completed(sim.relay.snapshot(sim.now))).length > 1) return undefined
  sim.client('192.0.2.12:50000', { user: '@dave:example.org' }).allocate({ port: 'pair' })
  const snapshot = completed(sim.relay.snapshot(sim.now))
  return lacking(snapshot).length === 0 ? snapshot : undefined
}
