import { failed, type Result, succeeded } from '../../base/result.ts'
import type { Time } from '../../base/time.ts'
import { verify } from '../../wire/integrity.ts'
import type { Message } from '../../wire/message.ts'
import type { Authenticate, Candidate } from '../candidate.ts'
import type { Owner } from '../event.ts'

/** Who signed a request, after the signature verified. */
export interface Identity {
  readonly owner: Owner
  /** USERNAME as sent, e.g. "1789000000:@alice:example.org". */
  readonly username: string
  readonly key: Buffer
  readonly algorithm: number
  readonly expires: Time | undefined
}

/** Who has signed a request: a candidate, or the identity that is known behind the allocation. */
export type Signer = Omit<Candidate, 'expires'> & { readonly expires?: Time; readonly known?: Identity }

/** Why nobody is known to have signed it. `unavailable`: users cannot be looked up. */
export type NoSigner = 'unknown-user' | 'wrong-secret' | 'unavailable'

/** A request whose signer is wanted. One of `username` and `hash` is there. */
export interface Signed {
  readonly message: Message
  readonly kind: 'sha1' | 'sha256'
  readonly algorithm: number
  readonly realm: string
  readonly username: string | undefined
  readonly hash: Buffer | undefined
  readonly known: Identity | undefined
  /** By the wall clock. */
  readonly now: Time
}

export type FindSigner = (signed: Signed) => Result<Signer, NoSigner>

/** Finds the candidate whose key verifies the message. All are tried, so that the time tells nothing of which did. */
export function signerFinder(authenticate: Authenticate): FindSigner {
  return signed => findSigner(authenticate, signed)
}

function findSigner(authenticate: Authenticate, who: Signed): Result<Signer, NoSigner> {
  const { message, kind, algorithm, realm, known, now } = who
  if (
    known &&
    known.username === who.username &&
    known.algorithm === algorithm &&
    verify(message, kind, known.key)
  ) {
    const expired = known.expires !== undefined && known.expires <= now
    const { owner, username, key } = known
    return succeeded({ tenant: owner.tenant, user: owner.user, username, key, expired, paused: false, known })
  }
  let candidates: readonly Candidate[]
  try {
    candidates = authenticate(
      who.username === undefined
        ? { userhash: who.hash!, realm, algorithm, now }
        : { username: who.username, realm, algorithm, now },
    )
  } catch {
    return failed('unavailable')
  }
  if (candidates.length === 0) return failed('unknown-user')
  let found: Candidate | undefined
  for (const candidate of candidates) {
    if (verify(message, kind, candidate.key)) found ??= candidate
  }
  return found ? succeeded(found) : failed('wrong-secret')
}
