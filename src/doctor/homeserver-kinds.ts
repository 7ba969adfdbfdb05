/** What is peculiar to one kind of homeserver: where its TURN settings stand and what they are called. */
export interface HomeserverKind {
  /** As `taciturn snippet` knows it. */
  readonly name: string
  readonly title: string
  readonly file: string
  /** Setting that names the URIs, as one writes it. */
  readonly uris: string
  readonly secret: string
  /** A line that makes credentials live for a day. */
  readonly lifetime: string
  readonly guests: string
  readonly restart: string
}

const SYNAPSE: HomeserverKind = {
  name: 'synapse',
  title: 'Synapse',
  file: 'homeserver.yaml',
  uris: 'turn_uris',
  secret: 'turn_shared_secret',
  lifetime: 'turn_user_lifetime: 24h',
  guests: 'turn_allow_guests: true',
  restart: 'systemctl restart matrix-synapse',
}

const KINDS: readonly (readonly [pattern: RegExp, kind: HomeserverKind])[] = [
  [/synapse/i, SYNAPSE],
  [
    /dendrite/i,
    {
      name: 'dendrite',
      title: 'Dendrite',
      file: 'dendrite.yaml',
      uris: 'client_api.turn.turn_uris',
      secret: 'client_api.turn.turn_shared_secret',
      lifetime: 'client_api.turn.turn_user_lifetime: "24h"',
      guests: '',
      restart: 'systemctl restart dendrite',
    },
  ],
  [/tuwunel/i, conduitLike('tuwunel', 'Tuwunel')],
  [/continuwuity/i, conduitLike('continuwuity', 'Continuwuity')],
  [/conduwuit/i, conduitLike('conduwuit', 'conduwuit')],
  [
    /conduit/i,
    {
      name: 'conduit',
      title: 'Conduit',
      file: 'conduit.toml',
      uris: '[global.turn] uris',
      secret: '[global.turn] secret',
      lifetime: '[global.turn] ttl = 86400',
      guests: '',
      restart: 'systemctl restart conduit',
    },
  ],
  [
    /palpo/i,
    {
      name: 'palpo',
      title: 'Palpo',
      file: 'palpo.toml',
      uris: '[turn] uris',
      secret: '[turn] secret',
      lifetime: '[turn] ttl = 86400',
      guests: '[turn] allow_guests = true',
      restart: 'systemctl restart palpo',
    },
  ],
]

/** The kind that calls itself so in `/_matrix/federation/v1/version`; Synapse's words where nobody knows. */
export function kindOf(server: string | undefined): { kind: HomeserverKind; known: boolean } {
  const found = KINDS.find(([pattern]) => pattern.test(server ?? ''))
  return found ? { kind: found[1], known: true } : { kind: SYNAPSE, known: false }
}

/** The words of a kind, for the texts that name its settings. */
export function kindWords(kind: HomeserverKind): Record<string, string> {
  const { name, title, file, uris, secret, lifetime, guests, restart } = kind
  return { name, title, file, uris, secret, lifetime, guests, restart }
}

function conduitLike(name: string, title: string): HomeserverKind {
  return {
    name,
    title,
    file: `${name}.toml`,
    uris: '[global] turn_uris',
    secret: '[global] turn_secret',
    lifetime: '[global] turn_ttl = 86400',
    guests: '[global] turn_allow_guests = true',
    restart: `systemctl restart ${name}`,
  }
}
