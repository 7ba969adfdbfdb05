// What the sessions in JavaScript have in common. See session.ts for the arguments and the answer.

const PACE = 250
/** Milliseconds that the last may take. */
const LATE = 3000
const HELLO = 'hello'

/** @typedef {{ numbers: Set<number>, longest: number, last: number | undefined, heard(message: unknown): void }} Listener */

/**
 * Notes what arrives, and the longest time in which nothing did.
 * @returns {Listener}
 */
export function listener() {
  return {
    numbers: new Set(),
    longest: 0,
    last: undefined,
    heard(message) {
      const now = performance.now()
      const text = `${message}`
      if (text !== HELLO) {
        this.numbers.add(Number(text.split(' ')[1]))
        this.longest = Math.max(this.longest, (now - (this.last ?? now)) / 1000)
      }
      this.last = now
    },
  }
}

/**
 * Lets two peers talk for as long as was ordered, and prints how it went.
 * @param {readonly [Listener, Listener]} listeners of alice and bob
 * @param {readonly [(text: string) => void, (text: string) => void]} sends by alice and by bob
 * @param {number} seconds
 */
export async function talk(listeners, sends, seconds) {
  const begun = performance.now()
  while (listeners.some(({ last }) => last === undefined)) {
    if (performance.now() - begun > 30_000) throw new Error('the peers do not hear each other')
    for (const send of sends) send(HELLO)
    await pause(PACE)
  }
  let sent = 0
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    for (const send of sends) send(`payload ${sent}`)
    sent++
    await pause(PACE)
  }
  await pause(LATE)
  const missing = (/** @type {Listener} */ { numbers }) =>
    Array.from({ length: sent }, (_, number) => number).filter(number => !numbers.has(number))
  const [alice, bob] = listeners
  const answer = { sent, missing: [missing(bob), missing(alice)], longestGap: [bob.longest, alice.longest] }
  await new Promise(done => process.stdout.write(`${JSON.stringify(answer)}\n`, done))
}

/** @param {number} milliseconds */
export function pause(milliseconds) {
  return new Promise(done => setTimeout(done, milliseconds))
}
