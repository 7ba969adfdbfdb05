import t from 'tap'
import { bucket, edges, hit, hits, reset } from '../../fuzz/coverage.ts'
import { Fuzzer } from '../../fuzz/engine.ts'
import { mutateMessage, split } from '../../fuzz/stun.ts'
import type { Target } from '../../fuzz/target.ts'
import { dice } from '../../sim/random.ts'

const SECRET = 'maze!'

/** Breaks only when it is given five octets, one found after the other by what they show. */
const maze: Target = {
  name: 'maze',
  longest: 16,
  slow: 1000,
  seeds: () => [],
  run(input) {
    for (let i = 0; i < SECRET.length; i++) {
      hit(1000 + i * 17)
      if (input[i] !== SECRET.charCodeAt(i)) return
    }
    throw new Error('the middle of the maze')
  },
  mutate: input => input,
}

t.test('coverage leads to a fault that chance would not find in a million years', t => {
  const fuzzer = new Fuzzer(maze, { seed: 1, words: [] })
  fuzzer.begin([])
  let find: ReturnType<Fuzzer['step']>
  for (let i = 0; i < 200_000 && !find; i++) find = fuzzer.step()
  t.equal(find?.kind, 'crash')
  t.equal(find?.input.toString(), SECRET, 'and the input is as short as can be')
  t.match(find?.what, /the middle of the maze/)
  t.end()
})

t.test('the same seed makes the same inputs', t => {
  const play = (seed: number) => {
    const inputs: string[] = []
    const fuzzer = new Fuzzer(maze, { seed, words: [], watch: input => inputs.push(input.toString('hex')) })
    fuzzer.begin([Buffer.from('m')])
    for (let i = 0; i < 500; i++) fuzzer.step()
    return inputs.join()
  }
  t.equal(play(7), play(7))
  t.not(play(7), play(8))
  t.end()
})

t.test('a fault is reported once, and the search goes on', t => {
  const broken: Target = {
    ...maze,
    run() {
      throw new Error('always')
    },
  }
  const fuzzer = new Fuzzer(broken, { seed: 1, words: [] })
  t.equal(fuzzer.begin([Buffer.from('a'), Buffer.from('b')]).length, 1)
  for (let i = 0; i < 20; i++) t.equal(fuzzer.step(), undefined)
  t.equal(fuzzer.figures.crashes, 1)
  t.end()
})

t.test('an input that takes too long each time is reported as slow', t => {
  const lazy: Target = {
    ...maze,
    slow: 1,
    run() {
      const begun = process.cpuUsage()
      while (process.cpuUsage(begun).user < 3000);
    },
  }
  const fuzzer = new Fuzzer(lazy, { seed: 1, words: [] })
  t.equal(fuzzer.begin([Buffer.from('a')])[0]?.kind, 'slow')
  t.end()
})

t.test('the smallest corpus shows what the whole one showed', t => {
  const fuzzer = new Fuzzer(maze, { seed: 1, words: [] })
  const inputs = ['m', 'ma', 'mx', 'maz', 'mazxxxxxx'].map(text => Buffer.from(text))
  const kept = fuzzer.smallest(inputs).map(input => input.toString())
  t.strictSame(kept, ['m', 'ma', 'maz'])
  t.end()
})

t.test('an edge is a pair of places, and its count goes into buckets', t => {
  reset()
  hit(5)
  hit(9)
  hit(5)
  hit(9)
  t.equal(edges().length, 3, 'the way into the first place is an edge of its own')
  t.equal(hits[(9 ^ (5 >> 1)) & 0x1ffff], 2)
  reset()
  t.equal(edges().length, 0)
  t.strictSame(
    [1, 2, 3, 4, 7, 8, 31, 32, 127, 128, 511, 512, 2 ** 30].map(bucket),
    [1, 2, 4, 8, 8, 16, 32, 64, 64, 128, 128, 256, 0x8000],
  )
  t.end()
})

t.test('changed messages are STUN more often than not', t => {
  const roll = dice(3)
  const header = Buffer.from('000300082112a442000000000000000000000000', 'hex')
  let message: Buffer = Buffer.concat([header, Buffer.from('0019000411000000', 'hex')])
  let sound = 0
  for (let i = 0; i < 500; i++) {
    message = mutateMessage(message, header, roll)
    if (message.length > 2000) message = message.subarray(0, 28)
    if (message.length >= 20 && message.readUInt16BE(2) === message.length - 20) sound++
    split(message.subarray(20))
  }
  t.ok(sound > 350, `${sound} of 500`)
  t.end()
})
