import type { Time } from '../../base/time.ts'
import type { Leg, OpenAllocation } from '../allocation.ts'
import type { SharedPort } from './shared-port.ts'

/** USERNAMEs that are known of one member: one for each ICE session, of which a restart begins another. */
const USERNAMES = 8
/** Requests of one member that may wait for their answers. */
const ASKED = 64

/**
 * Members that are one ICE agent: the same user, whose checks name the same fragments. Browsers have an allocation for
 * each URL of the relay, and the peer sees one address behind all of them.
 */
export interface Agent {
  members: Member[]
  /** Who gets what is neither a check nor an answer. */
  current: Member
  /** `current` is the one that has itself sent such data, so it is the client's choice. */
  isChosen: boolean
  /** Nobody else before this moment. */
  until: Time
}

/** Whose peer an address is. */
export interface Claim extends Agent {
  /** The peer has answered a request of the agent with success. */
  isProved: boolean
  /** Checks of the peer that the agent has not answered, by transaction id, oldest first. */
  readonly checks: string[]
  /** The agent has answered one with success, so the peer may send it data. */
  hasAnswered: boolean
  /** Whose it was, where the last member has gone and the peer may not know that yet. */
  left: { readonly user: string; readonly ip: number | string } | undefined
}

/** A relayed address of an allocation that others have too. */
export class Member {
  readonly allocation: OpenAllocation
  readonly leg: Leg
  readonly port: SharedPort
  /** By peer, oldest first. */
  readonly claims = new Map<number | string, Claim>()
  /** Allocations here that it exchanges data with, by the relayed address that they share. */
  readonly links = new Map<number | string, Agent>()
  /** What checks to it are named, latest last. */
  readonly #usernames: string[] = []
  readonly #asked: string[] = []

  constructor(allocation: OpenAllocation, leg: Leg, port: SharedPort) {
    this.allocation = allocation
    this.leg = leg
    this.port = port
  }

  get user(): string {
    return this.allocation.user.key
  }

  /** Takes note that checks with this USERNAME are for this member, as it has itself sent one with the reverse. */
  expect(username: string): void {
    if (this.#usernames.includes(username)) return
    this.#usernames.push(username)
    this.port.expect(username, this)
    if (this.#usernames.length > USERNAMES) this.port.expectNoMore(this.#usernames.shift()!, this)
  }

  /** Takes note of a request, by whom it was sent to and its transaction id. */
  ask(key: string): void {
    if (!this.port.ask(key, this)) return
    this.#asked.push(key)
    if (this.#asked.length > ASKED) this.port.askNoMore(this.#asked.shift()!, this)
  }

  isSameAgent(other: Member): boolean {
    if (this === other) return true
    return this.user === other.user && this.#usernames.some(username => other.#usernames.includes(username))
  }

  /** Forgets what it has said of itself. */
  forgetAll(): void {
    for (const username of this.#usernames) this.port.expectNoMore(username, this)
    for (const key of this.#asked) this.port.askNoMore(key, this)
  }
}

/** Takes a member out of an agent; false where it was the last. */
export function removeMember(agent: Agent, member: Member): boolean {
  agent.members = agent.members.filter(one => one !== member)
  const last = agent.members.at(-1)
  if (!last) return false
  if (agent.current === member) {
    agent.current = last
    agent.isChosen = false
  }
  return true
}
