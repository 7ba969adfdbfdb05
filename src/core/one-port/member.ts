import type { Time } from '../../base/time.ts'
import type { Leg, OpenAllocation } from '../allocation.ts'

/**
 * Members that are one ICE agent: the same user, whose checks name the same fragments. Browsers have an allocation for
 * each URL of the relay, and the peer sees one address behind all of them.
 */
export interface Agent {
  members: Member[]
  /** Who gets what is neither a check nor an answer; nobody where all have gone. */
  current: Member | undefined
  /** `current` is the one that has itself sent such data, so it is the client's choice. */
  isChosen: boolean
  /** Nobody else before this moment. */
  until: Time
}

/** A client that has gone. */
export interface LeftClient {
  readonly user: string
  readonly ip: Uint8Array
}

/** Whose peer an address is. */
export interface Contact extends Agent {
  /** The peer has answered a request of the agent with success. */
  isProved: boolean
  /** Checks of the peer that the agent has not answered, by transaction id, oldest first. */
  readonly checks: string[]
  /** The agent has answered one with success: until then the peer may send it data, though another has the peer. */
  answeredUntil: Time
  /** Until this moment the peer's data may be for somebody who had the peer before, and so is for nobody. */
  readonly quietUntil: Time
  /** Other users who have been kept from the peer, by key, in the order in which it is their turn. */
  waiting: readonly string[]
  /** Whose it was, where the last member has gone and the peer may not know that yet. */
  left: LeftClient | undefined
}

/** A relayed address of an allocation that others have too. */
export class Member {
  readonly allocation: OpenAllocation
  readonly leg: Leg
  /** By peer, oldest first. */
  readonly contacts = new Map<number | string, Contact>()
  /** Allocations here whose checks it has answered with success, by the relayed address that they share. */
  readonly links = new Map<number | string, Agent>()
  /** What checks to it are named, latest last. */
  readonly usernames: string[] = []
  /** Requests that wait for their answers, by the keys of `SharedPort.ask`, latest last. */
  readonly asked: string[] = []
  /** Its allocation has ended. */
  hasLeft = false

  constructor(allocation: OpenAllocation, leg: Leg) {
    this.allocation = allocation
    this.leg = leg
  }

  get user(): string {
    return this.allocation.user.key
  }

  /** The key of its relayed address, which all members have. */
  get at(): number | string {
    return this.leg.relay.address.key
  }

  isSameAgent(other: Member): boolean {
    if (this === other) return true
    return this.user === other.user && this.usernames.some(username => other.usernames.includes(username))
  }
}

/** A peer that nobody has heard of yet; without a member where it is one that has gone. */
export function newContact(member: Member | undefined, until: Time, quietUntil = 0 as Time): Contact {
  return {
    members: member ? [member] : [],
    current: member,
    isChosen: false,
    until,
    isProved: false,
    checks: [],
    answeredUntil: 0 as Time,
    quietUntil,
    waiting: [],
    left: undefined,
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
