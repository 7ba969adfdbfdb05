import fc from 'fast-check'
import t from 'tap'
import { type Chain, Chains } from '../../../src/journal/chains.ts'

/** Room for thirty blocks. */
const SMALL = 64 + (1 << 17) * 4 + 30 * 256
const SLOTS = { from: 64, to: 64 + (1 << 17) * 4 }

type Step =
  | { readonly kind: 'open'; readonly length: number }
  | { readonly kind: 'replace' | 'add'; readonly which: number; readonly length: number }
  | { readonly kind: 'figures' | 'close'; readonly which: number }
  /** The thread breaks: in the midst of the step before, or behind it. */
  | { readonly kind: 'break'; readonly torn: readonly boolean[] | undefined }

const which = fc.nat(50)
const length = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 200, max: 260 }),
  fc.integer({ min: 1, max: 3000 }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('open' as const), length }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('replace' as const), which, length }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('add' as const), which, length }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('figures' as const, 'close' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('break' as const),
      torn: fc.option(fc.array(fc.boolean(), { minLength: 8, maxLength: 64 }), { nil: undefined }),
    }),
  },
)

/** Chains, and what they ought to hold. */
class World {
  torn = 0
  full = 0
  #memory = Chains.memory(SMALL)
  #chains = new Chains(this.#memory)
  #held: { chain: Chain; octets: Buffer; figures: number[] }[] = []
  /** Memory, and what it held, before the step that was last. */
  #before: { memory: Uint8Array; held: readonly (readonly [Buffer, readonly number[]])[] } | undefined
  #mark = 0

  constructor() {
    this.#chains.adopt(() => true)
  }

  do(step: Step): void {
    if (step.kind === 'break') {
      this.#break(step.torn)
      return
    }
    this.#before = { memory: new Uint8Array(this.#memory).slice(), held: this.#contents() }
    const fresh = (length: number) => Buffer.alloc(length, ++this.#mark)
    if (step.kind === 'open') {
      const octets = fresh(step.length)
      const figures = [this.#mark, 2, 3, 4, 5]
      const chain = this.#chains.open(octets, figures)
      if (chain) this.#held.push({ chain, octets, figures })
      else this.full++
      return
    }
    const held = this.#held[step.which % (this.#held.length || 1)]
    if (!held) return
    switch (step.kind) {
      case 'replace': {
        const octets = fresh(step.length)
        if (this.#chains.replace(held.chain, octets)) held.octets = octets
        else this.full++
        return
      }
      case 'add': {
        const octets = fresh(step.length)
        if (this.#chains.add(held.chain, octets)) held.octets = Buffer.concat([held.octets, octets])
        else this.full++
        return
      }
      case 'figures':
        held.figures = [++this.#mark, 7, 8, 9, 10]
        this.#chains.setFigures(held.chain, held.figures)
        // Figures are no part of what is committed.
        this.#before = undefined
        return
      case 'close':
        this.#held.splice(this.#held.indexOf(held), 1)
        this.#chains.close(held.chain)
        return
    }
  }

  #contents(): [Buffer, readonly number[]][] {
    return this.#held.map(({ octets, figures }) => [octets, figures])
  }

  /**
   * Of the stores that the last step made before the one that commits it, any
   * may be missing. What a successor reads then is what was there before.
   */
  #break(torn: readonly boolean[] | undefined): void {
    const before = this.#before
    let expected = this.#contents() as readonly (readonly [Buffer, readonly number[]])[]
    if (torn && before) {
      this.torn++
      expected = before.held
      const was = new Int32Array(before.memory.buffer)
      const commits = new Set(this.#firstsOf(was).map(first => (SLOTS.to + first * 256) / 4 + 1))
      const words = new Int32Array(this.#memory)
      let changed = 0
      for (let word = 0; word < words.length; word++) {
        if (words[word] === was[word]) continue
        const isCommit = commits.has(word) || (word * 4 >= SLOTS.from && word * 4 < SLOTS.to)
        if (isCommit || torn[changed++ % torn.length]) words[word] = was[word]!
      }
    }
    this.#before = undefined
    this.#chains = new Chains(this.#memory)
    this.#held = []
    this.#chains.adopt((octets, figures, chain) => {
      this.#held.push({ chain, octets, figures: [...figures] })
      return true
    })
    const text = (all: readonly (readonly [Buffer, readonly number[]])[]) =>
      all
        .map(([octets, figures]) => `${octets.toString('hex')} ${figures}`)
        .sort()
        .join('\n')
    if (text(this.#contents()) !== text(expected)) throw new Error('a successor reads something else')
  }

  #firstsOf(words: Int32Array): number[] {
    return Array.from(words.subarray(SLOTS.from / 4, SLOTS.to / 4)).flatMap(word =>
      word > 0 ? [word - 1] : [],
    )
  }
}

t.test('a successor reads what was committed, wherever its predecessor broke off', async t => {
  let torn = 0
  let full = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), steps => {
      const world = new World()
      for (const one of steps) world.do(one)
      world.do({ kind: 'break', torn: undefined })
      torn += world.torn
      full += world.full
    }),
    { numRuns: 60, seed: 20_261_130 },
  )
  t.ok(torn > 50, `${torn} broke off in the midst of a step`)
  t.ok(full > 5, `${full} times there was no room`)
})

t.test('blocks that are given back are used again, so that a long life takes no more memory', async t => {
  const chains = new Chains(Chains.memory(SMALL))
  chains.adopt(() => true)
  const chain = chains.open(Buffer.alloc(600, 1), [])!
  const used = chains.used
  for (let i = 0; i < 1000; i++) {
    chains.add(chain, Buffer.alloc(900, i))
    chains.replace(chain, Buffer.alloc(600, i))
  }
  t.equal(chains.used, used)
  chains.close(chain)
  t.equal(chains.used, 0)
})

t.test('a chain that does not hold together is forgotten, and the others are read', async t => {
  const memory = Chains.memory(SMALL)
  const chains = new Chains(memory)
  chains.adopt(() => true)
  const broken = chains.open(Buffer.alloc(900, 1), [])!
  chains.open(Buffer.alloc(900, 2), [])
  const words = new Int32Array(memory)
  // The second block of the first chain follows itself.
  const second = words[(SLOTS.to + broken.first * 256) / 4]!
  words[(SLOTS.to + second * 256) / 4] = second

  const next = new Chains(memory)
  const found: number[] = []
  next.adopt(octets => found.push(octets[0]!) > 0)
  t.same(found, [2])
  t.equal(next.used, 4, 'its blocks are free')
})
