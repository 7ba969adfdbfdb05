/** Milliseconds of the first wait, and the longest. */
const FIRST = 1_000
const LONGEST = 30_000

/**
 * How long to wait before the attempt after `failures` failed ones: twice as
 * long each time, up to half a minute, and shifted by up to a fifth, so that
 * many consoles do not come back in the same moment. `chance` is in [0, 1).
 */
export function backOff(failures: number, chance: number): number {
  const base = Math.min(LONGEST, FIRST * 2 ** Math.max(0, failures - 1))
  return Math.round(base * (0.8 + 0.4 * chance))
}
