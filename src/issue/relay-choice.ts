import { createHash } from 'node:crypto'

/** A relay, by its URIs, and its share of the users. */
export interface Weighted {
  readonly uris: readonly string[]
  readonly weight: number
}

/**
 * Chooses `most` relays for a user and gives their URIs, the first choice
 * first. The same user always gets the same ones, and a relay that is added or
 * removed moves no more users than its share: weighted rendezvous hashing.
 */
export function chooseUris(user: string, relays: readonly Weighted[], most: number): string[] {
  const scored = relays.map(relay => ({ relay, score: relay.weight / -Math.log(draw(user, relay)) }))
  scored.sort((a, b) => b.score - a.score)
  return [...new Set(scored.slice(0, most).flatMap(({ relay }) => relay.uris))]
}

/** A number above 0 and below 1 that looks random but only depends on the two. */
function draw(user: string, { uris }: Weighted): number {
  const hash = createHash('sha256').update(uris.join(' ')).update('\0').update(user).digest()
  return (hash.readUIntBE(0, 6) + 0.5) / 2 ** 48
}
