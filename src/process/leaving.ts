import { descriptorsOf } from '../handover/given.ts'
import type { Giver } from '../handover/giver.ts'
import { forget, type Left, leaveBehind } from '../handover/left.ts'
import type { Log } from '../log/log.ts'
import type { GivenRelay } from '../relay/hand-over/hand-over.ts'
import type { Shards } from '../relay/shards.ts'
import { loadAddon } from '../system/native-addon.ts'
import type { Systemd } from './systemd.ts'

export interface LeavingParts {
  readonly giver: Giver
  readonly systemd: Pick<Systemd, 'keep' | 'drop'>
  readonly version: string
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly shards: Pick<Shards, 'allocations'>
}

/**
 * Has the service manager keep the calls until the next process of the service
 * starts: a stop is a restart as often as not, and if it is not, the manager
 * lets go of them. For a relay that stops; where they cannot be kept, they are here as before. Says whether they are.
 */
export async function leaveToManager(parts: LeavingParts): Promise<boolean> {
  const { giver, shards, log } = parts
  const allocations = shards.allocations()
  const since = process.hrtime.bigint()
  try {
    const given = await giver.give()
    try {
      await keep(parts, given, since)
    } catch (error) {
      await giver.takeBack(given)
      throw error
    }
    const stays = await giver.leave()
    for (const fd of descriptorsOf(given)) loadAddonOrThrow().release(fd)
    log.info('the service manager keeps the calls for the next process', {
      allocations: allocations - stays,
      stays,
    })
    return true
  } catch (error) {
    log.warn('calls cannot be kept for the next process', { why: (error as Error).message })
    return false
  }
}

async function keep({ systemd, version }: LeavingParts, given: GivenRelay, since: bigint): Promise<void> {
  const addon = loadAddonOrThrow()
  const left = leaveBehind(addon, version, given, since)
  if (!left.ok) throw new Error(left.error)
  const { state, out, in: into } = left.value
  const descriptors: Record<keyof Left, number> = { state, out, in: into }
  const kept = await systemd.keep(descriptors)
  forget(addon, left.value)
  if (kept.ok) return
  systemd.drop(Object.keys(descriptors))
  throw new Error(`the service manager: ${kept.error}`)
}

function loadAddonOrThrow() {
  const addon = loadAddon()
  if (!addon.ok) throw new Error(addon.error)
  return addon.value
}
