import type { AccessEntry } from './view.ts'

/** `read` looks, `act` also acts and sees names. */
export type Rights = 'read' | 'act'

/** Somebody who has been let in, as the access log names them. */
export interface Visitor {
  readonly who: string
  readonly from: AccessEntry['from']
  readonly rights: Rights
  /** Id of the link or sign-in, for those who came by one. */
  readonly signIn?: string
}

export function may(visitor: Visitor, rights: Rights): boolean {
  return rights === 'read' || visitor.rights === 'act'
}
