import { setFlagsFromString } from 'node:v8'

/** Bytes of bytecode that V8 may inline into one function; its own bound is 920. */
const INLINED_BYTECODE = 4000

/**
 * Lets V8 inline all of the way of a datagram through the route table into one function, in every thread.
 *
 * That way is some forty small functions, which exceed V8's bound together; a datagram then costs 20 to 25 ns more
 * (`npm run bench:forward`). It is a bound of the optimising compiler, read whenever it compiles, so it may be
 * widened in a running process. It belongs to the process: only a program calls this, never the library.
 */
export function widenInlining(): void {
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_BYTECODE}`)
}
