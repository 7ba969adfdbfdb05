import { z } from 'zod'
import { type HandOverLink, LinkError } from './link.ts'
import { failedWith } from './protocol.ts'

/** The other process has said that it does not go on. */
export class Declined extends LinkError {}

/** A message that is nothing but its kind. */
export function asked<K extends string>(kind: K): z.ZodType<{ readonly kind: K }> {
  return z.object({ kind: z.literal(kind) })
}

/** The next message, which has to be of this shape. Rejects with a `LinkError` otherwise. */
export async function hear<T>(link: HandOverLink, shape: z.ZodType<T>, patience: number): Promise<T> {
  const said = await link.next(patience)
  const wanted = shape.safeParse(said)
  if (wanted.success) return wanted.data
  const failed = failedWith.safeParse(said)
  if (failed.success) throw new Declined(failed.data.why)
  const what = Buffer.isBuffer(said) ? 'octets' : `"${said.kind}"`
  throw new LinkError(`the other process has said ${what} out of turn`)
}

/** The next octets. */
export async function hearOctets(link: HandOverLink, patience: number): Promise<Buffer> {
  const said = await link.next(patience)
  if (Buffer.isBuffer(said)) return said
  const failed = failedWith.safeParse(said)
  if (failed.success) throw new Declined(failed.data.why)
  throw new LinkError(`the other process has said "${said.kind}" out of turn`)
}
