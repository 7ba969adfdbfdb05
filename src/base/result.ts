/**
 * A value, or the reason why there is none: what a function returns that may
 * fail for reasons its caller must handle.
 */
export type Result<T, E> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E }

export function succeeded<T>(value: T): Result<T, never> {
  return { ok: true, value }
}

export function failed<E>(error: E): Result<never, E> {
  return { ok: false, error }
}

/** The values of those that have one. */
export function successes<T, E>(results: readonly Result<T, E>[]): T[] {
  return results.flatMap(result => (result.ok ? [result.value] : []))
}
