import { Resolver } from 'node:dns/promises'
import { parseIp } from '../base/address.ts'
import type { NameResolver } from './discovery.ts'

/** Milliseconds that a name server gets, and how often it is asked. */
const PATIENCE = { timeout: 1500, tries: 2 }

/** Looks names up in the DNS itself: the hosts file and the local network have no say about other people's servers. */
export const dnsNames: NameResolver = {
  async addresses(host) {
    const resolver = new Resolver(PATIENCE)
    const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    const texts = found.flatMap(one => (one.status === 'fulfilled' ? one.value : []))
    const faults = found.flatMap(one =>
      one.status === 'rejected' && !isNothing(one.reason) ? [one.reason] : [],
    )
    if (texts.length === 0 && faults.length > 0) throw faults[0]
    return texts.flatMap(text => parseIp(text) ?? [])
  },
  async services(name) {
    try {
      return await new Resolver(PATIENCE).resolveSrv(name)
    } catch (error) {
      if (isNothing(error)) return []
      throw error
    }
  },
}

function isNothing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOTFOUND' || code === 'ENODATA'
}
