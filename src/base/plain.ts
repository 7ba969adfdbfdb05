/** Data that nobody changes. */
export type Plain<T> = unknown extends T
  ? T
  : T extends Uint8Array | string | number | boolean | undefined | null
    ? T
    : T extends readonly (infer E)[]
      ? readonly Plain<E>[]
      : { readonly [K in keyof T]: Plain<T[K]> }
