import fc from 'fast-check'
import { type Action, actions, type Stage } from '../sim/actions.ts'
import { compareEnds, counts, same, seen } from '../sim/compare.ts'

/** How often a story is told, and which; more runs, or another seed, for whoever has the time. */
export function modelRuns(seed: number): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: Number(process.env.MODEL_RUNS ?? 100), seed: Number(process.env.MODEL_SEED ?? seed) }
}

/**
 * Plays each random story on two stages, and throws where anybody sees on one
 * what nobody sees on the other: after each step, and at the end.
 */
export function assertSameStory(
  burst: number,
  stages: () => readonly [fast: Stage, slow: Stage],
  runs: ReturnType<typeof modelRuns>,
): void {
  fc.assert(
    fc.property(actions(burst), list => playBoth(list, ...stages())),
    runs,
  )
}

function playBoth(list: readonly Action[], fast: Stage, slow: Stage): void {
  for (const [step, action] of list.entries()) {
    fast.do(action)
    slow.do(action)
    same(counts(fast), counts(slow), `step ${step}: ${action.kind}`)
  }
  fast.end()
  slow.end()
  same(seen(fast), seen(slow), 'the end')
  compareEnds(fast, slow)
}
