import type { Address, ClientAddress, Family } from '../../base/address.ts'
import { after, type Time } from '../../base/time.ts'
import { isStream, type Via } from '../../base/via.ts'
import { CUSTOMERS_OF_NETWORK, SPAN_OCTETS, type Span } from '../../limits/customer.ts'
import type { DebtKey, GcraTable } from '../../limits/gcra-table.ts'
import type { RelayConfig } from '../config.ts'
import { type Event, type Owner, ownerKey } from '../event.ts'
import type { Proofs } from './proofs.ts'

type Limits = Pick<RelayConfig['limits'], 'unverifiedAnswers' | 'unverifiedAnswersPerNetwork' | 'backOff'>

/** A network may have so much of its rate at once: matrix-js-sdk opens 84 allocations at a stroke. */
const BURST = 10_000
/** The same for all together. */
const BURST_IN_ALL = 1000
/** What an answer costs each of those whom its receiver belongs to, in times of what it costs a network. */
const SHARES: Readonly<Record<Family, readonly (readonly [Span | 'socket', number])[]>> = {
  4: [
    ['network', 1],
    ['customer', 2],
    ['socket', 10],
  ],
  6: [
    ['network', 1 / CUSTOMERS_OF_NETWORK],
    ['customer', 1],
    ['host', 2],
    ['socket', 10],
  ],
}
/** What counts as a network that somebody may be known in. */
const KNOWN_SPAN: Readonly<Record<Family, Span>> = { 4: 'network', 6: 'customer' }
/** How much of the global allowance a signed request costs, because verifying it costs that much more work. */
const VERIFYING = 8
/** Seconds for which a network counts as known after somebody in it has proved themselves. */
const KNOWN = 86_400

/** A wrong password costs the name this much, and a quarter of what is owed; above the limit it is not tried. */
const GUESS = { cost: 2000, growth: 1 / 4, limit: 120_000 } as const
/** The same for everybody in a network, where many may be wrong at once because a homeserver is. */
const GUESSES = { cost: 50, growth: 1 / 250, limit: 50_000 } as const

/** What is counted, so that no two things share a debt. */
const ANSWERS: Readonly<Record<Span | 'socket', number>> = { network: 1, customer: 2, host: 3, socket: 4 }
/** Added for TCP and TLS. */
const BY_STREAM = 4
const GUESSES_FROM_NETWORK = 9
const GUESSES_FROM_SOCKET = 10
const GUESSES_AT_NAME = 11
const BLIND_GUESSES_AT_NAME = 12
/** Who has proved something; never a debtor. */
const USER = 13
const TENANT = 14

/** Seconds that one report of what was held back stands for. */
const WINDOW = 10

/** What was held back since it was last reported, and one of those whom it befell. */
export interface HeldBack {
  readonly reported: Time
  readonly unverified: { readonly count: number; readonly from: ClientAddress }
  readonly guessing: { readonly count: number; readonly from: ClientAddress }
}

/**
 * What those get who have not proved themselves.
 *
 * **Answers.** With a forged source, our answer goes to somebody else,
 * so answers to unproved sources are few: a rate for each network (IPv4 /24,
 * IPv6 /56), of which one host (IPv4 address, IPv6 /64) may have half and one
 * socket a tenth; an IPv6 /48 may have four times the rate. So a client that
 * has gone wild starves itself, a host starves half of its network's newcomers,
 * and only an attacker forging an entire network's addresses can starve all its
 * newcomers, and only over UDP: TCP and TLS have allowances of their own,
 * because a handshake cannot be forged. A rate
 * for everybody together bounds what a flood from everywhere costs and reflects;
 * networks in which somebody has proved themselves within a day are
 * answered beyond it.
 *
 * A request is asked about before it costs anything, in this order:
 *
 * 1. From the 5-tuple of a live allocation: goes on. So no flood touches a call.
 * 2. Signed, with a fresh nonce that was made for this very address and port:
 *    goes on, because its owner receives what we send there. A family whose
 *    network is used up by an attacker still gets in by the nonce it has.
 * 3. Anything else is paid for out of the allowance, or dropped: no key is
 *    derived, no nonce made, nothing sent, nothing kept.
 *
 * Before that, while its sender's allowance is used up, a datagram without such
 * a nonce is not even parsed.
 *
 * **Guesses.** A wrong integrity costs its user name at that host, its socket
 * and its network, the more the more they owe. A dozen mistakes are free, then
 * it is a guess each half minute, and two and a half minutes later all is
 * forgotten. While it lasts nothing is verified for that name from there, and
 * the answer is the same as to a wrong password; other hosts and other names
 * are unaffected. An attacker with a forged source has no fresh nonce for it,
 * so guesses without one are counted apart and lock out nobody who has one.
 *
 * Behind one NAT many people share an address, and the names of fixed users
 * may be known. So a name that was let in from there within a day is tried
 * from a socket that made no mistake itself, whatever others owe there; and so
 * is every name while it is only the network that owes. That is as many guesses
 * as there are sockets with a nonce, whose number the allowance of answers
 * bounds. The live allocation's own name is always let in.
 */
export class Strangers {
  readonly #debts: GcraTable
  readonly #proofs: Proofs
  #limits: Limits
  readonly #held = { unverified: { count: 0, from: NOBODY }, guessing: { count: 0, from: NOBODY } }
  #reported = 0 as Time

  constructor(debts: GcraTable, proofs: Proofs, limits: Limits) {
    this.#debts = debts
    this.#proofs = proofs
    this.#limits = limits
  }

  configure(limits: Limits): void {
    this.#limits = limits
  }

  /**
   * Charges this source for an answer, dearer where its request is signed.
   * False, and nothing charged, where it may have none.
   */
  chargeAnswer(from: ClientAddress, via: Via, now: Time, isSigned = false): boolean {
    if (this.isSpent(from, via, now)) {
      this.#hold('unverified', from)
      return false
    }
    const { unverifiedAnswersPerNetwork: perNetwork, unverifiedAnswers: inAll } = this.#limits
    if (perNetwork !== undefined) {
      for (const [span, share] of SHARES[from.family]) {
        this.#debts.charge(this.#answersKey(from, via, span), (1000 * share) / perNetwork, now)
      }
    }
    if (inAll !== undefined) this.#debts.chargeAll(((isSigned ? VERIFYING : 1) * 1000) / inAll, now)
    return true
  }

  /** True while this source would not be answered. */
  isSpent(from: ClientAddress, via: Via, now: Time): boolean {
    const { unverifiedAnswersPerNetwork: perNetwork, unverifiedAnswers: inAll } = this.#limits
    const debts = this.#debts
    if (perNetwork !== undefined) {
      for (const [span, share] of SHARES[from.family]) {
        const owed = debts.owed(this.#answersKey(from, via, span), now)
        if (owed + (1000 * share) / perNetwork > BURST) return true
      }
    }
    if (inAll === undefined || debts.owedInAll(now) + 1000 / inAll <= BURST_IN_ALL) return false
    return !this.#proofs.isProved(this.#answersKey(from, via, KNOWN_SPAN[from.family]), now)
  }

  /** Takes note of a datagram that was dropped because its source `isSpent`. */
  dropped(from: ClientAddress): void {
    this.#hold('unverified', from)
  }

  /**
   * Holds back an integrity for this name where too many were wrong before it,
   * and counts that; `blind` without a fresh nonce.
   */
  holdBack(from: ClientAddress, username: string, blind: boolean, now: Time): boolean {
    if (!this.#limits.backOff) return false
    const debts = this.#debts
    const name = this.#nameKey(from, username, blind)
    const socketOwes = blind ? 0 : debts.owed(this.#socketKey(from), now)
    const isSocketClean = !blind && socketOwes === 0
    const isNameSpent = debts.owed(name, now) > GUESS.limit
    const isNetworkSpent = debts.owed(this.#networkKey(from), now) > GUESSES.limit
    const isHeld =
      socketOwes > GUESS.limit ||
      (isNameSpent && !(isSocketClean && this.#proofs.isProved(name, now))) ||
      (isNetworkSpent && !isSocketClean && !this.#proofs.isProved(name, now))
    if (isHeld) this.#hold('guessing', from)
    return isHeld
  }

  /** Somebody's integrity did not verify. */
  failed(from: ClientAddress, username: string, blind: boolean, now: Time): void {
    if (!this.#limits.backOff) return
    this.#wrong(this.#nameKey(from, username, blind), GUESS, now)
    // A source that may be forged must not be able to speak for its socket and network.
    if (blind) return
    this.#wrong(this.#socketKey(from), GUESS, now)
    this.#wrong(this.#networkKey(from), GUESSES, now)
  }

  /** Somebody's integrity verified, with a fresh nonce: the source is theirs. */
  proved(from: ClientAddress, via: Via, username: string, owner: Owner, now: Time): void {
    const until = after(now, KNOWN)
    const prover = {
      user: this.#debts.key(USER, { text: ownerKey(owner) }),
      tenant: this.#debts.key(TENANT, { text: owner.tenant }),
    }
    if (this.#limits.unverifiedAnswers !== undefined) {
      this.#proofs.prove(prover, this.#answersKey(from, via, KNOWN_SPAN[from.family]), until, now)
    }
    if (this.#limits.backOff) this.#proofs.prove(prover, this.#nameKey(from, username, false), until, now)
  }

  /** What was held back and not reported yet. */
  export(): HeldBack {
    return { reported: this.#reported, ...this.#held }
  }

  import({ reported, unverified, guessing }: HeldBack): void {
    this.#reported = reported
    this.#held.unverified = { ...unverified }
    this.#held.guessing = { ...guessing }
  }

  /** What was held back since the last report; one fact for each kind in a while. To be called once a second. */
  report(now: Time): Event[] {
    if (now - this.#reported < WINDOW * 1000) return []
    this.#reported = now
    const events: Event[] = []
    for (const why of ['unverified', 'guessing'] as const) {
      const { count, from } = this.#held[why]
      if (count === 0) continue
      events.push({ kind: 'throttled', at: now, why, count, from })
      this.#held[why] = { count: 0, from: NOBODY }
    }
    return events
  }

  /** A wrong guess costs more the more is owed. */
  #wrong(
    key: DebtKey,
    { cost, growth }: { readonly cost: number; readonly growth: number },
    now: Time,
  ): void {
    this.#debts.charge(key, cost + this.#debts.owed(key, now) * growth, now)
  }

  #answersKey(from: ClientAddress, via: Via, span: Span | 'socket'): DebtKey {
    const kind = ANSWERS[span] + (isStream(via) ? BY_STREAM : 0)
    return span === 'socket'
      ? this.#debts.key(kind, { ip: from.ip, number: from.port })
      : this.#debts.key(kind, { ip: from.ip, octets: SPAN_OCTETS[span][from.family] })
  }

  #networkKey(from: ClientAddress): DebtKey {
    const octets = SPAN_OCTETS[KNOWN_SPAN[from.family]][from.family]
    return this.#debts.key(GUESSES_FROM_NETWORK, { ip: from.ip, octets })
  }

  #socketKey(from: ClientAddress): DebtKey {
    return this.#debts.key(GUESSES_FROM_SOCKET, { ip: from.ip, number: from.port })
  }

  #nameKey(from: ClientAddress, username: string, blind: boolean): DebtKey {
    const kind = blind ? BLIND_GUESSES_AT_NAME : GUESSES_AT_NAME
    return this.#debts.key(kind, { ip: from.ip, octets: SPAN_OCTETS.host[from.family], text: username })
  }

  /** Takes note of what is dropped. */
  #hold(why: 'unverified' | 'guessing', from: ClientAddress): void {
    const held = this.#held[why]
    held.count++
    held.from = from
  }
}

const NOBODY: Address = { family: 4, ip: new Uint8Array(4), port: 0, key: 0 }
