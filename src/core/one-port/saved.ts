import { keyOfText, keyText } from '../../base/address.ts'
import { after, type Time } from '../../base/time.ts'
import { PERMISSION_LIFETIME } from '../allocation.ts'
import type { Book } from '../book.ts'
import type { Leaves } from '../snapshot/record.ts'
import type { LeftContactRecord, MemberRecord } from '../snapshot/shared-parts.ts'
import { type Agent, type Member, newContact } from './member.ts'
import { PROVED } from './proved.ts'
import type { SharedPort } from './shared-port.ts'

/** Members of shared ports as records, and peers of those that stay behind as ones whose client has gone. */
export function* membersSaved(book: Book, leaves: Leaves): Generator<MemberRecord> {
  for (const { socket, members } of book.sharedPorts.values()) {
    for (const member of members.values()) {
      const { allocation, usernames, contacts, links } = member
      if (!leaves(allocation)) continue
      yield {
        allocation: allocation.id,
        socket,
        usernames,
        contacts: Array.from(contacts, ([peer, contact]) => ({
          peer: keyText(peer),
          until: contact.until,
          isProved: contact.isProved,
          ...standing(contact, member),
        })),
        links: Array.from(links, ([at, link]) =>
          link.members
            .filter(other => leaves(other.allocation))
            .map(other => ({
              at: keyText(at),
              other: other.allocation.id,
              until: link.until,
              ...standing(link, other),
            })),
        ).flat(),
      }
    }
  }
}

/** Peers whose clients have gone, or stay behind. */
export function* leftSaved(book: Book, leaves: Leaves, now: Time): Generator<LeftContactRecord> {
  for (const { socket, contacts } of book.sharedPorts.values()) {
    for (const [peer, { isProved, members, until, left }] of contacts) {
      const last = members.at(-1)
      if (!isProved) continue
      if (members.some(({ allocation }) => leaves(allocation))) continue
      const user = left?.user ?? last?.user ?? ''
      const ip = left?.ip ?? last!.allocation.client.address.ip
      yield { socket, peer: keyText(peer), user, ip, until: left ? until : after(now, PROVED) }
    }
  }
}

/** Gives a member what it had; all members are there. */
export function restoreMember(book: Book, saved: MemberRecord): void {
  const port = book.sharedPorts.get(saved.socket)
  const member = port?.members.get(saved.allocation)
  if (!port || !member) return
  for (const username of saved.usernames) port.expect(username, member)
  for (const { peer, until, isProved, isCurrent, isChosen } of saved.contacts) {
    const key = keyOfText(peer)
    const contact = port.contacts.get(key) ?? newContact(member, until)
    port.contacts.set(key, contact)
    member.contacts.set(key, contact)
    contact.isProved ||= isProved
    enter(contact, member, { isCurrent, isChosen })
  }
  for (const { at, other, until, isCurrent, isChosen } of saved.links) {
    const key = keyOfText(at)
    const partner = book.sharedByRelayed.get(key)?.members.get(other)
    if (!partner) continue
    const link: Agent = member.links.get(key) ?? {
      members: [],
      current: partner,
      isChosen: false,
      until,
    }
    member.links.set(key, link)
    enter(link, partner, { isCurrent, isChosen })
  }
}

/** Keeps a peer from others whose client has gone. */
export function restoreLeft(book: Book, { socket, peer, user, ip, until }: LeftContactRecord): void {
  book.sharedPorts.get(socket)?.keepLeft(keyOfText(peer), { user, ip }, until)
}

/** Who had a permission before is not known, so for as long as one lasts nobody counts as the only one. */
export function doubtInterests(ports: Iterable<SharedPort>, now: Time): void {
  for (const { interests } of ports) interests.doubt(after(now, PERMISSION_LIFETIME + PROVED))
}

interface Standing {
  readonly isCurrent: boolean
  readonly isChosen: boolean
}

function standing({ current, isChosen }: Agent, member: Member): Standing {
  const isCurrent = current === member
  return { isCurrent, isChosen: isCurrent && isChosen }
}

function enter(agent: Agent, member: Member, { isCurrent, isChosen }: Standing): void {
  if (!agent.members.includes(member)) agent.members = [...agent.members, member]
  if (!isCurrent) return
  agent.current = member
  agent.isChosen = isChosen
}
