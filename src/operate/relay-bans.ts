import { formatIp } from '../base/address.ts'
import { formatRange, parseRange, type Range } from '../base/range.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import type { BanAsked, BanControl, BanRefusal } from '../control/bans/ban-control.ts'
import type { BannedView, BanView } from '../control/view.ts'
import { sortInSlices } from '../system/slices.ts'
import type { Ban, Bans } from './bans.ts'
import type { ClientGate } from './client-gate.ts'
import type { OpenSessions } from './open-sessions.ts'

export interface BanControlParts {
  readonly bans: Bans
  readonly gate: Pick<ClientGate, 'ban' | 'unban'>
  readonly sessions: Pick<OpenSessions, 'find'>
  readonly now: () => number
}

/** What an operator does about clients that are not to be served for a while. */
export class RelayBans implements BanControl {
  readonly #parts: BanControlParts

  constructor(parts: BanControlParts) {
    this.#parts = parts
  }

  async list(): Promise<Iterable<BanView>> {
    return views(await sortInSlices(this.#parts.bans.all, (a, b) => a.until - b.until))
  }

  async ban({ whom, seconds, reason, by }: BanAsked): Promise<Result<BannedView, BanRefusal>> {
    const range = typeof whom === 'string' ? this.#clientOf(whom) : whom
    if (!range) return failed('no-session')
    const since = this.#parts.now()
    const ban: Ban = { range, since, until: since + seconds * 1000, by, reason }
    const ended = await this.#parts.gate.ban(ban)
    return ended === undefined ? failed('too-many') : succeeded({ ban: viewOf(ban), ended })
  }

  unban(range: Range): boolean {
    return this.#parts.gate.unban(range)
  }

  touching(range: Range): Promise<readonly Range[]> {
    return this.#parts.bans.touching(range)
  }

  /** The IPv4 address that the client of a session has, or its IPv6 /64, in which it may choose freely. */
  #clientOf(session: string): Range | undefined {
    const ip = this.#parts.sessions.find(session)?.opened.client.ip
    if (!ip) return undefined
    const net = Uint8Array.from(ip)
    if (ip.length === 16) net.fill(0, 8)
    const range = parseRange(ip.length === 4 ? formatIp(ip) : `${formatIp(net)}/64`)
    return range.ok ? range.value : undefined
  }
}

function* views(bans: readonly Ban[]): Generator<BanView> {
  for (const ban of bans) yield viewOf(ban)
}

function viewOf({ range, since, until, by, reason }: Ban): BanView {
  return { network: formatRange(range), since, until, by, ...(reason !== undefined && { reason }) }
}
