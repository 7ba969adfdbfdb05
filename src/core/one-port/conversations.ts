import { asPeer, type PeerAddress } from '../../base/address.ts'
import { after, type Time } from '../../base/time.ts'
import { type IceMessage, readIce, reversedUsername } from '../../wire/ice.ts'
import type { Book } from '../book.ts'
import { isAdmitted } from '../peers/admitted.ts'
import type { Agent, Contact, Member } from './member.ts'
import { PROVED } from './proved.ts'
import { MEMBERS, type SharedPort, type Sharer, unlink } from './shared-port.ts'

/** Checks of one peer that may wait for their answers. */
const CHECKS = 16
/** Seconds that an answer and the last of what it allows may be under way together. */
const ON_THE_WAY = 3

/** Whom a datagram to a shared port is for, and whose it is, as that one knows them. */
export interface Delivery {
  readonly member: Member
  readonly peer: PeerAddress
}

/**
 * Takes note of what a member sends to a peer on the network. False where it must not leave, as the peer is another
 * agent's: it would answer, and nobody could tell whom.
 */
export function speakTo({ port, member }: Sharer, peer: PeerAddress, payload: Buffer, now: Time): boolean {
  const ice = readIce(payload)
  expectReverse(port, member, ice)
  const contact = contactFor({ port, member }, peer, ice, now)
  if (!contact) return false
  if (!ice) choose(contact, member)
  else if (isAsking(ice)) port.ask(keyOf(peer, ice), member)
  else if (ice.kind === 'success') noteAnswer(contact, ice, now)
  return true
}

/** Whether a peer on the network has answered another agent lately, and so is no one else's. */
export function isTaken({ port, member }: Sharer, peer: PeerAddress, now: Time): boolean {
  const contact = port.contacts.get(peer.key)
  if (!contact?.isProved) return false
  if (contact.members.includes(member) || port.isFree(contact, member, now)) return false
  return !contact.members.some(one => one.isSameAgent(member))
}

/**
 * Finds whom a datagram from the network is for; undefined where that is not known for certain. `names` are the
 * addresses by which members may know the sender, the usual one first.
 */
export function recipientOf(
  book: Book,
  port: SharedPort,
  names: readonly PeerAddress[],
  payload: Buffer,
  now: Time,
): Delivery | undefined {
  const known = names.filter(name => port.contacts.has(name.key))
  // Two who know one program by two addresses cannot be told apart.
  if (known.length > 1) return undefined
  const peer = known[0] ?? names[0]!
  const contact = port.contacts.get(peer.key)
  const ice = readIce(payload)
  const member = recipientIn(book, port, { peer, contact, ice }, now)
  return member && { member, peer }
}

/** Whom an ICMP error for a datagram to this peer is for. */
export function senderTo(port: SharedPort, peer: PeerAddress): Member | undefined {
  const contact = port.contacts.get(peer.key)
  return contact?.members.length === 1 || contact?.isChosen ? contact.current : undefined
}

/**
 * Finds whom a member's datagram to a shared port of this relay is for; undefined where that is not known for certain.
 * All have the same address there, so only what the two have said to each other tells.
 */
export function partnerOf(
  book: Book,
  { port, member: from }: Sharer,
  to: SharedPort,
  payload: Buffer,
  now: Time,
): Member | undefined {
  const ice = readIce(payload)
  expectReverse(port, from, ice)
  const link = from.links.get(to.address.key)
  if (ice && !isAsking(ice)) return answer(from, to, ice, now)
  if (ice?.kind === 'check') {
    const peer = asPeer(from.leg.relay.address)
    const found = to
      .expecting(ice.username)
      .filter(
        one => one !== from && isAdmitted(book, one.allocation, peer, now) && mayExchange(from, one, now),
      )
    const partner = chosenOf(found, link)
    if (partner) port.ask(keyBetween(partner, ice), from)
    return partner
  }
  if (!link) return undefined
  const partner = link.current
  if (!partner) return undefined
  const back = partner.links.get(from.at)
  if (!back?.members.includes(from)) return undefined
  if (ice) port.ask(keyBetween(partner, ice), from)
  else choose(back, from)
  link.until = after(now, PROVED)
  back.until = link.until
  return partner
}

/** The contact by which a member may send to a peer: its own, its agent's, or a new one. */
function contactFor(
  { port, member }: Sharer,
  peer: PeerAddress,
  ice: IceMessage | undefined,
  now: Time,
): Contact | undefined {
  const contact = port.contacts.get(peer.key)
  if (!contact) return port.contact(member, peer, now)
  if (contact.members.includes(member)) return contact
  if (ice?.kind === 'check' && contact.members.some(one => one.isSameAgent(member))) {
    if (contact.members.length >= MEMBERS) return undefined
    contact.members = [...contact.members, member]
    member.contacts.set(peer.key, contact)
    return contact
  }
  if (port.isFree(contact, member, now)) return port.contact(member, peer, now)
  port.wait(contact, member)
  return undefined
}

/** What is known of a datagram from the network. */
interface Arrived {
  readonly peer: PeerAddress
  readonly contact: Contact | undefined
  readonly ice: IceMessage | undefined
}

function recipientIn(
  book: Book,
  port: SharedPort,
  { peer, contact, ice }: Arrived,
  now: Time,
): Member | undefined {
  if (ice && !isAsking(ice)) {
    const key = keyOf(peer, ice)
    const asker = port.asker(key)
    if (!asker || !contact?.members.includes(asker)) return undefined
    port.answered(key, asker)
    if (ice.kind === 'success') prove(contact, asker, now)
    return asker
  }
  if (ice?.kind === 'check') {
    const holder = contact && contact.until > now ? contact : undefined
    const theirs = holder?.members.filter(({ usernames }) => usernames.includes(ice.username)) ?? []
    const found = (theirs.length > 0 ? theirs : port.expecting(ice.username)).filter(
      one =>
        isAdmitted(book, one.allocation, peer, now) &&
        (!contact || contact.members.includes(one) || port.isFree(contact, one, now)),
    )
    const chosen = chosenOf(found, holder)
    return chosen && noteCheck({ port, member: chosen }, { peer, contact, ice }, now)
  }
  if (!contact) return undefined
  // As long as the peer sends, it has not noticed that its client has gone.
  if (contact.isProved) contact.until = after(now, PROVED)
  const { current, isProved } = contact
  if (!current || now < contact.quietUntil) return undefined
  return isProved || port.interests.isAlone(current.allocation.id, peer.ip, now) ? current : undefined
}

/** Gives a peer to the member that is about to get its check, as it is the one to answer. */
function noteCheck(
  { port, member }: Sharer,
  { peer, contact, ice }: Arrived & { readonly ice: IceMessage },
  now: Time,
): Member | undefined {
  const own = contact?.members.includes(member) ? contact : port.contact(member, peer, now)
  if (!own) return undefined
  if (own.isProved) own.until = after(now, PROVED)
  if (!own.checks.includes(ice.transaction)) own.checks.push(ice.transaction)
  if (own.checks.length > CHECKS) own.checks.shift()
  return member
}

/**
 * Takes note that a member accepts its peer's check. That proves nothing, as somebody without the password can say the
 * same; but the peer may believe it, and what it then sends is for nobody who has the peer after this one.
 */
function noteAnswer(contact: Contact, { transaction }: IceMessage, now: Time): void {
  const at = contact.checks.indexOf(transaction)
  if (at < 0) return
  contact.checks.splice(at, 1)
  contact.answeredUntil = after(now, PROVED + ON_THE_WAY)
}

/** Of those that a check may be for: the one that data goes to, or the one whose turn it is. */
function chosenOf(found: readonly Member[], agent: Agent | undefined): Member | undefined {
  if (agent?.current && found.includes(agent.current)) return agent.current
  const theirs = agent ? found.filter(one => agent.members.includes(one)) : []
  if (theirs.length > 0) return theirs.at(-1)
  return found[0]
}

/**
 * Finds who has asked what a member answers. By a success the member lets the one who has asked send it data, and by
 * that alone: somebody who sees the signalling can answer others, who then know better than to believe it.
 */
function answer(from: Member, to: SharedPort, ice: IceMessage, now: Time): Member | undefined {
  const key = keyBetween(from, ice)
  const asker = to.asker(key)
  if (!asker || !mayExchange(from, asker, now)) return undefined
  to.answered(key, asker)
  if (ice.kind === 'success') link(from, asker, now)
  return asker
}

/** Whether neither of two is in a conversation with somebody else at the other's address. */
function mayExchange(a: Member, b: Member, now: Time): boolean {
  return isOpenTo(a, b, now) && isOpenTo(b, a, now)
}

function isOpenTo(member: Member, other: Member, now: Time): boolean {
  const agent = member.links.get(other.at)
  if (!agent || agent.until <= now || agent.members.includes(other)) return true
  if (agent.members.every(({ hasLeft }) => hasLeft)) return true
  return agent.members.length < MEMBERS && agent.members.some(one => one.isSameAgent(other))
}

function link(member: Member, other: Member, now: Time): void {
  const { at } = other
  const until = after(now, PROVED)
  const agent = member.links.get(at)
  if (agent?.members.includes(other) || agent?.members.some(one => one.isSameAgent(other))) {
    const present = agent.members.filter(one => !one.hasLeft && one !== other)
    agent.members = [...present, other]
    agent.until = until
    if (!agent.isChosen) agent.current = other
    return
  }
  for (const one of agent?.members ?? []) unlink(one, member)
  member.links.set(at, { members: [other], current: other, isChosen: false, until })
}

function prove(contact: Contact, member: Member, now: Time): void {
  contact.isProved = true
  contact.until = after(now, PROVED)
  if (!contact.isChosen) contact.current = member
}

/** The client sends its data by this one of its allocations, so it gets there what comes. */
function choose(agent: Agent, member: Member): void {
  agent.current = member
  agent.isChosen = true
}

function expectReverse(port: SharedPort, member: Member, ice: IceMessage | undefined): void {
  const reverse = ice?.kind === 'check' ? reversedUsername(ice.username) : undefined
  if (reverse !== undefined) port.expect(reverse, member)
}

function isAsking({ kind }: IceMessage): boolean {
  return kind === 'check' || kind === 'request'
}

function keyOf({ key }: PeerAddress, { transaction }: IceMessage): string {
  return `n${key} ${transaction}`
}

/** The key of a request to another allocation of this relay. */
function keyBetween({ allocation }: Member, { transaction }: IceMessage): string {
  return `a${allocation.id} ${transaction}`
}
