import type { Owner } from './event.ts'

/** Equal for equal owners only: neither a homeserver's name nor a user name can hold a NUL, and the first one parts them. */
export function ownerKey(owner: Owner): string {
  return `${owner.tenant}\0${owner.user}`
}
