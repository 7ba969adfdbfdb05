import type { MappedPort, RouterAnswer } from './answer.ts'

export type RouterRefusal = RouterAnswer & { kind: 'refused' }

/** Milliseconds until something refused is asked for again, at least and at most. */
const AGAIN = { least: 10_000, most: 300_000 } as const

/** Milliseconds until it is worth asking again. */
export function pauseAfter({ lifetime }: RouterRefusal): number {
  return Math.min(Math.max(lifetime * 1000, AGAIN.least), AGAIN.most)
}

/** Whether it would be said of any port. */
export function isTotalRefusal(refused: RouterRefusal | undefined): boolean {
  return refused?.why === 'refused' || refused?.why === 'unsupported'
}

export function refusedPort({ of }: RouterRefusal): MappedPort | undefined {
  return typeof of === 'object' ? of : undefined
}
