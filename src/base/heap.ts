/**
 * Megabytes of half of V8's young generation, in every thread that relays.
 *
 * V8 would let it grow to 16, and to 64 in Node.js 24, and keeps what it once took. A request leaves little behind, so
 * two cost no processor time that we could measure, and a collection of two takes half as long as one of four: at most
 * 2 to 3 ms, which is what a datagram may have to wait for.
 * For the main thread only the command line can say it, so whatever starts the relay does.
 */
export const SEMI_SPACE = 2

/** What Node.js is told for it, before the program's name. */
export const HEAP_FLAG = `--max-semi-space-size=${SEMI_SPACE}`
