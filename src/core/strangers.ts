import type { Address } from '../base/address.ts'
import { after, type Time } from '../base/time.ts'
import { isStream, type Via } from '../base/via.ts'
import type { DebtKey } from '../limits/gcra-table.ts'
import type { RelayConfig } from './config.ts'
import type { Debts } from './debts.ts'
import type { Event } from './event.ts'

type Limits = Pick<RelayConfig['limits'], 'unverifiedAnswers' | 'unverifiedAnswersPerNetwork' | 'backOff'>

/** A network may have so much of its rate at once: matrix-js-sdk opens 84 allocations at a stroke. */
const BURST = 10_000
/** The same for all together. */
const BURST_IN_ALL = 1000
/** What one address, and one socket of it, may have of what its network has. */
const OF_ADDRESS = 2
const OF_SOCKET = 10
/** What a request that has to be verified costs of what there is for all, as it costs that much more work. */
const VERIFYING = 8
/** Seconds for which a network counts as known after somebody in it has proved themselves. */
const KNOWN = 86_400

/** A wrong password costs the name this much, and a quarter of what is owed; above the limit it is not tried. */
const GUESS = { cost: 2000, growth: 1 / 4, limit: 120_000 } as const
/** The same for everybody in a network, where many may be wrong at once because a homeserver is. */
const GUESSES = { cost: 50, growth: 1 / 250, limit: 50_000 } as const

/** What is counted, so that a network, an address and a socket never share a debt. */
const ANSWERS_TO_NETWORK = 1
const ANSWERS_TO_ADDRESS = 2
const ANSWERS_TO_SOCKET = 3
/** Added for TCP and TLS. */
const BY_STREAM = 3
const GUESSES_FROM_NETWORK = 7
const GUESSES_AT_NAME = 8
const BLIND_GUESSES_AT_NAME = 9

/** Seconds that one report of what was held back stands for. */
const WINDOW = 10

/**
 * What those get who have not proved themselves.
 *
 * **Answers.** Whoever forges a source has our answer sent to somebody else,
 * so answers to unproved sources are few: a rate for each network (IPv4 /24,
 * IPv6 /56), of which one address may have half and one socket a tenth. So a
 * client that has gone wild starves itself, a host starves half of its
 * network's newcomers, and only who forges a whole network's addresses starves
 * all of its newcomers, and of them only those who come by UDP: TCP and TLS
 * have allowances of their own, because nobody forges a handshake. A rate
 * for everybody together bounds what a flood from everywhere costs and reflects;
 * networks in which somebody has proved themselves within a day are
 * answered beyond it.
 *
 * A request is asked about before it costs anything, in this order:
 *
 * 1. From the 5-tuple of a live allocation: goes on. So no flood touches a call.
 * 2. Signed, with a fresh nonce that was made for this very address and port:
 *    goes on, for whoever has it receives what we send there. A family whose
 *    network is used up by an attacker still gets in by the nonce it has.
 * 3. Anything else is paid for out of the allowance, or dropped: no key is
 *    derived, no nonce made, nothing sent, nothing kept.
 *
 * Before that, while its sender's allowance is used up, a datagram without such
 * a nonce is not even parsed.
 *
 * **Guesses.** A wrong integrity costs its user name at that address, and its
 * network, the more the more they owe. A dozen mistakes are free, then it is a
 * guess each half minute, and two and a half minutes later all is forgotten.
 * While it lasts nothing is verified for that name from there, and the answer
 * is the same as to a wrong password; from other addresses, and under other names, everything is as ever. Who forges a source
 * has no fresh nonce for it, so guesses without one are counted apart and
 * lock out nobody who has one. The live allocation's own name is always let in.
 */
export class Strangers {
  readonly #debts: Debts
  #limits: Limits
  readonly #held = { unverified: { count: 0, from: NOBODY }, guessing: { count: 0, from: NOBODY } }
  #reported = 0 as Time

  constructor(debts: Debts, limits: Limits) {
    this.#debts = debts
    this.#limits = limits
  }

  configure(limits: Limits): void {
    this.#limits = limits
  }

  /** Charges this source for an answer, dearer where its request is signed. False, and nothing charged, where it may have none. */
  chargeAnswer(from: Address, via: Via, now: Time, isSigned = false): boolean {
    const keys = this.#keys(from, via)
    if (this.#isSpent(keys, now)) {
      this.#hold('unverified', from)
      return false
    }
    const { unverifiedAnswersPerNetwork: perNetwork, unverifiedAnswers: inAll } = this.#limits
    if (perNetwork !== undefined) {
      this.#debts.charge(keys.network, 1000 / perNetwork, now)
      this.#debts.charge(keys.address, (1000 * OF_ADDRESS) / perNetwork, now)
      this.#debts.charge(keys.socket, (1000 * OF_SOCKET) / perNetwork, now)
    }
    if (inAll !== undefined) this.#debts.chargeAll(((isSigned ? VERIFYING : 1) * 1000) / inAll, now)
    return true
  }

  /** True while this source would not be answered. */
  isSpent(from: Address, via: Via, now: Time): boolean {
    return this.#isSpent(this.#keys(from, via), now)
  }

  /** Takes note of a datagram that was dropped because its source `isSpent`. */
  dropped(from: Address): void {
    this.#hold('unverified', from)
  }

  /** Holds back an integrity for this name where too many were wrong before it, and counts that; `blind` without a fresh nonce. */
  holdBack(from: Address, username: string, blind: boolean, now: Time): boolean {
    if (!this.#limits.backOff) return false
    const name = this.#nameKey(from, username, blind)
    const network = keyOf(this.#debts, GUESSES_FROM_NETWORK, from, 'network')
    const isNameSpent = this.#debts.owed(name, now) > GUESS.limit
    // Who has been let in from there before shall not wait for what others do there.
    const isNetworkSpent = this.#debts.owed(network, now) > GUESSES.limit && !this.#debts.isProved(name, now)
    if (!isNameSpent && !isNetworkSpent) return false
    this.#hold('guessing', from)
    return true
  }

  /** Somebody's integrity did not verify. */
  failed(from: Address, username: string, blind: boolean, now: Time): void {
    if (!this.#limits.backOff) return
    const name = this.#nameKey(from, username, blind)
    this.#debts.charge(name, GUESS.cost + this.#debts.owed(name, now) * GUESS.growth, now)
    // A source that may be forged must not be able to speak for its network.
    if (blind) return
    const network = keyOf(this.#debts, GUESSES_FROM_NETWORK, from, 'network')
    this.#debts.charge(network, GUESSES.cost + this.#debts.owed(network, now) * GUESSES.growth, now)
  }

  /** Somebody's integrity verified, with a fresh nonce: the source is theirs. */
  proved(from: Address, via: Via, username: string, now: Time): void {
    const until = after(now, KNOWN)
    if (this.#limits.unverifiedAnswers !== undefined) {
      this.#debts.prove(keyOf(this.#debts, answersTo(via, ANSWERS_TO_NETWORK), from, 'network'), until, now)
    }
    if (this.#limits.backOff) this.#debts.prove(this.#nameKey(from, username, false), until, now)
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

  #isSpent({ network, address, socket }: Keys, now: Time): boolean {
    const { unverifiedAnswersPerNetwork: perNetwork, unverifiedAnswers: inAll } = this.#limits
    const debts = this.#debts
    if (perNetwork !== undefined) {
      const each = 1000 / perNetwork
      if (debts.owed(socket, now) + each * OF_SOCKET > BURST) return true
      if (debts.owed(address, now) + each * OF_ADDRESS > BURST) return true
      if (debts.owed(network, now) + each > BURST) return true
    }
    if (inAll === undefined || debts.owedInAll(now) + 1000 / inAll <= BURST_IN_ALL) return false
    return !debts.isProved(network, now)
  }

  #keys(from: Address, via: Via): Keys {
    return {
      network: keyOf(this.#debts, answersTo(via, ANSWERS_TO_NETWORK), from, 'network'),
      address: keyOf(this.#debts, answersTo(via, ANSWERS_TO_ADDRESS), from, 'address'),
      socket: keyOf(this.#debts, answersTo(via, ANSWERS_TO_SOCKET), from, 'socket'),
    }
  }

  #nameKey(from: Address, username: string, blind: boolean): DebtKey {
    const kind = blind ? BLIND_GUESSES_AT_NAME : GUESSES_AT_NAME
    return this.#debts.key(kind, from.ip, OCTETS.address[from.family], hashOf(username))
  }

  /** Takes note of what is dropped. */
  #hold(why: 'unverified' | 'guessing', from: Address): void {
    const held = this.#held[why]
    held.count++
    held.from = from
  }
}

interface Keys {
  readonly network: DebtKey
  readonly address: DebtKey
  readonly socket: DebtKey
}

/** Octets that stand for a network and for one customer's address. An IPv6 customer has a /64 at the least. */
const OCTETS = {
  network: { 4: 3, 6: 7 },
  address: { 4: 4, 6: 8 },
  socket: { 4: 4, 6: 16 },
} as const

const NOBODY: Address = { family: 4, ip: new Uint8Array(4), port: 0, key: 0 }

function keyOf(debts: Debts, kind: number, from: Address, part: keyof typeof OCTETS): DebtKey {
  return debts.key(kind, from.ip, OCTETS[part][from.family], part === 'socket' ? from.port : 0)
}

function answersTo(via: Via, kind: number): number {
  return isStream(via) ? kind + BY_STREAM : kind
}

/** FNV-1a. Names that meet are slowed down together, from one address; to aim at that is to aim at oneself. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
