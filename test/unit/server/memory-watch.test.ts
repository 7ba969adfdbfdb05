import t from 'tap'
import { MemoryWatch } from '../../../src/relay/memory-watch.ts'
import { type MemoryReading, MemoryRoom } from '../../../src/system/memory-room.ts'

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
    new MemoryRoom(read),
  )
  return { now, lines, told, watch, looks: () => looks }
}

t.test('S-02: a heap that is nearly full is told once, with the figure and what to raise', async t => {
  const { now, lines, told, watch } = start()
  watch.look()
  now.heap = 0.76
  watch.look()
  watch.look()

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
  watch.look()
  now.heap = 0.7
  watch.look()
  t.same(told, [true])
  now.heap = 0.64
  watch.look()

  t.same(told, [true, false])
  t.match(lines.at(-1), { level: 'info' })
})

t.test('S-02: the memory that the cgroup permits counts as the heap does', async t => {
  const { now, lines, told, watch } = start()
  now.process = 0.91
  watch.look()
  t.match(lines, [{ memory: 'process', usedMiB: 91, hint: { key: 'hint.memoryProcess' } }])
  now.process = 0.86
  watch.look()
  t.same(told, [true])
  now.process = 0.84
  watch.look()
  t.same(told, [true, false])
})

t.test('S-02: so do address space and data, where the process has limits of its own', async t => {
  for (const [kind, hint] of [
    ['addressSpace', 'hint.memoryAddressSpace'],
    ['data', 'hint.memoryData'],
  ] as const) {
    const { now, lines, told, watch } = start()
    watch.look()
    now[kind] = 0.91
    watch.look()
    t.match(lines, [{ level: 'warn', memory: kind, usedMiB: 91, limitMiB: 100, hint: { key: hint } }])
    now[kind] = 0.84
    watch.look()
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

t.test('this process reads figures that can be', async t => {
  const room = new MemoryRoom()
  t.equal(room.look(), undefined, 'a test does not fill its memory')
  t.equal(room.short, undefined)
})
