import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Lets every thread of this process ask V8 for a collection.
 *
 * V8 collects what lives long only while a program makes more of it. A relay whose clients filled the heap and have
 * left makes next to nothing, and so would hold their garbage, and refuse calls because of it, for hours.
 * The permission belongs to the process: only a program calls this, never the library.
 */
export function allowCollecting(): void {
  setFlagsFromString('--expose-gc')
}

/**
 * Collects all garbage of this thread's heap now, which takes some milliseconds for each 10 MB that live. Does nothing
 * where it was not allowed.
 */
export function collectGarbage(): void {
  const collect: unknown = runInNewContext('typeof gc === "function" ? gc : undefined')
  if (typeof collect === 'function') collect()
}
