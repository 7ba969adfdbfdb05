import { ipKey, type PeerAddress, type RelayedAddress } from '../../base/address.ts'
import type { AllocationId, SocketId } from '../../base/ids.ts'
import { after, type Seconds, type Time } from '../../base/time.ts'
import type { Leg, OpenAllocation } from '../allocation.ts'
import { Interests } from './interests.ts'
import { type Contact, type LeftClient, Member, newContact, removeMember } from './member.ts'
import { PROVED } from './proved.ts'

/** Seconds that somebody has for a peer that has not answered, before others may try. */
const UNPROVED = 3 as Seconds
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
    for (const username of member.usernames) this.#expectNoMore(username, member)
    for (const key of member.asked) this.answered(key, member)
    for (const [peer, contact] of member.contacts) {
      if (removeMember(contact, member)) continue
      this.contacts.delete(peer)
      if (!contact.isProved && !contact.hasAnswered) continue
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
    const contact = newContact(member, after(now, UNPROVED))
    this.#drop(peer.key)
    this.contacts.set(peer.key, contact)
    member.contacts.set(peer.key, contact)
    return contact
  }

  /** Whether nobody else has a peer now. */
  isFree(contact: Contact, member: Member, now: Time): boolean {
    if (contact.until <= now) return true
    const { left } = contact
    if (!left) return false
    return left.user === member.user && ipKey(left.ip) === ipKey(member.allocation.client.address.ip)
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

  /** Those that have sent checks with the reverse of this USERNAME. */
  expecting(username: string): Iterable<Member> {
    return this.#expected.get(username) ?? []
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
    this.contacts.set(peer, { ...newContact(undefined, until), isProved: true, left })
    this.#left.add(peer)
    const [oldest] = this.#left
    if (this.#left.size > LEFT) this.#drop(oldest!)
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
    for (const peer of this.#left) if (this.contacts.get(peer)!.until <= now) this.#drop(peer)
  }

  #expectNoMore(username: string, member: Member): void {
    const expecting = this.#expected.get(username)
    if (expecting?.delete(member) && expecting.size === 0) this.#expected.delete(username)
  }

  /** Gives up the oldest peer that has not answered, or not lately. */
  #giveOneUp(member: Member, now: Time): boolean {
    for (const [peer, contact] of member.contacts) {
      if ((contact.isProved || contact.hasAnswered) && contact.until > now) continue
      member.contacts.delete(peer)
      if (!removeMember(contact, member)) this.contacts.delete(peer)
      return true
    }
    return false
  }

  #drop(peer: number | string): void {
    const contact = this.contacts.get(peer)
    for (const member of contact?.members ?? []) member.contacts.delete(peer)
    this.contacts.delete(peer)
    this.#left.delete(peer)
  }
}

/** Forgets that a member exchanges data with another. */
export function unlink(member: Member, other: Member): void {
  const link = member.links.get(other.at)
  if (link?.members.includes(other) && !removeMember(link, other)) member.links.delete(other.at)
}
