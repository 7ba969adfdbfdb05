import { parseAddress } from '../../../src/base/address.ts'
import type { Seconds } from '../../../src/base/time.ts'
import type { Via } from '../../../src/base/via.ts'
import type { Candidate } from '../../../src/core/candidate.ts'
import { relayLimits } from '../../../src/relay/relay-config.ts'
import { longTermKey } from '../../../src/wire/integrity.ts'
import { Sim, type SimOptions, seconds } from '../../sim/sim.ts'
import { loaded } from '../../support/settings.ts'
import { type Login, PlayedClient } from './played-client.ts'
import type { Profile, Send } from './profile.ts'

/** What a call is like, beside the client that has it. */
export interface Scenario {
  readonly family: 4 | 6
  readonly via: Via
  /** The other end: a host that knows nothing of TURN, or the same client behind the same relay. */
  readonly to: 'host' | 'client'
  /** Seconds for which a nonce is good. 2: every renewal meets a 438. */
  readonly nonceLifetime: number
  /** Seconds of the longest lifetime that is granted. */
  readonly lifetime: number
  /**
   * Credentials of a homeserver are good for ten minutes. `kept`: the client goes on with what has expired.
   * `fresh`: it takes a new one, of another user name, at each challenge.
   */
  readonly credentials: 'kept' | 'fresh'
  readonly forwarder: NonNullable<SimOptions['forwarder']>
}

export interface Outcome {
  readonly faults: readonly string[]
  /** Payloads that did not come exactly once, by direction. */
  readonly astray: readonly string[]
  /** Payloads that were to arrive. */
  readonly sent: number
  /** Requests that a 438 answered. */
  readonly stale: number
}

const MINUTES = 20
/** Seconds in which the two may find each other; from then on everything has to arrive. */
const SETTLING = 10
/** Milliseconds one way, and from one payload to the next: no gap of a round trip falls between two payloads. */
const LATENCY = 250
const PACE = 500
/** Seconds for which a homeserver's credential is good. */
const CREDENTIAL = 600
const PASSWORD = 'password'

/** Plays a call of twenty minutes, with data both ways twice a second. */
export function play(profile: Profile, scenario: Scenario): Outcome {
  const sim = relayFor(scenario)
  const { family } = scenario
  const first = take(sim, profile, scenario, 1)
  const second = scenario.to === 'client' ? take(sim, profile, scenario, 2) : undefined
  const clients = second ? [first, second] : [first]
  for (const client of clients) profile.open(client)
  sim.advance(seconds(2))
  if (clients.some(({ relayed }) => !relayed)) return { ...outcome(clients, []), sent: 0 }

  const host = parseAddress(family === 4 ? '198.51.100.7:40000' : '[2001:db8::b0b]:40000')!
  const heardByHost: string[] = []
  if (!second) sim.net.attach(host, (_from, bytes) => heardByHost.push(bytes.toString()))
  const there = profile.reach(first, second?.relayed ?? host)
  const back: Send = second
    ? profile.reach(second, first.relayed!)
    : payload => sim.net.send(host, first.relayed!, payload)

  const toPeer = talk(sim, there)
  const toClient = talk(sim, back)
  sim.advance(seconds(MINUTES * 60))
  const astray = [
    ...strays('to the peer', toPeer, second?.heard ?? heardByHost),
    ...strays('to the client', toClient, first.heard),
  ]
  return { ...outcome(clients, astray), sent: toPeer.length + toClient.length }
}

function relayFor(scenario: Scenario): Sim {
  const expiring = (username: string, now: number): Candidate => ({
    tenant: 'example.org',
    user: username.slice(username.indexOf(':') + 1),
    username,
    key: longTermKey(username, 'example.org', PASSWORD, 1),
    expired: now > Number.parseInt(username, 10) * 1000,
    paused: false,
  })
  return new Sim({
    latency: LATENCY,
    openDelay: 5,
    forwarder: scenario.forwarder,
    // What an operator gets who sets nothing.
    limits: relayLimits(loaded().settings),
    config: {
      nonceLifetime: scenario.nonceLifetime as Seconds,
      lifetime: { default: 600 as Seconds, max: scenario.lifetime as Seconds },
    },
    authenticate: ({ username, algorithm, realm, now }) =>
      username === undefined
        ? []
        : [{ ...expiring(username, now), key: longTermKey(username, realm, PASSWORD, algorithm) }],
  })
}

function take(
  sim: Sim,
  profile: Profile,
  { family, via, credentials }: Scenario,
  number: number,
): PlayedClient {
  const fresh = (): Login => ({
    username: `${Math.floor(sim.now / 1000) + CREDENTIAL}:@user-${number}:example.org`,
    password: PASSWORD,
  })
  const begun = fresh()
  const at = parseAddress(family === 4 ? `192.0.2.1${number}:50000` : `[2001:db8::1${number}]:50000`)!
  return new PlayedClient(sim, profile.manner, {
    at,
    via,
    login: () => (credentials === 'fresh' ? fresh() : begun),
  })
}

/** Sends from now on, and returns what has to arrive. */
function talk(sim: Sim, send: Send): string[] {
  const expected: string[] = []
  const begin = sim.now
  const end = begin + seconds(MINUTES * 60) - seconds(1)
  const next = (number: number) => {
    const moment = (begin + number * PACE) as typeof begin
    if (moment > end) return
    sim.timeline.at(moment, () => {
      const text = `${(moment - begin) / 1000} s`
      if (moment - begin >= seconds(SETTLING)) expected.push(text)
      send(Buffer.from(text))
      next(number + 1)
    })
  }
  next(0)
  return expected
}

/** What did not arrive exactly once. */
function strays(way: string, expected: readonly string[], heard: readonly string[]): string[] {
  const times = new Map<string, number>()
  for (const text of heard) times.set(text, (times.get(text) ?? 0) + 1)
  return expected
    .filter(text => times.get(text) !== 1)
    .map(text => `${way}: ${text}, ${times.get(text) ?? 0} times`)
}

function outcome(clients: readonly PlayedClient[], astray: readonly string[]): Omit<Outcome, 'sent'> {
  return {
    faults: clients.flatMap(({ faults, relayed }) => [...faults, ...(relayed ? [] : ['no relayed address'])]),
    astray,
    stale: clients.reduce((sum, { stale }) => sum + stale, 0),
  }
}
