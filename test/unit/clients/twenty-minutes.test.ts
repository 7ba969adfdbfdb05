import t from 'tap'
import { aioice } from './aioice.ts'
import { play, type Scenario } from './call.ts'
import { firefox } from './firefox.ts'
import { libjuice } from './libjuice.ts'
import { libnice } from './libnice.ts'
import { libwebrtc } from './libwebrtc.ts'
import { pion } from './pion.ts'
import { pjnath, pjnathChannels } from './pjnath.ts'
import type { Profile } from './profile.ts'
import { librice, rfc8489 } from './rfc8489.ts'
import { uclient } from './uclient.ts'
import { werift } from './werift.ts'

const PROFILES: readonly Profile[] = [
  aioice,
  firefox,
  libjuice,
  libnice,
  librice,
  libwebrtc,
  pion,
  pjnath,
  pjnathChannels,
  rfc8489,
  uclient,
  werift,
]

const AS_INSTALLED = { nonceLifetime: 3600, lifetime: 3600, credentials: 'kept', forwarder: 'table' } as const
/** The least that an operator may set. */
const LEAST = { ...AS_INSTALLED, lifetime: 600 } as const

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'with a host over IPv4, the relay as it is installed': {
    ...AS_INSTALLED,
    family: 4,
    via: 'udp',
    to: 'host',
  },
  'with a host over IPv6, the least lifetime and every nonce stale': {
    ...LEAST,
    nonceLifetime: 2,
    family: 6,
    via: 'udp',
    to: 'host',
  },
  'with its like, a fresh credential at every challenge': {
    ...LEAST,
    nonceLifetime: 20,
    credentials: 'fresh',
    family: 4,
    via: 'udp',
    to: 'client',
  },
  'over TCP with its like, nonces that end in between': {
    ...LEAST,
    nonceLifetime: 333,
    family: 4,
    via: 'tcp',
    to: 'client',
  },
  'over TCP and IPv6 with a host, where the core relays every datagram': {
    ...LEAST,
    nonceLifetime: 20,
    forwarder: 'none',
    family: 6,
    via: 'tcp',
    to: 'host',
  },
}

for (const profile of PROFILES) {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if (!profile.vias.includes(scenario.via)) continue
    t.test(`P-01, P-06, P-07: ${profile.name} talks for twenty minutes ${name}`, t => {
      const { faults, astray, sent, stale } = play(profile, scenario)
      t.same(faults.slice(0, 5), [], profile.source)
      t.same(astray.slice(0, 5), [])
      t.ok(sent > 4700, `${sent} payloads`)
      // Who renews within the life of a nonce never sees a stale one.
      if (scenario.nonceLifetime < 300) t.ok(stale > 0, 'a nonce became stale')
      t.end()
    })
  }
}
