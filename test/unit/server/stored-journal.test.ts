import { fstatSync } from 'node:fs'
import t, { type Test } from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { SocketId } from '../../../src/base/ids.ts'
import { failed, succeeded } from '../../../src/base/result.ts'
import { JournalFile } from '../../../src/handover/journal-file.ts'
import { journalNames, StoredJournal } from '../../../src/process/stored-journal.ts'
import type { KnownBeside } from '../../../src/relay/hand-over/given-shard.ts'
import type { Shards } from '../../../src/relay/shards.ts'
import { loadAddon } from '../../../src/system/native-addon.ts'
import { needAddon } from '../native/probe.ts'

const { skip } = needAddon()

/** A service manager with room for so many descriptors, and what it was asked and the log was told. */
function prepared(t: Test, room: number) {
  const [kept, dropped, warned]: [string[], string[], unknown[]] = [[], [], []]
  const journal = StoredJournal.prepare({
    systemd: {
      room,
      keep: async files => {
        kept.push(...Object.keys(files))
        return succeeded(undefined)
      },
      drop: names => void dropped.push(...names),
    },
    version: '1',
    log: { warn: (_, fields) => void warned.push(fields?.why) },
  })
  const open = (shards: number) => {
    const files = journal!.open(shards)
    t.teardown(() => {
      const addon = loadAddon()
      if (addon.ok) for (const { fd } of files) addon.value.release(fd)
    })
    return files
  }
  return { journal, open, kept, dropped, warned }
}

/** A relay that listens at one address with each shard. */
function relay(shards: number): Pick<Shards, 'handOver'> & { port: number } {
  const one = {
    port: 3478,
    get handOver() {
      const local = parseAddress(`127.0.0.1:${one.port}`)!
      const known: KnownBeside = {
        keys: { nonces: Buffer.alloc(32, 1), tickets: Buffer.alloc(64, 2) },
        shards: Array.from({ length: shards }, () => ({
          listeners: new Map([[3 as SocketId, local]]),
          doors: [],
        })),
      }
      return { known } as NonNullable<Shards['handOver']>
    },
  }
  return one
}

t.test('without a store there is no journal', async t => {
  t.equal(prepared(t, 0).journal, undefined)
})

t.test('there is a journal for each worker, as far as the store has room', { skip }, async t => {
  // Those of this process and of the next, and what a stop leaves.
  const enough = prepared(t, 9)
  const files = enough.open(3)
  t.equal(files.length, 3)
  t.equal(new Set(files.map(({ fd }) => fd)).size, 3)
  t.same(enough.warned, [])

  const small = prepared(t, 8)
  t.same(small.open(3), [])
  t.match(small.warned, [/FileDescriptorStoreMax= is 8, and has to be 9 or more/])
  small.journal!.store(relay(3))
  small.journal!.tick()
  small.journal!.close()
  small.journal!.drop()
  t.same([small.kept, small.dropped], [[], []], 'and nothing is kept')
})

t.test('where one cannot be made there is none, and what was made is closed', { skip }, async t => {
  const made: number[] = []
  const { create } = JournalFile
  t.intercept(JournalFile, 'create', {
    value: (addon: Parameters<typeof create>[0]) => {
      if (made.length === 2) return failed('memfd_create EMFILE')
      const file = create(addon)
      if (file.ok) made.push(file.value.fd)
      return file
    },
  })
  const { open, warned } = prepared(t, 64)
  t.same(open(4), [])
  t.equal(made.length, 2)
  for (const fd of made) t.throws(() => fstatSync(fd), /EBADF/)
  t.match(warned, ['memfd_create EMFILE'])
})

t.test('the first is kept last, as with it all are there', { skip }, async t => {
  const { journal, open, kept, dropped } = prepared(t, 64)
  const [first] = open(2)
  const shards = relay(2)
  journal!.store(shards)
  t.same(kept, [...journalNames(process.pid, 2)].reverse())
  t.match(first!.read(), { shards: [{ listeners: [{ local: { port: 3478 } }] }, {}], tries: 0 })

  shards.port = 3479
  journal!.tick()
  t.match(first!.read(), { shards: [{ listeners: [{ local: { port: 3479 } }] }, {}] }, 'it is kept true')
  journal!.drop()
  t.same(dropped, journalNames(process.pid, 2))
  journal!.drop()
  t.equal(dropped.length, 2, 'once')
})
