import t from 'tap'
import { MemoryWatch } from '../../../src/relay/memory-watch.ts'
import { chosenYoungGeneration, type MemoryReading, MemoryRoom } from '../../../src/system/memory-room.ts'

const MIB = 1 << 20

/** A watch over figures that the test gives, in shares of 100 MiB. */
function start() {
  const now: { heap: number; process: number; addressSpace?: number; data?: number } = {
    heap: 0.5,
    process: 0.5,
  }
  const lines: object[] = []
  const told: boolean[] = []
  let looks = 0
  let collections = 0
  const of = (share: number) => ({ used: share * 100 * MIB, limit: 100 * MIB })
  const maybe = (share: number | undefined) => (share === undefined ? undefined : of(share))
  const read = (): MemoryReading => {
    looks++
    return {
      heap: of(now.heap),
      process: of(now.process),
      addressSpace: maybe(now.addressSpace),
      data: maybe(now.data),
    }
  }
  const watch = new MemoryWatch(
    { limited: (_, level, message, fields) => void lines.push({ level, message, ...fields?.() }) },
    isShort => void told.push(isShort),
    new MemoryRoom(read, () => {
      collections++
      now.heap = 0.5
    }),
  )
  return { now, lines, told, watch, looks: () => looks, collections: () => collections }
}

t.test('S-02: a heap that is nearly full is told once, with the figure and what to raise', async t => {
  const { now, lines, told, watch } = start()
  watch.tick(0)
  now.heap = 0.76
  watch.tick(0)
  watch.tick(0)

  t.same(told, [true])
  t.equal(watch.isShort, true)
  t.match(lines, [
    { level: 'warn', memory: 'heap', usedMiB: 76, limitMiB: 100, hint: { key: 'hint.memoryHeap' } },
  ])
  t.equal(lines.length, 1)
})

t.test('S-02: calls come again only when there is clearly room', async t => {
  const { now, lines, told, watch } = start()
  now.heap = 0.76
  watch.tick(0)
  now.heap = 0.7
  watch.tick(0)
  t.same(told, [true])
  now.heap = 0.64
  watch.tick(0)

  t.same(told, [true, false])
  t.match(lines.at(-1), { level: 'info' })
})

t.test('S-02: the memory that the cgroup permits counts as the heap does', async t => {
  const { now, lines, told, watch } = start()
  now.process = 0.91
  watch.tick(0)
  t.match(lines, [{ memory: 'process', usedMiB: 91, hint: { key: 'hint.memoryProcess' } }])
  now.process = 0.86
  watch.tick(0)
  t.same(told, [true])
  now.process = 0.84
  watch.tick(0)
  t.same(told, [true, false])
})

t.test('S-02: so do address space and data, where the process has limits of its own', async t => {
  for (const [kind, hint] of [
    ['addressSpace', 'hint.memoryAddressSpace'],
    ['data', 'hint.memoryData'],
  ] as const) {
    const { now, lines, told, watch } = start()
    watch.tick(0)
    now[kind] = 0.91
    watch.tick(0)
    t.match(lines, [{ level: 'warn', memory: kind, usedMiB: 91, limitMiB: 100, hint: { key: hint } }])
    now[kind] = 0.84
    watch.tick(0)
    t.same(told, [true, false])
  }
})

t.test('S-02: thousands of allocations within a second are seen before it is over', async t => {
  const { now, told, watch, looks } = start()
  now.heap = 0.9
  for (let i = 0; i < 128; i++) watch.grew()

  t.equal(looks(), 1)
  t.same(told, [true])
})

t.test('S-02: when a quarter of what filled the memory has ended, its garbage is collected', async t => {
  const { now, told, watch, collections } = start()
  now.heap = 0.8
  watch.tick(1000)
  watch.tick(1000)
  watch.tick(750)
  t.equal(collections(), 0, 'most of them are still there')
  watch.tick(749)

  t.equal(collections(), 1)
  t.same(told, [true, false], 'there is memory in the same second')
})

t.test('S-02: a relay that stays short of memory collects at most once in ten seconds', async t => {
  const { now, watch, collections } = start()
  let open = 1 << 20
  for (let second = 0; second < 15; second++) {
    now.heap = 0.8
    watch.tick(open)
    open >>= 1
  }
  t.equal(collections(), 2)
})

t.test('nothing is collected by force while there is memory', async t => {
  const { watch, collections } = start()
  watch.tick(1000)
  watch.tick(0)
  t.equal(collections(), 0)
})

t.test('this process reads figures that can be', async t => {
  const room = new MemoryRoom()
  t.equal(room.look(), undefined, 'a test does not fill its memory')
  t.equal(room.short, undefined)
})

t.test('S-02: how large the young generation may be is read from the options of Node.js', async t => {
  t.equal(chosenYoungGeneration(['--max-semi-space-size=2']), 6 * MIB)
  t.equal(chosenYoungGeneration(['--import', 'x.js --max_semi_space_size=16']), 48 * MIB)
  t.equal(chosenYoungGeneration(['--max-old-space-size=2']), undefined)
})
