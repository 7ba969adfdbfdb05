/** How one attribute is laid out on the wire. */
export interface Attribute<T> {
  readonly type: number
  readonly name: string
  /** Tells whether `read` may be given this value. */
  valid(value: Buffer): boolean
  /** Reads a valid value. What it returns may be a view into `value` only where T is Buffer. */
  read(value: Buffer, transaction: Buffer): T
  /** Writes the value without padding; throws RangeError for what the attribute cannot hold. */
  write(value: T, transaction: Buffer): Buffer
}

/** An algorithm to derive the long-term key, with its parameters (RFC 8489 §14.11). */
export interface Algorithm {
  readonly algorithm: number
  readonly parameters: Buffer
}
