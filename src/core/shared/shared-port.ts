import { ipKey, type PeerAddress, type RelayedAddress } from '../../base/address.ts'
import type { SocketId } from '../../base/ids.ts'
import { after, type Seconds, type Time } from '../../base/time.ts'
import type { Leg, OpenAllocation } from '../allocation.ts'
import { Interests } from './interests.ts'
import { type Claim, Member, removeMember } from './member.ts'
import { PROVED } from './proved.ts'

/** Seconds that somebody has for a peer that has not answered, before others may try. */
const UNPROVED = 3 as Seconds
/** Peers of one member. */
const CLAIMS = 128
/** Members of one agent. */
export const MEMBERS = 8
/** Peers whose clients have gone, and which may not know that yet. */
const LEFT = 16_384

/** One relayed address that many allocations have, and what tells apart whom a datagram to it is for. */
export class SharedPort {
  readonly socket: SocketId
  readonly address: RelayedAddress
  readonly members = new Set<Member>()
  readonly interests = new Interests()
  /** By peer. */
  readonly claims = new Map<number | string, Claim>()
  /** Peers of `claims` that nobody has any more, oldest first. */
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
    const { members, claims, interests } = this
    return members.size + claims.size + interests.size + this.#expected.size + this.#asked.size
  }

  join(allocation: OpenAllocation, leg: Leg): Member {
    const member = new Member(allocation, leg, this)
    this.members.add(member)
    return member
  }

  /** Takes a member out. Its peers may send for a while, and nobody else shall get that. */
  leave(member: Member, now: Time): void {
    this.members.delete(member)
    member.forgetAll()
    for (const [peer, claim] of member.claims) {
      if (removeMember(claim, member)) continue
      if (claim.isProved || claim.hasAnswered) this.#keepLeft(peer, claim, member, now)
      else this.claims.delete(peer)
    }
    member.claims.clear()
    for (const link of member.links.values()) {
      for (const other of link.members) unlink(other, member)
    }
    member.links.clear()
  }

  /** Gives a peer to somebody, for as long as it takes to hear from it; undefined where that one has too many. */
  claim(member: Member, peer: PeerAddress, now: Time): Claim | undefined {
    if (member.claims.size >= CLAIMS && !giveOneUp(member, now)) return undefined
    const until = after(now, UNPROVED)
    const claim: Claim = {
      members: [member],
      current: member,
      isChosen: false,
      until,
      isProved: false,
      checks: [],
      hasAnswered: false,
      left: undefined,
    }
    this.#drop(peer.key)
    this.claims.set(peer.key, claim)
    member.claims.set(peer.key, claim)
    return claim
  }

  /** Whether nobody else has a peer now. */
  isFree(claim: Claim, member: Member, now: Time): boolean {
    if (claim.until <= now) return true
    const { left } = claim
    if (!left) return false
    return left.user === member.user && left.ip === ipKey(member.allocation.client.address.ip)
  }

  expect(username: string, member: Member): void {
    const expecting = this.#expected.get(username)
    if (expecting) expecting.add(member)
    else this.#expected.set(username, new Set([member]))
  }

  expectNoMore(username: string, member: Member): void {
    const expecting = this.#expected.get(username)
    if (expecting?.delete(member) && expecting.size === 0) this.#expected.delete(username)
  }

  /** Those that have sent checks with the reverse of this USERNAME. */
  expecting(username: string): Iterable<Member> {
    return this.#expected.get(username) ?? []
  }

  /** False where it is known, or somebody else has asked the same. */
  ask(key: string, member: Member): boolean {
    if (this.#asked.has(key)) return false
    this.#asked.set(key, member)
    return true
  }

  askNoMore(key: string, member: Member): void {
    if (this.#asked.get(key) === member) this.#asked.delete(key)
  }

  /** Who has sent the request that this answers. */
  asker(key: string): Member | undefined {
    return this.#asked.get(key)
  }

  /** Drops what is over. */
  forget(now: Time): void {
    this.interests.forget(now)
    for (const peer of this.#left) if (this.claims.get(peer)!.until <= now) this.#drop(peer)
  }

  #keepLeft(peer: number | string, claim: Claim, { user, allocation }: Member, now: Time): void {
    claim.until = after(now, PROVED)
    claim.left = { user, ip: ipKey(allocation.client.address.ip) }
    this.#left.add(peer)
    const [oldest] = this.#left
    if (this.#left.size > LEFT) this.#drop(oldest!)
  }

  #drop(peer: number | string): void {
    const claim = this.claims.get(peer)
    for (const member of claim?.members ?? []) member.claims.delete(peer)
    this.claims.delete(peer)
    this.#left.delete(peer)
  }
}

/** Gives up the oldest peer that has not answered, or not lately. */
function giveOneUp(member: Member, now: Time): boolean {
  for (const [peer, claim] of member.claims) {
    if ((claim.isProved || claim.hasAnswered) && claim.until > now) continue
    member.claims.delete(peer)
    if (!removeMember(claim, member)) member.port.claims.delete(peer)
    return true
  }
  return false
}

/** Forgets that a member exchanges data with another. */
export function unlink(member: Member, other: Member): void {
  const link = member.links.get(other.port.address.key)
  if (link?.members.includes(other) && !removeMember(link, other)) member.links.delete(other.port.address.key)
}
