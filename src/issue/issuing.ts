import type { Server } from 'node:http'
import { failed, type Result } from '../base/result.ts'
import type { Time } from '../base/time.ts'
import type { Homeserver, Issue } from '../config/settings.ts'
import { HttpRoutes } from '../http/routes.ts'
import { closeServer } from '../http/server.ts'
import { byOpenId, type UsageLink, usageLinkByOpenId } from './by-openid.ts'
import type { NameResolver } from './discovery.ts'
import { createIssueHttp, type IssueRoute } from './http.ts'
import { type Issued, issue, type NothingWhy } from './issuer.ts'
import type { IssueNote } from './note.ts'
import { OpenId } from './openid.ts'
import { RateLimit } from './rate-limit.ts'
import type { Weighted } from './relay-choice.ts'
import { standIn, TURN_SERVER_PATHS } from './stand-in.ts'
import { backendOf, turnRest } from './turn-rest.ts'
import { Whoami } from './whoami.ts'

/** What can change while it runs. */
export interface Policy {
  readonly issue: Issue
  readonly homeservers: readonly Homeserver[]
  /** URIs of this relay, for where no others are configured. */
  readonly ownUris: readonly string[]
  /** True for a user who is not served: a credential would open nothing. The time is that of the wall clock. */
  readonly isBlocked: (homeserver: string, user: string, now: Time) => boolean
  /** False for addresses that no request about an OpenID token may go to. */
  readonly mayConnect: (ip: Uint8Array) => boolean
}

export interface IssuingPorts {
  readonly names: NameResolver
  /** By a monotonic clock: for limits and what is remembered. */
  readonly now: () => Time
  /** By the wall clock: for the dates inside credentials. */
  readonly wall: () => Time
  /** Makes a link to the page about a user's own use; absent where there are none. */
  readonly usageLink?: ((homeserver: string, user: string) => UsageLink | undefined) | undefined
  note(note: IssueNote): void
  fault(error: unknown): void
}

/** Hands out credentials in three ways, each open only while some homeserver wants it. */
export class Issuing {
  readonly server: Server
  readonly #ports: IssuingPorts
  readonly #whoami: Whoami
  readonly #openId: OpenId
  readonly #limit: RateLimit
  #policy: Policy
  #routes: HttpRoutes<IssueRoute>

  constructor(policy: Policy, ports: IssuingPorts) {
    this.#policy = policy
    this.#ports = ports
    this.#whoami = new Whoami(ports.now)
    this.#openId = new OpenId({
      names: ports.names,
      mayConnect: ip => this.#policy.mayConnect(ip),
      now: ports.now,
    })
    this.#limit = new RateLimit(policy.issue.requestsPerMinute)
    this.#routes = this.#routesOf(policy)
    this.server = createIssueHttp({
      routes: () => this.#routes,
      trustedProxies: () => this.#policy.issue.trustedProxies,
      origins: () => this.#policy.issue.origins,
      limit: this.#limit,
      now: ports.now,
      note: ports.note,
      fault: ports.fault,
    })
  }

  configure(policy: Policy): void {
    this.#policy = policy
    this.#routes = this.#routesOf(policy)
    this.#limit.configure(policy.issue.requestsPerMinute)
  }

  close(): void {
    closeServer(this.server)
    this.#whoami.close()
  }

  #routesOf({ homeservers }: Policy): HttpRoutes<IssueRoute> {
    const ports = {
      homeservers,
      issue: (homeserver: Homeserver, user: string) => this.#issue(homeserver, user),
      note: this.#ports.note,
      whoami: (url: string, token: string) => this.#whoami.ask(url, token),
      verify: this.#openId.verify.bind(this.#openId),
      usageLink: (homeserver: string, user: string) => this.#ports.usageLink?.(homeserver, user),
    }
    const rest: IssueRoute = {
      way: 'rest',
      method: 'GET',
      path: '/turn',
      crossOrigin: false,
      isTrusted: question => backendOf(question, homeservers) !== undefined,
      answer: question => turnRest(question, ports),
    }
    const inPlace = TURN_SERVER_PATHS.map(
      (path): IssueRoute => ({
        way: 'stand-in',
        method: 'GET',
        path,
        crossOrigin: true,
        answer: question => standIn(question, ports),
      }),
    )
    const openId: IssueRoute = {
      way: 'openid',
      method: 'POST',
      path: '/credentials',
      crossOrigin: true,
      answer: question => byOpenId(question, ports),
    }
    const usageLink: IssueRoute = {
      way: 'usage-link',
      method: 'POST',
      path: '/usage-link',
      crossOrigin: true,
      answer: question => usageLinkByOpenId(question, ports),
    }
    return new HttpRoutes([
      ...(homeservers.some(({ backends }) => backends.length > 0) ? [rest] : []),
      ...(homeservers.some(homeserver => homeserver.standIn) ? inPlace : []),
      ...(homeservers.some(({ openid }) => openid.length > 0) ? [openId, usageLink] : []),
    ])
  }

  #issue(homeserver: Homeserver, user: string): Result<Issued, NothingWhy> {
    const { issue: how, ownUris, isBlocked } = this.#policy
    const now = this.#ports.wall()
    if (isBlocked(homeserver.name, user, now)) return failed('the user is blocked')
    const own: Weighted = { uris: ownUris, weight: 1 }
    const options = {
      lifetime: how.lifetime,
      relays: how.relays.length > 0 ? how.relays : [own],
      relaysPerUser: how.relaysPerUser,
    }
    return issue(homeserver, user, options, now)
  }
}
