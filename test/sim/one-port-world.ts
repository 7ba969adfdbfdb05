import fc from 'fast-check'
import { type Address, parseAddress } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import { readIce } from '../../src/wire/ice.ts'
import { MessageWriter, Method } from '../../src/wire/message.ts'
import { checkOf, IceAgent } from './ice-agent.ts'
import { dice, octets } from './random.ts'
import { Sim, START } from './sim.ts'
import type { SimClient } from './sim-client.ts'

/**
 * Calls through one relay port, and clients who want what is not theirs.
 *
 * Alice and Bob, Carol and Dave call each other, both ends relayed, so that all four have one address. Erin and Frank
 * both call a media server that has one address for everybody. Mallory and Trudy follow no protocol: Mallory knows of
 * every call one fragment, Trudy both, as somebody would who sees the signalling, but no password.
 */
export type WorldAction =
  | { readonly kind: 'check' | 'talk'; readonly agent: number }
  | { readonly kind: 'advance'; readonly milliseconds: number }
  | { readonly kind: 'come-back'; readonly caller: number }
  | {
      readonly kind: 'attack'
      readonly by: 0 | 1
      readonly how: Attack
      readonly at: number
      readonly whose: number
    }
type Attack = 'permit' | 'bind' | 'garbage' | 'check' | 'success' | 'leave'

const CALLERS = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'] as const
/** Who calls whom, by number: callers first, then those in the media server. */
const OTHER = [1, 0, 3, 2, 6, 7, 4, 5]
const AGENTS = OTHER.length
const SERVER_AT = '198.51.100.7:40000'
const ELSEWHERE = '198.51.100.7:40001'
/** Seconds that allocations live, and milliseconds after which no action makes time pass, so that all outlive it. */
const LIFETIME = 3600
const MOST = 3_200_000
const ATTACKS: readonly Attack[] = ['permit', 'bind', 'garbage', 'check', 'success', 'leave']

export const worldAction: fc.Arbitrary<WorldAction> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('check' as const), agent: fc.nat(AGENTS - 1) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('talk' as const), agent: fc.nat(AGENTS - 1) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      milliseconds: fc.constantFrom(50, 500, 2900, 3100, 10_000, 31_000, 200_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('come-back' as const), caller: fc.nat(CALLERS.length - 1) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('attack' as const),
      by: fc.constantFrom<(0 | 1)[]>(0, 1),
      how: fc.constantFrom(...ATTACKS),
      at: fc.nat(2),
      whose: fc.nat(AGENTS - 1),
    }),
  },
)

/** See `WorldAction`. */
export class OnePortWorld {
  readonly sim = new Sim({ sharedPorts: [50_000] })
  readonly #random = octets(dice(11))
  /** The allocations of each caller: browsers have one for each URL. */
  readonly #ways: SimClient[][]
  readonly #agents: IceAgent[] = []
  readonly #hostile: SimClient[]
  /** What hostile clients have asked, as the answers to that are theirs. */
  readonly #theirs = new Set<string>()
  readonly #server: Address = parseAddress(SERVER_AT)!
  readonly #isDouble: boolean
  #ports = 50_000

  constructor(isDouble: boolean) {
    this.#isDouble = isDouble
    this.#ways = CALLERS.map((_, i) => this.#allocate(i))
    for (const i of CALLERS.keys()) this.#agents.push(this.#agent(i))
    for (const name of ['P', 'Q']) {
      const way = (to: Address, bytes: Buffer) => this.sim.net.send(this.#server, to, bytes)
      this.#agents.push(new IceAgent(name, [way], this.#random, () => this.#server))
    }
    this.sim.net.attach(this.#server, (from, bytes) => this.#toServer(from, bytes))
    this.sim.peer(ELSEWHERE)
    this.#hostile = ['mallory', 'trudy'].map((name, i) => this.#open(name, `192.0.2.6${i}`))
    for (const [i, ways] of this.#ways.entries()) for (const way of ways) this.#permit(way, i)
  }

  do(action: WorldAction): void {
    switch (action.kind) {
      case 'check':
        this.#agents[action.agent]!.check(this.#other(action.agent))
        break
      case 'talk':
        this.#agents[action.agent]!.say(this.#other(action.agent), 'hello', this.sim.now)
        break
      case 'advance':
        if (this.sim.now - START > MOST) break
        this.sim.advance(action.milliseconds)
        break
      case 'come-back':
        this.#comeBack(action.caller)
        break
      case 'attack':
        this.#attack(action)
        break
    }
    this.sim.settle()
    this.#look()
  }

  /**
   * Everybody goes on with the calls, and nobody attacks any more. Trudy leaves: who knows both fragments of a call can
   * keep it from beginning while she is there, as of two who claim a check neither gets it.
   */
  settleDown(): void {
    this.#hostile[1]!.release()
    for (const agent of this.#agents) agent.inbox.length = 0
    for (const [i, ways] of this.#ways.entries()) for (const way of ways) this.#permit(way, i)
    for (let i = 0; i < 60; i++) {
      for (const n of this.#agents.keys()) {
        this.do({ kind: 'check', agent: n })
        this.do({ kind: 'talk', agent: n })
      }
      this.sim.advance(1000)
      this.#look()
    }
  }

  /** What was delivered to one that it was not for. */
  wrong(): string[] {
    this.#look()
    const honest = this.#agents
      .slice(0, CALLERS.length)
      .flatMap(({ ufrag, foreign }) => foreign.map(what => `${ufrag}: ${what}`))
    return [...honest, ...this.#hostile.flatMap((client, i) => this.#stolenBy(client, i))]
  }

  /** Callers who hear nothing although nothing is in their way. One of two is enough at one address of a server. */
  silent(): string[] {
    const hears = this.#agents.map(({ inbox }) => inbox.length > 0)
    const silent = CALLERS.filter((_, i) => i < 4 && !hears[i]) as string[]
    if (!hears[4] && !hears[5]) silent.push('erin and frank')
    return silent
  }

  #other(agent: number): IceAgent {
    return this.#agents[OTHER[agent]!]!
  }

  #open(name: string, ip: string): SimClient {
    const client = this.sim.client(`${ip}:${this.#ports++}`, { user: `@${name}:example.org` })
    client.allocate({ lifetime: LIFETIME })
    return client
  }

  #allocate(caller: number): SimClient[] {
    const name = CALLERS[caller]!
    const count = this.#isDouble && caller % 2 === 0 ? 2 : 1
    return Array.from({ length: count }, () => this.#open(name, `192.0.2.1${caller}`))
  }

  #agent(caller: number): IceAgent {
    const ways = this.#ways[caller]!
    return new IceAgent(
      `${CALLERS[caller]}${this.#ports}`,
      ways.map(way => (to: Address, bytes: Buffer) => {
        way.turn.sendIndication(to, bytes)
        for (const out of way.turn.drain()) way.post(out)
      }),
      this.#random,
      () => ways[0]!.turn.relayed[0],
    )
  }

  #permit(way: SimClient, caller: number): void {
    way.permit(caller < 4 ? way.relayed : this.#server)
  }

  /** Ends the allocations of a caller, who begins anew with other fragments, as does whom it talks to. */
  #comeBack(caller: number): void {
    this.#look()
    for (const way of this.#ways[caller]!) way.release()
    this.#ways[caller] = this.#allocate(caller)
    for (const way of this.#ways[caller]!) this.#permit(way, caller)
    this.#agents[caller] = this.#renewed(caller, this.#agent(caller))
    const other = OTHER[caller]!
    const before = this.#agents[other]!
    if (other >= CALLERS.length) return
    for (const way of this.#ways[other]!) way.release()
    this.#ways[other] = this.#allocate(other)
    for (const way of this.#ways[other]!) this.#permit(way, other)
    this.#agents[other] = this.#renewed(other, this.#agent(other), before)
  }

  #renewed(caller: number, agent: IceAgent, before = this.#agents[caller]!): IceAgent {
    agent.foreign.push(...before.foreign)
    return agent
  }

  /** Gives agents what has come for them. */
  #look(): void {
    for (const [i, ways] of this.#ways.entries()) {
      for (const [n, { received }] of ways.entries()) {
        for (const { peer, bytes } of received.splice(0)) {
          this.#agents[i]!.take(n, peer, bytes, this.#other(i), this.sim.now)
        }
      }
    }
    this.sim.settle()
  }

  /** The media server hands a check to whom it names, an answer to whom it answers, and data to whom it is for. */
  #toServer(from: Address, bytes: Buffer): void {
    const ice = readIce(bytes)
    for (const n of [6, 7]) {
      const agent = this.#agents[n]!
      const isItsCheck = ice?.kind === 'check' && ice.username.startsWith(`${agent.ufrag}:`)
      const isItsData = !ice && bytes.toString().startsWith(`${agent.ufrag} `)
      const isAnswer = ice?.kind === 'success' || ice?.kind === 'error'
      if (isItsCheck || isItsData || isAnswer) {
        const before = agent.foreign.length
        agent.take(0, from, bytes, this.#other(n), this.sim.now)
        if (isAnswer) agent.foreign.length = before
      }
    }
  }

  #attack({ by, how, at, whose }: Extract<WorldAction, { kind: 'attack' }>): void {
    const client = this.#hostile[by]!
    if (how === 'leave') {
      client.release()
      client.allocate({ lifetime: LIFETIME })
      return
    }
    const to = [client.relayed, this.#server, parseAddress(ELSEWHERE)!][at]!
    if (how === 'permit') client.permit(to)
    else if (how === 'bind') client.bind((0x4000 + at) as ChannelNumber, to)
    else client.send(to, this.#payload(by, how, whose))
  }

  #payload(by: 0 | 1, how: Attack, whose: number): Buffer {
    const { ufrag } = this.#agents[whose]!
    const other = this.#other(whose).ufrag
    if (how === 'garbage') return Buffer.from('garbage')
    if (how === 'success') {
      const transaction = Buffer.alloc(12)
      this.#random(transaction)
      return new MessageWriter('success', Method.Binding, transaction).finish()
    }
    // Mallory knows one of the two.
    const bytes = checkOf(by === 0 ? `mine:${ufrag}` : `${other}:${ufrag}`, 'a guess', this.#random)
    this.#theirs.add(bytes.toString('latin1', 8, 20))
    return bytes
  }

  /** What a hostile client got that it has not asked for. Who knows both fragments may see a check, and no more. */
  #stolenBy({ received }: SimClient, hostile: number): string[] {
    return received.flatMap(({ bytes }) => {
      const ice = readIce(bytes)
      const isAnswer = ice?.kind === 'success' || ice?.kind === 'error'
      if (isAnswer && this.#theirs.has(ice.transaction)) return []
      if (ice?.kind === 'check' && hostile === 1) return []
      const text = bytes.toString()
      return text === 'garbage' ? [] : [`hostile ${hostile}: ${ice ? ice.kind : text}`]
    })
  }
}
