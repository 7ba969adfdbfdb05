import { join } from 'node:path'
import type { Settings } from '../config/settings.ts'
import type { Log } from '../log/log.ts'
import { Bans } from '../operate/bans.ts'
import { ClientGate } from '../operate/client-gate.ts'
import type { OpenSessions } from '../operate/open-sessions.ts'
import { RelayBans } from '../operate/relay-bans.ts'
import type { Shards } from '../relay/shards.ts'
import { wallTime } from '../system/clock.ts'
import { KeptBans } from './kept-bans.ts'

export interface GatekeepingParts {
  readonly log: Log
  readonly sessions: OpenSessions
  readonly shards: Pick<Shards, 'keepOut' | 'ban' | 'revoke'>
}

/** Who is not served, in force from now on, and how an operator changes it. */
export function gatekeeping(
  settings: Settings,
  { log, sessions, shards }: GatekeepingParts,
): { readonly gate: ClientGate; readonly bans: RelayBans; readonly kept: KeptBans } {
  const kept = new KeptBans(join(settings.state, 'bans.json'), log)
  const bans = new Bans(kept.read())
  const gate = new ClientGate(settings.clients, {
    bans,
    sessions,
    keepOut: rules => shards.keepOut(rules),
    ban: changes => shards.ban(changes),
    revoke: ({ allocation }) => shards.revoke(allocation),
    keep: all => kept.keep(all),
    now: wallTime,
  })
  gate.apply()
  return { gate, bans: new RelayBans({ bans, gate, sessions, now: wallTime }), kept }
}
