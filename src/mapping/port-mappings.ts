import {
  isSameIp,
  type MappedPort,
  type MappingDialect,
  mappedPortKey,
  type Refusal,
  type RouterAnswer,
  type RouterRequest,
} from './answer.ts'
import { LossPace, RouterEpoch } from './epoch.ts'
import { isTotalRefusal, pauseAfter, type RouterRefusal, refusedPort } from './refused.ts'

/** A way to ask a router; its name is the one in the configuration. */
export type MappingWay =
  | { readonly name: 'pcp' | 'nat-pmp'; readonly dialect: MappingDialect }
  /** By connections in place of datagrams. */
  | { readonly name: 'upnp'; readonly dialect?: undefined }

/** Why not all ports are mapped. */
export type MappingFault =
  | { readonly why: 'asking' | 'silent' }
  | { readonly why: Refusal; readonly code: number; readonly port?: MappedPort | undefined }

export interface PortMappingsOptions {
  /** Tried in turn until the router answers one. */
  readonly ways: readonly MappingWay[]
  readonly ports: readonly MappedPort[]
  /** From 0 to 1. */
  readonly random: () => number
}

/** Seconds that a mapping is asked for: a relay that vanishes leaves them no longer. */
const LIFETIME = 3600
/** Seconds that a router may promise. */
const LONGEST_LIFETIME = 86_400
/**
 * Milliseconds. RFC 6887 §8.1.1, but for its longest pause of 17 minutes: the
 * router is one hop away, and calls wait for it.
 */
const FIRST_PAUSE = { pcp: 3000, 'nat-pmp': 250, upnp: 6000 } as const
const LONGEST_PAUSE = 12_000
/** How often a router is asked that has not answered this way yet, before the next one is tried. */
const TRIES = { pcp: 2, 'nat-pmp': 5, upnp: 2 } as const
/** Milliseconds until all ways are tried again. */
const SILENCE = 10_000
/** Milliseconds between two looks at the router's address and epoch. */
const LOOK = 10_000
/** Requests that may wait for an answer at a time: home routers take up to a third of a second for each. */
const WINDOW = { pcp: 4, 'nat-pmp': 1, upnp: 1 } as const
/** Milliseconds between two requests for one mapping at least. */
const SOONEST = 4000
/** How often a mapping is given back, and the milliseconds after which it is done again, or all is given up. */
const RELEASES = 3
const RELEASE_PAUSE = 1500
const LONGEST_RELEASE = 8000

interface Row {
  /** Nothing: this row asks for the address. */
  readonly port: MappedPort | undefined
  /** When something is to be sent, in milliseconds. */
  due: number
  /** How often it has been sent without an answer. */
  tries: number
  /** Until when the router maps the port, or names the address. */
  heldUntil: number
  /** Whether the router may have something to give back, even where it has started again since. */
  isOurs: boolean
  refusal: RouterRefusal | undefined
}

/**
 * The mappings of one address of this machine in one router, as a value
 * machine: it is told what arrives and what time it is, and says what to send.
 *
 * A look every ten seconds, which renews what is oldest, shows that the public
 * address has changed or that the router has lost its table. Waiting for the
 * announcements of the two protocols instead would take a port that other programs want as well.
 */
export class PortMappings {
  /** The address that peers on the Internet see, once the router has named it. */
  external: Uint8Array | undefined
  readonly #options: PortMappingsOptions
  readonly #epoch = new RouterEpoch()
  readonly #losses = new LossPace()
  readonly #out: RouterRequest[] = []
  #rows: Row[] = []
  #way = 0
  /** Whether the router has ever answered this way. */
  #isProven = false
  /** Whether all ways have been tried in vain. */
  #isSilent = false
  /** What a way was left for that maps nothing for this machine. */
  #turnedDown: RouterRefusal | undefined
  #lookAt = Number.POSITIVE_INFINITY
  #isReleasing = false
  #releaseBy = 0
  /** Whether the router has taken anything back. */
  #hasReleased = false

  /** `now` in milliseconds, of any clock that only goes forward. */
  constructor(options: PortMappingsOptions, now: number) {
    this.#options = options
    this.#begin(now)
  }

  /** How the router is asked; what it has answered once it is `isProven`. */
  get way(): MappingWay {
    return this.#options.ways[this.#way]!
  }

  get isProven(): boolean {
    return this.#isProven
  }

  /** Ports that the router passes on at a moment. */
  held(now: number): readonly MappedPort[] {
    return this.#rows.flatMap(({ port, heldUntil }) => (port && heldUntil > now ? [port] : []))
  }

  /** Why a port is not mapped, or the address not known; undefined when all is well. */
  fault(now: number): MappingFault | undefined {
    const missing = this.#rows.filter(({ heldUntil }) => heldUntil <= now)
    if (missing.length === 0) return undefined
    const refusal = missing.find(row => row.refusal)?.refusal ?? this.#turnedDown
    if (refusal) return { why: refusal.why, code: refusal.code, port: refusedPort(refusal) }
    return { why: this.#isSilent || missing.some(({ tries }) => tries > TRIES.pcp + 1) ? 'silent' : 'asking' }
  }

  /** What is to be sent to the router now. To be called when `next` is reached, and after `received`. */
  tick(now: number): RouterRequest[] {
    if (this.#isReleasing) return this.#tickReleasing(now)
    if (this.#losses.isDue(now)) this.#lost(now)
    if (now >= this.#lookAt) this.#look(now)
    const tries = TRIES[this.way.name]
    const isGivenUp = this.#isProven
      ? this.#rows.every(({ heldUntil, refusal }) => heldUntil <= now && !refusal)
      : true
    if (isGivenUp && this.#rows.some(row => row.tries >= tries && row.due <= now)) this.#nextWay(now)
    const { name } = this.way
    let waiting = this.#rows.filter(({ tries, due }) => tries > 0 && due > now).length
    // One request shows whether anybody answers.
    const window = this.#isProven ? WINDOW[name] : 1
    for (const row of this.#rows) {
      if (row.due > now || waiting >= window) continue
      waiting++
      this.#out.push({ port: row.port, lifetime: LIFETIME })
      row.due = now + this.#pause(row.tries++)
    }
    return this.#out.splice(0)
  }

  /** When `tick` has something to do, in milliseconds. */
  next(now: number): number {
    if (this.#isReleasing)
      return Math.min(this.#releaseBy, ...this.#rows.map(({ due }) => due).filter(due => due > now))
    const waiting = this.#rows.filter(({ tries, due }) => tries > 0 && due > now).length
    const isFull = waiting >= (this.#isProven ? WINDOW[this.way.name] : 1)
    const due = this.#rows.filter(row => !isFull || row.due > now).map(row => row.due)
    return Math.max(now, Math.min(this.#lookAt, this.#losses.next, ...due))
  }

  /** Takes a datagram that has come from the router's port. */
  received(datagram: Uint8Array, now: number): void {
    const answer = this.way.dialect?.read(datagram)
    if (answer) this.answered(answer, now)
  }

  /** Takes what the router says. */
  answered(answer: RouterAnswer, now: number): void {
    if (answer.kind === 'otherVersion') {
      // Anybody could say so of a router that has answered otherwise.
      if (!this.#isProven && !this.#isReleasing) this.#nextWay(now)
      return
    }
    const row = this.#rowOf(answer)
    const isOfAny = answer.kind === 'refused' && answer.of === undefined
    if (!row && !isOfAny) return
    // NAT-PMP has nothing by which an answer could be told from a guess, other than that it was asked for.
    const isAsked = row ? row.tries > 0 : this.#rows.some(({ tries }) => tries > 0)
    if (!isAsked && this.#asksAddress) return
    if (this.#isReleasing) {
      const isOver = answer.kind === 'refused' || (answer.kind === 'mapped' && answer.lifetime === 0)
      if (!isOver) return
      this.#hasReleased = true
      this.#rows = this.#rows.filter(one => one !== row)
      return
    }
    this.#isProven = true
    this.#isSilent = false
    if (this.#epoch.hasRestarted(answer.epoch, now)) this.#losses.note(now)
    if (this.#losses.isDue(now)) this.#lost(now)
    this.#lookAt = now + LOOK
    if (answer.kind === 'refused')
      this.#refused(row ? [row] : this.#rows.filter(one => one.tries > 0), answer, now)
    else if (answer.kind === 'address') this.#named(row!, answer.ip, now)
    else this.#mapped(row!, answer, now)
  }

  /** Nothing of the router listens to this way. */
  unreachable(now: number): void {
    if (!this.#isProven && !this.#isReleasing) this.#nextWay(now)
  }

  /** Gives back all that is mapped; `tick` says what to send until `isReleased`. */
  release(now: number): void {
    this.#isReleasing = true
    this.#releaseBy = now + LONGEST_RELEASE
    this.#out.length = 0
    this.#rows = this.#rows.filter(({ port, isOurs }) => port && isOurs)
    for (const row of this.#rows) Object.assign(row, { tries: 0, due: now })
  }

  get isReleased(): boolean {
    return this.#isReleasing && this.#rows.length === 0
  }

  #begin(now: number): void {
    const { ports } = this.#options
    const asked = this.#asksAddress ? [undefined, ...ports] : ports
    const rows = this.#rows
    const before = (port: MappedPort | undefined) =>
      rows.find(row => (row.port && mappedPortKey(row.port)) === (port && mappedPortKey(port)))
    this.#rows = asked.map(port => {
      const { heldUntil = 0, isOurs = false } = before(port) ?? {}
      return { port, due: now, tries: 0, heldUntil, isOurs, refusal: undefined }
    })
    this.#isProven = false
    this.#lookAt = Number.POSITIVE_INFINITY
    this.#epoch.forget()
  }

  get #asksAddress(): boolean {
    return this.way.dialect?.asksAddress ?? true
  }

  #nextWay(now: number): void {
    this.#way = (this.#way + 1) % this.#options.ways.length
    const isOver = this.#way === 0
    if (isOver) this.#isSilent = true
    this.#begin(isOver ? now + (this.#turnedDown ? pauseAfter(this.#turnedDown) : SILENCE) : now)
  }

  /**
   * Goes over to UPnP where the protocols that are read by one and the same part of a router do not permit
   * anything. What the router has said is told as long as nothing better comes.
   */
  #avoid(now: number): void {
    const upnp = this.#options.ways.findIndex(({ name }) => name === 'upnp')
    const ports = this.#rows.filter(({ port }) => port)
    if (
      upnp <= this.#way ||
      !ports.every(({ refusal, heldUntil }) => heldUntil <= now && isTotalRefusal(refusal))
    )
      return
    this.#turnedDown = ports[0]?.refusal
    this.#way = upnp
    this.#begin(now)
  }

  /** RFC 6887 §8.1.1: each pause is about twice the one before. */
  #pause(tries: number): number {
    const pause = Math.min(FIRST_PAUSE[this.way.name] * 2 ** tries, LONGEST_PAUSE)
    return pause * (0.9 + 0.2 * this.#options.random())
  }

  /** Asks for something that the router has given before, unless it is being asked something already. */
  #look(now: number): void {
    this.#lookAt = now + LOOK
    if (this.#rows.some(({ tries, due }) => tries > 0 || due <= now)) return
    const held = this.#rows.filter(({ heldUntil, refusal }) => heldUntil > now && !refusal)
    const oldest = held.find(({ port }) => !port) ?? held.sort((a, b) => a.due - b.due)[0]
    if (oldest) oldest.due = now
  }

  #rowOf(answer: RouterAnswer & { kind: 'mapped' | 'address' | 'refused' }): Row | undefined {
    const of = answer.kind === 'mapped' ? answer.port : answer.kind === 'address' ? 'address' : answer.of
    if (of === undefined) return undefined
    const key = of === 'address' ? undefined : mappedPortKey(of)
    return this.#rows.find(row => (row.port && mappedPortKey(row.port)) === key)
  }

  /** The router has started again, or lost what it knew: all is asked for anew, in the order of the ports. */
  #lost(now: number): void {
    this.#losses.taken(now)
    for (const row of this.#rows) {
      row.heldUntil = 0
      if (row.tries === 0) row.due = now
    }
  }

  #named(row: Row, ip: Uint8Array, now: number): void {
    Object.assign(row, { tries: 0, due: now + LOOK, heldUntil: now + 3 * LOOK, refusal: undefined })
    this.#isAt(ip)
  }

  #mapped(row: Row, { port, outside, lifetime }: RouterAnswer & { kind: 'mapped' }, now: number): void {
    // Not what was asked for; it is asked again when its time comes.
    if (lifetime === 0) return
    if (outside.port !== port.port) {
      // Clients are told the ports of this machine, so that another one outside is of no use.
      this.#out.push({ port, lifetime: 0 })
      this.#refused([row], { kind: 'refused', why: 'taken', code: 0, of: port, lifetime: 60, epoch: 0 }, now)
      return
    }
    this.#turnedDown = undefined
    const ms = Math.min(lifetime, LONGEST_LIFETIME) * 1000
    // RFC 6887 §11.2.1: between a half and five eighths of it.
    const renewal = Math.max((ms / 2) * (1 + this.#options.random() / 4), SOONEST)
    Object.assign(row, {
      tries: 0,
      due: now + renewal,
      heldUntil: now + ms,
      isOurs: true,
      refusal: undefined,
    })
    if (outside.ip) this.#isAt(outside.ip)
  }

  /** A router that does not know its address yet says that it is 0.0.0.0. */
  #isAt(ip: Uint8Array): void {
    if (ip.some(octet => octet !== 0) && !isSameIp(ip, this.external)) this.external = ip
  }

  #refused(rows: readonly Row[], answer: RouterRefusal, now: number): void {
    const due = now + pauseAfter(answer)
    for (const row of rows) Object.assign(row, { tries: 0, due, refusal: answer })
    this.#avoid(now)
  }

  /** What the router does not confirm in time ends by itself. */
  #tickReleasing(now: number): RouterRequest[] {
    const isGivenUp = ({ tries, due }: Row) => tries >= RELEASES && due <= now
    const isOver = now >= this.#releaseBy || (!this.#hasReleased && this.#rows.some(isGivenUp))
    this.#rows = isOver ? [] : this.#rows.filter(row => !isGivenUp(row))
    const waiting = this.#rows.filter(row => row.due > now).length
    const due = this.#rows
      .filter(row => row.due <= now)
      .slice(0, Math.max(0, WINDOW[this.way.name] - waiting))
    for (const row of due) {
      row.tries++
      row.due = now + RELEASE_PAUSE
    }
    return due.map(({ port }) => ({ port, lifetime: 0 }))
  }
}
