/**
 * Makes zeroed memory from Buffer's pool, which Buffer.alloc does not use: a
 * tenth of the time for what messages are made of, and nothing for the garbage
 * collector to free one by one.
 */
export function zeros(length: number): Buffer {
  return Buffer.allocUnsafe(length).fill(0)
}
