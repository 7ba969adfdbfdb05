import { ipKey, type PeerAddress, type RelayedAddress } from '../../base/address.ts'
import type { AllocationId, SocketId } from '../../base/ids.ts'
import { after, type Seconds, type Time } from '../../base/time.ts'
import type { Leg, OpenAllocation } from '../allocation.ts'
import { Interests } from './interests.ts'
import { type Contact, type LeftClient, Member, newContact, removeMember } from './member.ts'
import { PROVED } from './proved.ts'

/** Seconds that somebody has for a peer that has not answered, before others may try. */
const UNPROVED = 3 as Seconds
/** Seconds that each of those who wait for a peer has to take it, once it is free. */
const TURN = 2
/** Users who may wait for one peer. */
const WAITING = 16
/** Members that are looked at for one check; the next one begins with another. */
const LOOKED_AT = 8
/** USERNAMEs that are known of one member: one for each ICE session, of which a restart begins another. */
const USERNAMES = 8
/** Requests of one member that may wait for their answers. */
const ASKED = 64
/** Peers of one member. */
const CONTACTS = 128
/** Members of one agent. */
export const MEMBERS = 8
/** Peers whose clients have gone, and which may not know that yet. */
const LEFT = 16_384

/** Who sends from a shared port. */
export interface Sharer {
  readonly port: SharedPort
  readonly member: Member
}

/** One relayed address that many allocations have, and what tells apart whom a datagram to it is for. */
export class SharedPort {
  readonly socket: SocketId
  readonly address: RelayedAddress
  /** By allocation. */
  readonly members = new Map<AllocationId, Member>()
  readonly interests = new Interests()
  /** By peer. */
  readonly contacts = new Map<number | string, Contact>()
  /** Peers of `contacts` that nobody has any more, oldest first. */
  readonly #left = new Set<number | string>()
  /** By the USERNAME of checks. */
  readonly #expected = new Map<string, Set<Member>>()
  /** Requests that wait for an answer, by whom they went to and transaction id. */
  readonly #asked = new Map<string, Member>()

  constructor(socket: SocketId, address: RelayedAddress) {
    this.socket = socket
    this.address = address
  }

  /** How many things are held. */
  get size(): number {
    const { members, contacts, interests } = this
    return members.size + contacts.size + interests.size + this.#expected.size + this.#asked.size
  }

  join(allocation: OpenAllocation, leg: Leg): void {
    this.members.set(allocation.id, new Member(allocation, leg))
  }

  /** Takes a member out. Its peers may send for a while, and nobody else shall get that. */
  leave({ id }: OpenAllocation, now: Time): void {
    const member = this.members.get(id)
    if (!member) return
    this.members.delete(id)
    member.hasLeft = true
    for (const username of member.usernames) this.#expectNoMore(username, member)
    for (const key of member.asked) this.answered(key, member)
    for (const [peer, contact] of member.contacts) {
      if (removeMember(contact, member)) continue
      if (!contact.isProved) {
        this.#giveUp(peer, contact, now)
        continue
      }
      const left = { user: member.user, ip: member.allocation.client.address.ip }
      this.keepLeft(peer, left, after(now, PROVED))
    }
    member.contacts.clear()
    for (const link of member.links.values()) {
      for (const other of link.members) unlink(other, member)
    }
    member.links.clear()
  }

  /** Gives a peer to somebody, for as long as it takes to hear from it; undefined where that one has too many. */
  contact(member: Member, peer: PeerAddress, now: Time): Contact | undefined {
    if (member.contacts.size >= CONTACTS && !this.#giveOneUp(member, now)) return undefined
    const before = this.contacts.get(peer.key)
    const waiting = before?.waiting ?? []
    const contact = newContact(member, after(now, UNPROVED), before && quietAfter(before))
    // Those before it have let their turns pass; one who has not waited came after them all.
    if (waiting.includes(member.user)) contact.waiting = waiting.slice(waiting.indexOf(member.user) + 1)
    this.#drop(peer.key)
    this.contacts.set(peer.key, contact)
    member.contacts.set(peer.key, contact)
    return contact
  }

  /** Whether nobody else has a peer now, and it is nobody else's turn. */
  isFree(contact: Contact, member: Member, now: Time): boolean {
    if (contact.until <= now) {
      const at = contact.waiting.indexOf(member.user)
      return now >= endOfTurns(contact, at < 0 ? contact.waiting.length : at)
    }
    const { left } = contact
    if (!left) return false
    return left.user === member.user && ipKey(left.ip) === ipKey(member.allocation.client.address.ip)
  }

  /** Takes note that somebody has been kept from a peer: users have turns, whatever they send and how often. */
  wait(contact: Contact, { user }: Member): void {
    const { waiting } = contact
    if (waiting.length < WAITING && !waiting.includes(user)) contact.waiting = [...waiting, user]
  }

  /** Takes note that checks with this USERNAME are for a member, as it has itself sent one with the reverse. */
  expect(username: string, member: Member): void {
    const { usernames } = member
    if (usernames.includes(username)) return
    usernames.push(username)
    const expecting = this.#expected.get(username)
    if (expecting) expecting.add(member)
    else this.#expected.set(username, new Set([member]))
    if (usernames.length > USERNAMES) this.#expectNoMore(usernames.shift()!, member)
  }

  /**
   * Those that have sent checks with the reverse of this USERNAME. Where they are several, they are told in turns:
   * somebody who sees the signalling can send the same, and shall not keep out whose it is.
   */
  expecting(username: string): readonly Member[] {
    const expecting = this.#expected.get(username)
    if (!expecting) return []
    const some: Member[] = []
    for (const member of expecting) if (some.push(member) >= LOOKED_AT) break
    if (expecting.size > 1) {
      expecting.delete(some[0]!)
      expecting.add(some[0]!)
    }
    return some
  }

  /** Takes note of a member's request by whom it goes to and its transaction id; the first who asks has the answer. */
  ask(key: string, member: Member): void {
    if (this.#asked.has(key)) return
    this.#asked.set(key, member)
    member.asked.push(key)
    if (member.asked.length > ASKED) this.answered(member.asked.shift()!, member)
  }

  /** The request has its answer, of which there is but one, or waits no longer. */
  answered(key: string, member: Member): void {
    if (this.#asked.get(key) === member) this.#asked.delete(key)
  }

  /** Who has sent the request that this answers. */
  asker(key: string): Member | undefined {
    return this.#asked.get(key)
  }

  /** Keeps a peer from others whose client has gone, until a moment or as long as it sends. */
  keepLeft(peer: number | string, left: LeftClient, until: Time): void {
    const before = this.contacts.get(peer)
    const waiting = before?.waiting ?? []
    const quietUntil = before && quietAfter(before)
    this.contacts.set(peer, { ...newContact(undefined, until, quietUntil), isProved: true, waiting, left })
    this.#keep(peer)
  }

  /** Forgets whose everything is. */
  forgetAll(): void {
    this.contacts.clear()
    this.#left.clear()
    this.#expected.clear()
    this.#asked.clear()
    for (const { contacts, links, usernames, asked } of this.members.values()) {
      contacts.clear()
      links.clear()
      usernames.length = 0
      asked.length = 0
    }
  }

  /** Drops what is over. */
  forget(now: Time): void {
    this.interests.forget(now)
    for (const peer of this.#left) {
      const contact = this.contacts.get(peer)!
      const end = Math.max(endOfTurns(contact, contact.waiting.length), quietAfter(contact))
      if (end <= now) this.#drop(peer)
    }
  }

  #expectNoMore(username: string, member: Member): void {
    const expecting = this.#expected.get(username)
    if (expecting?.delete(member) && expecting.size === 0) this.#expected.delete(username)
  }

  /** Gives up the oldest peer that has not answered, or not lately. */
  #giveOneUp(member: Member, now: Time): boolean {
    for (const [peer, contact] of member.contacts) {
      if (contact.isProved && contact.until > now) continue
      member.contacts.delete(peer)
      if (!removeMember(contact, member)) this.#giveUp(peer, contact, now)
      return true
    }
    return false
  }

  /** Leaves a peer to those who wait for it, so that nobody takes it before them by going and coming again. */
  #giveUp(peer: number | string, contact: Contact, now: Time): void {
    if (contact.waiting.length === 0 && quietAfter(contact) <= now) {
      this.contacts.delete(peer)
      return
    }
    contact.isProved = false
    if (contact.until > now) contact.until = now
    this.#keep(peer)
  }

  #keep(peer: number | string): void {
    this.#left.add(peer)
    const [oldest] = this.#left
    if (this.#left.size > LEFT) this.#drop(oldest!)
  }

  #drop(peer: number | string): void {
    const contact = this.contacts.get(peer)
    for (const member of contact?.members ?? []) member.contacts.delete(peer)
    this.contacts.delete(peer)
    this.#left.delete(peer)
  }
}

/** When so many of those who wait for a peer have had their turns. */
function endOfTurns({ until }: Contact, turns: number): Time {
  return after(until, (turns * TURN) as Seconds)
}

/** Until when data of a peer may be for one who has it now, or had it before. */
function quietAfter({ answeredUntil, quietUntil }: Contact): Time {
  return Math.max(answeredUntil, quietUntil) as Time
}

/** Forgets that a member exchanges data with another. */
export function unlink(member: Member, other: Member): void {
  const link = member.links.get(other.at)
  if (link?.members.includes(other) && !removeMember(link, other)) member.links.delete(other.at)
}
