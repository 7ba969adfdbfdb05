/**
 * How often something is done so that the compiler knows it well: so often at least, and up to so often while it takes
 * no longer than so many milliseconds in all.
 */
const [FEWEST, MOST] = [3, 12]
const LONG_ENOUGH = 300

/** Does something again and again while it comes to what is `good`, and returns what it comes to at last. */
export async function warmedUp<T>(run: () => Promise<T>, good: (result: T) => boolean): Promise<T> {
  const began = performance.now()
  for (let count = 1; ; count++) {
    const result = await run()
    if (!good(result) || count === MOST) return result
    if (count >= FEWEST && performance.now() - began > LONG_ENOUGH) return result
  }
}
