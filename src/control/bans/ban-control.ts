import type { Range } from '../../base/range.ts'
import type { Result } from '../../base/result.ts'
import type { BannedView, BanView } from '../view.ts'

/** Somebody to be banned, and by whom. */
export interface BanAsked {
  /** A network, or the id of a session whose client is meant. */
  readonly whom: Range | string
  readonly seconds: number
  readonly reason: string | undefined
  readonly by: string
}

/** Why nobody was banned. */
export type BanRefusal = 'no-session' | 'too-many'

/** The relay's side of bans. */
export interface BanControl {
  /** Those that end first are first. There may be thousands, so they are made as they are written. */
  list(): Promise<Iterable<BanView>>
  ban(asked: BanAsked): Promise<Result<BannedView, BanRefusal>>
  /** Lifts the ban of exactly this network; false where there is none. */
  unban(range: Range): boolean
  /** Banned networks that this one overlaps. */
  touching(range: Range): Promise<readonly Range[]>
}
