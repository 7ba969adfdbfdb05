import type { Authenticate } from '../core/candidate.ts'

/** Everybody that any of the sources knows by this name: homeservers' users beside long-term ones. */
export function anyOf(...sources: readonly Authenticate[]): Authenticate {
  return request => sources.flatMap(source => source(request))
}
