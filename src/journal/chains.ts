/** Octets of a block: the number of the next one, and what it holds. */
const BLOCK = 256
const NEXT = 4
/** The first block of a chain has its length behind that, and the figures. */
const FIGURES = 5
const FIRST = 8 + FIGURES * 8
/** The word that says that nothing more is written. */
const CLOSED = 4
/** Where the words of the slots begin; before them stand the note, the beat and that word. */
const SLOTS_AT = 64
/** Chains that there can be. */
const SLOTS = 1 << 17
const BLOCKS_AT = SLOTS_AT + SLOTS * 4
/** Memory that was never used costs nothing, so this is what one worker may use at most. */
export const CHAIN_OCTETS = 128 << 20

/** A chain as its owner knows it. */
export interface Chain {
  readonly slot: number
  first: number
  last: number
  /** Octets in it, and how many of them it was begun with. */
  length: number
  begun: number
}

/**
 * Octets that outlive the thread that writes them, in chains that are replaced
 * or added to. The thread may end between any two steps: what is written counts
 * from the one store on that commits it, of a slot or of a length, and what a
 * step left half done before that is free again for the thread that takes over.
 */
export class Chains {
  readonly #bytes: Uint8Array
  readonly #words: Int32Array
  readonly #numbers: Float64Array
  /** How many blocks have ever been used, and those of them that are free again. */
  #fresh = 0
  readonly #blocks: number
  readonly #free: number[] = []
  readonly #freeSlots: number[] = []
  #freshSlots = 0

  /** The memory must be all zero, or hold the chains of a thread that has gone; those not adopted are gone, too. */
  constructor(memory: ArrayBufferLike) {
    this.#bytes = new Uint8Array(memory)
    this.#words = new Int32Array(memory)
    this.#numbers = new Float64Array(memory)
    this.#blocks = Math.floor((memory.byteLength - BLOCKS_AT) / BLOCK)
  }

  static memory(octets = CHAIN_OCTETS): SharedArrayBuffer {
    return new SharedArrayBuffer(Math.max(octets, BLOCKS_AT + BLOCK))
  }

  /** A number that stands beside the chains. */
  get note(): number {
    return this.#numbers[0]!
  }

  set note(value: number) {
    this.#numbers[0] = value
  }

  /** Another one, which the owner changes from time to time. */
  get beat(): number {
    return this.#numbers[1]!
  }

  set beat(value: number) {
    this.#numbers[1] = value
  }

  /** Whether all is to stay as it is. Any thread may say so, for the one that writes. */
  get isClosed(): boolean {
    return Atomics.load(this.#words, CLOSED) !== 0
  }

  shut(): void {
    Atomics.store(this.#words, CLOSED, 1)
  }

  /**
   * Reads what a thread before this one has left. Chains that `wanted` does not
   * want, and those that cannot be read, are forgotten. Call it once, first.
   */
  adopt(wanted: (octets: Buffer, figures: readonly number[], chain: Chain) => boolean): void {
    const used = new Uint8Array(this.#blocks)
    for (let slot = 0; slot < SLOTS; slot++) {
      const first = this.#words[SLOTS_AT / 4 + slot]! - 1
      if (first < 0) continue
      const blocks = this.#follow(first, used)
      const chain = blocks && this.#chainOf(slot, blocks)
      if (!blocks || !chain || !wanted(this.#octetsOf(blocks, chain.length), this.figures(chain), chain)) {
        this.#commit(slot, -1)
        continue
      }
      for (const block of blocks) used[block] = 1
      while (this.#freshSlots < slot) this.#freeSlots.push(this.#freshSlots++)
      this.#freshSlots = slot + 1
    }
    this.#fresh = used.lastIndexOf(1) + 1
    for (let block = 0; block < this.#fresh; block++) if (used[block] === 0) this.#free.push(block)
  }

  /** Begins a chain, or undefined where there is no room. */
  open(octets: Uint8Array, figures: readonly number[]): Chain | undefined {
    const slot = this.#freeSlots.pop() ?? this.#freshSlots++
    const begun = slot < SLOTS ? this.#begin(octets, figures) : undefined
    if (!begun) {
      this.#freeSlots.push(slot)
      return undefined
    }
    const chain = { slot, ...begun }
    this.#commit(slot, chain.first)
    return chain
  }

  /** Has other octets in a chain, whose figures stay. False where there is no room; then all is as it was. */
  replace(chain: Chain, octets: Uint8Array): boolean {
    const begun = this.#begin(octets, this.figures(chain))
    if (!begun) return false
    const { first, length } = chain
    this.#commit(chain.slot, begun.first)
    Object.assign(chain, begun)
    this.#give(first, length)
    return true
  }

  /** Adds octets to a chain. False where there is no room; then all is as it was. */
  add(chain: Chain, octets: Uint8Array): boolean {
    const last = this.#write(chain.last, endIn(chain.length), octets)
    if (last < 0) return false
    chain.last = last
    chain.length += octets.length
    Atomics.store(this.#words, this.#wordOf(chain.first) + 1, chain.length)
    return true
  }

  close(chain: Chain): void {
    this.#commit(chain.slot, -1)
    this.#give(chain.first, chain.length)
    this.#freeSlots.push(chain.slot)
  }

  /** Numbers that stand in a chain and change by themselves, one at a time. */
  figures(chain: Chain): number[] {
    const at = this.#wordOf(chain.first) / 2 + 1
    return Array.from(this.#numbers.subarray(at, at + FIGURES))
  }

  setFigures(chain: Chain, figures: readonly number[]): void {
    const at = this.#wordOf(chain.first) / 2 + 1
    for (let i = 0; i < FIGURES; i++) this.#numbers[at + i] = figures[i] ?? 0
  }

  /** Blocks that hold something. */
  get used(): number {
    return this.#fresh - this.#free.length
  }

  #begin(octets: Uint8Array, figures: readonly number[]): Omit<Chain, 'slot'> | undefined {
    const first = this.#take()
    if (first < 0) return undefined
    const last = this.#write(first, FIRST, octets)
    if (last < 0) {
      this.#free.push(first)
      return undefined
    }
    const chain = { first, last, length: octets.length, begun: octets.length }
    this.#words[this.#wordOf(first) + 1] = octets.length
    this.setFigures({ slot: -1, ...chain }, figures)
    return chain
  }

  /** Writes into a block from `at` on and into as many others as it takes; returns the last, or -1 and takes none. */
  #write(into: number, at: number, octets: Uint8Array): number {
    let block = into
    let end = at
    let written = 0
    const taken: number[] = []
    for (;;) {
      const part = Math.min(BLOCK - end, octets.length - written)
      const to = BLOCKS_AT + block * BLOCK + end
      // Most of what is added is short: a call costs more than the octets.
      if (part > 32) this.#bytes.set(octets.subarray(written, written + part), to)
      else for (let i = 0; i < part; i++) this.#bytes[to + i] = octets[written + i]!
      written += part
      if (written === octets.length) return block
      const next = this.#take()
      if (next < 0) {
        this.#free.push(...taken)
        return -1
      }
      taken.push(next)
      this.#words[this.#wordOf(block)] = next
      block = next
      end = NEXT
    }
  }

  #take(): number {
    return this.#free.pop() ?? (this.#fresh < this.#blocks ? this.#fresh++ : -1)
  }

  #give(first: number, length: number): void {
    let block = first
    for (let left = length - (BLOCK - FIRST); ; left -= BLOCK - NEXT) {
      this.#free.push(block)
      if (left <= 0) return
      block = this.#words[this.#wordOf(block)]!
    }
  }

  /** The one store from which on a chain is there, or no longer. */
  #commit(slot: number, first: number): void {
    Atomics.store(this.#words, SLOTS_AT / 4 + slot, first + 1)
  }

  #wordOf(block: number): number {
    return (BLOCKS_AT + block * BLOCK) / 4
  }

  /** The blocks of a chain; undefined where it does not hold together. */
  #follow(first: number, used: Uint8Array): number[] | undefined {
    const blocks: number[] = []
    const seen = new Set<number>()
    let block = first
    let left = BLOCK - FIRST
    for (;;) {
      if (block < 0 || block >= this.#blocks || used[block] === 1 || seen.has(block)) return undefined
      seen.add(block)
      blocks.push(block)
      if (blocks.length === 1) left = this.#words[this.#wordOf(block) + 1]! - left
      else left -= BLOCK - NEXT
      if (left <= 0) return blocks
      block = this.#words[this.#wordOf(block)]!
    }
  }

  #chainOf(slot: number, blocks: readonly number[]): Chain | undefined {
    const length = this.#words[this.#wordOf(blocks[0]!) + 1]!
    return length > 0 ? { slot, first: blocks[0]!, last: blocks.at(-1)!, length, begun: length } : undefined
  }

  #octetsOf(blocks: readonly number[], length: number): Buffer {
    const octets = Buffer.alloc(length)
    let read = 0
    for (const [i, block] of blocks.entries()) {
      const from = BLOCKS_AT + block * BLOCK
      const part = this.#bytes.subarray(from + (i === 0 ? FIRST : NEXT), from + BLOCK)
      octets.set(part.subarray(0, length - read), read)
      read += part.length
    }
    return octets
  }
}

/** Where in its last block a chain of this length ends. */
function endIn(length: number): number {
  const beyond = length - (BLOCK - FIRST)
  if (beyond <= 0) return FIRST + length
  const rest = beyond % (BLOCK - NEXT)
  return rest === 0 ? BLOCK : NEXT + rest
}
