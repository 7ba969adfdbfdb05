import { blockedIn } from '../auth/blocked.ts'
import { address, formatAddress } from '../base/address.ts'
import { stackOf } from '../base/stack.ts'
import type { Settings } from '../config/settings.ts'
import type { Owner } from '../core/event.ts'
import { offeredUris } from '../homeserver/synapse-lines.ts'
import { listenOn } from '../http/server.ts'
import type { UsageLink } from '../issue/by-openid.ts'
import { dnsNames } from '../issue/dns-names.ts'
import { Issuing, type Policy } from '../issue/issuing.ts'
import type { IssueNote } from '../issue/note.ts'
import type { Log } from '../log/log.ts'
import type { Privacy } from '../log/privacy.ts'
import type { Tally } from '../metrics/tally.ts'
import { compilePeers } from '../policy/peer-policy.ts'
import { cannotIssue } from '../relay/start-error.ts'
import { monotonicClock, wallTime } from '../system/clock.ts'

/** The listener that hands out credentials, where the settings want one. */
export class CredentialIssuing {
  readonly #log: Log
  readonly #privacy: Privacy
  readonly #tally: Tally
  readonly #at: Settings['issue']
  readonly #issuing: Issuing | undefined

  constructor(settings: Settings, { log, privacy, tally, usageLink }: IssuingParts) {
    this.#log = log
    this.#privacy = privacy
    this.#tally = tally
    this.#at = settings.issue
    const policy = policyOf(settings)
    if (!policy) return
    this.#issuing = new Issuing(policy, {
      names: dnsNames,
      now: () => monotonicClock.now(),
      wall: wallTime,
      usageLink: usageLink && ((tenant, user) => usageLink({ tenant, user })),
      note: note => this.#write(note),
      fault: error => {
        const text = stackOf(error)
        log.limited('issue-fault', 'error', 'a fault of the program while issuing; please report it', () => ({
          error: text,
        }))
      },
    })
  }

  /** Binds the listener if `when` holds of its address, or throws a `StartError`. */
  async listen(when: (at: string) => boolean = () => true): Promise<void> {
    const server = this.#issuing?.server
    if (!server || !this.#at || !when(formatAddress(this.#at.listen))) return
    const at = this.#at.listen
    try {
      await listenOn(server, at)
    } catch (error) {
      throw cannotIssue(formatAddress(at), at.port, error as NodeJS.ErrnoException)
    }
    this.#log.info('handing out credentials', { at: `http://${formatAddress(at)}` })
  }

  configure(settings: Settings): void {
    const policy = policyOf(settings)
    if (policy) this.#issuing?.configure(policy)
  }

  close(): void {
    this.#issuing?.close()
  }

  #write({ way, outcome, homeserver, user, backend, why }: IssueNote): void {
    this.#tally.countRequest(way, outcome, homeserver)
    const level = outcome === 'failed' ? 'warn' : outcome === 'issued' ? 'debug' : 'info'
    const what = way === 'usage-link' ? 'usage link' : 'credential'
    this.#log.limited(`issue-${way}-${outcome}`, level, `${what} ${outcome}`, () => ({
      way,
      homeserver,
      backend,
      user: user === undefined ? undefined : this.#privacy.user(user),
      why,
    }))
  }
}

export interface IssuingParts {
  readonly log: Log
  readonly privacy: Privacy
  readonly tally: Tally
  /** Makes a link to the page about somebody's own use; absent where there are none. */
  readonly usageLink: ((owner: Owner) => UsageLink | undefined) | undefined
}

function policyOf(settings: Settings): Policy | undefined {
  const { issue, homeservers, blocked = [] } = settings
  if (!issue) return undefined
  // What relayed traffic may not reach, our requests may not reach either. Our own public addresses they may: a
  // homeserver often runs on the same machine.
  const reach = compilePeers({
    deny: [],
    allow: issue.reachable,
    only: [],
    recommended: true,
    isOwn: () => false,
    relays: [],
    endpoints: [],
  })
  return {
    issue,
    homeservers,
    ownUris: ownUris(settings),
    isBlocked: blockedIn(blocked),
    mayConnect: ip => reach(address(ip, 0)) === 'yes',
  }
}

const ORDER = ['udp', 'tcp', 'tls'] as const

/** UDP first, TLS last: clients take the first that works, and the first are the fastest. */
function ownUris({ realm, listen, tls }: Settings): string[] {
  const sorted = listen.toSorted((a, b) => ORDER.indexOf(a.transport) - ORDER.indexOf(b.transport))
  return offeredUris(realm, { listen: sorted, ...(tls && { tls }) })
}
