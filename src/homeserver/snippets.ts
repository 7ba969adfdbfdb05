/** What the lines for another program are made of. */
export interface SnippetInput {
  /** How clients reach the relay; an IPv6 address in brackets. */
  readonly host: string
  /** The ports to name; at least one is there. */
  readonly ports: { readonly udp?: number; readonly tcp?: number; readonly tls?: number }
  readonly uris: readonly string[]
  /** The shared secret, or the file that the other program is to read it from. */
  readonly secret: { readonly value: string } | { readonly file: string }
}

/** How one program is told of the relay. */
export interface Snippet {
  readonly name: string
  readonly title: string
  /** Where the lines go. */
  readonly file: string
  /** True where the program can read the secret from a file. */
  readonly readsFile: boolean
  readonly lines: (input: SnippetInput) => string
}

/** How long the credentials are to live. Element fetches new ones only every ten minutes, so short ones fail. */
const DAY = 86_400

export const SNIPPETS: readonly Snippet[] = [
  {
    name: 'synapse',
    title: 'Synapse',
    file: 'homeserver.yaml',
    readsFile: true,
    lines: ({ uris, secret }) => `turn_uris:
${list(uris, 2)}
${yaml(secret, 'turn_shared_secret', 'turn_shared_secret_path')}
turn_user_lifetime: 24h
turn_allow_guests: false
`,
  },
  {
    name: 'dendrite',
    title: 'Dendrite',
    file: 'dendrite.yaml',
    readsFile: false,
    lines: ({ uris, secret }) => `client_api:
  turn:
    turn_user_lifetime: "24h"
    turn_uris:
${list(uris, 6)}
    turn_shared_secret: ${quote(value(secret))}
`,
  },
  {
    name: 'conduit',
    title: 'Conduit',
    file: 'conduit.toml',
    readsFile: false,
    lines: ({ uris, secret }) => `[global.turn]
uris = ${array(uris)}
secret = ${quote(value(secret))}
ttl = ${DAY}
`,
  },
  conduitFamily('tuwunel', 'Tuwunel', 'tuwunel.toml'),
  conduitFamily('continuwuity', 'Continuwuity', 'continuwuity.toml'),
  conduitFamily('conduwuit', 'conduwuit', 'conduwuit.toml'),
  {
    name: 'palpo',
    title: 'Palpo',
    file: 'palpo.toml',
    readsFile: false,
    lines: ({ uris, secret }) => `[turn]
uris = ${array(uris)}
secret = ${quote(value(secret))}
ttl = ${DAY}
`,
  },
  {
    name: 'livekit',
    title: 'LiveKit (Element Call, Element X)',
    file: 'livekit.yaml',
    readsFile: true,
    lines: ({ host, ports, secret }) => `rtc:
  turn_servers:
${each(ports, ({ port, transport }) =>
  [
    `    - host: ${quote(host)}`,
    `      port: ${port}`,
    `      protocol: ${transport}`,
    `      ${yaml(secret, 'secret', 'secret_file')}`,
    '      ttl: 14400',
  ].join('\n'),
)}
`,
  },
  {
    name: 'prosody',
    title: 'Prosody 0.12 or later',
    file: 'prosody.cfg.lua',
    readsFile: false,
    lines: prosody,
  },
  {
    name: 'ejabberd',
    title: 'ejabberd',
    file: 'ejabberd.yml',
    readsFile: false,
    lines: ({ host, ports, secret }) => `modules:
  mod_stun_disco:
    secret: ${quote(value(secret))}
    credentials_lifetime: 12 hours
    offer_local_services: false
    services:
${each(ports, ({ port, transport }) =>
  [
    `      - host: ${quote(host)}`,
    `        port: ${port}`,
    `        type: ${transport === 'tls' ? 'turns' : 'turn'}`,
    `        transport: ${transport === 'udp' ? 'udp' : 'tcp'}`,
    '        restricted: true',
  ].join('\n'),
)}
`,
  },
  {
    name: 'nextcloud-talk',
    title: 'Nextcloud Talk',
    file: 'occ',
    readsFile: false,
    lines: nextcloudTalk,
  },
  {
    name: 'jitsi',
    title: 'Jitsi Meet',
    file: 'prosody/conf.avail/DOMAIN.cfg.lua',
    readsFile: false,
    lines: ({ host, ports, secret }) => `external_service_secret = ${quote(value(secret))};
external_services = {
${each(ports, port => externalService(host, port))}
};
`,
  },
  {
    name: 'jitsi-docker',
    title: 'Jitsi Meet in Docker',
    file: '.env',
    readsFile: false,
    lines: jitsiDocker,
  },
  {
    name: 'galene',
    title: 'Galène',
    file: 'data/ice-servers.json',
    readsFile: false,
    lines: ({ uris, secret }) =>
      json([{ urls: uris, username: 'galene', credential: value(secret), credentialType: 'hmac-sha1' }]),
  },
  {
    name: 'bigbluebutton',
    title: 'BigBlueButton',
    file: '/etc/bigbluebutton/turn-stun-servers.xml',
    readsFile: false,
    lines: bigBlueButton,
  },
  {
    name: 'mattermost',
    title: 'Mattermost Calls',
    file: 'config.json',
    readsFile: false,
    lines: ({ uris, secret }) =>
      json({
        PluginSettings: {
          Plugins: {
            'com.mattermost.calls': {
              iceserversconfigs: JSON.stringify([{ urls: uris }]),
              turnstaticauthsecret: value(secret),
              turncredentialsexpirationminutes: 240,
            },
          },
        },
      }),
  },
]

function conduitFamily(name: string, title: string, file: string): Snippet {
  const lines = ({ uris, secret }: SnippetInput) => `# in the section [global]
turn_uris = ${array(uris)}
${'file' in secret ? `turn_secret_file = ${quote(secret.file)}` : `turn_secret = ${quote(secret.value)}`}
turn_ttl = ${DAY}
`
  return { name, title, file, readsFile: true, lines }
}

/**
 * mod_turn_external announces TURN over TLS without a secret, so that clients
 * get no password for it; TLS goes through mod_external_services.
 */
function prosody({ host, ports, secret }: SnippetInput): string {
  const tls =
    ports.tls === undefined
      ? ''
      : `
-- for TLS, add "external_services" to modules_enabled too
external_service_secret = ${quote(value(secret))}
external_services = {
${externalService(host, { port: ports.tls, transport: 'tls' })}
}
`
  return `-- add "turn_external" to modules_enabled
turn_external_host = ${quote(host)}
turn_external_port = ${ports.udp ?? ports.tcp ?? 3478}
turn_external_secret = ${quote(value(secret))}
turn_external_ttl = ${DAY}
turn_external_tcp = ${ports.tcp !== undefined && ports.tcp === (ports.udp ?? ports.tcp)}
${tls}`
}

function externalService(host: string, { port, transport }: Port): string {
  const type = transport === 'tls' ? 'turns' : 'turn'
  const wire = transport === 'udp' ? 'udp' : 'tcp'
  return `  { type = "${type}", host = ${quote(host)}, port = ${port}, transport = "${wire}", secret = true, ttl = ${DAY}, algorithm = "turn" };`
}

function nextcloudTalk({ host, ports, secret }: SnippetInput): string {
  const add = (scheme: string, port: number, protocols: string) =>
    `occ talk:turn:add ${scheme} ${shell(`${host}:${port}`)} ${protocols} --secret=${shell(value(secret))}\n`
  const plain =
    ports.udp !== undefined && ports.udp === ports.tcp
      ? add('turn', ports.udp, 'udp,tcp')
      : `${ports.udp === undefined ? '' : add('turn', ports.udp, 'udp')}${ports.tcp === undefined ? '' : add('turn', ports.tcp, 'tcp')}`
  return `${plain}${ports.tls === undefined ? '' : add('turns', ports.tls, 'tcp')}`
}

function jitsiDocker({ host, ports, secret }: SnippetInput): string {
  const { udp, tcp, tls } = ports
  const plain = udp ?? tcp
  return [
    `TURN_CREDENTIALS=${value(secret)}`,
    ...(plain === undefined
      ? []
      : [`TURN_HOST=${host}`, `TURN_PORT=${plain}`, `TURN_TRANSPORT=${udp === undefined ? 'tcp' : 'udp'}`]),
    ...(tls === undefined ? [] : [`TURNS_HOST=${host}`, `TURNS_PORT=${tls}`]),
    '',
  ].join('\n')
}

function bigBlueButton({ uris, secret }: SnippetInput): string {
  const turn = (
    uri: string,
    i: number,
  ) => `  <bean id="turn${i}" class="org.bigbluebutton.web.services.turn.TurnServer">
    <constructor-arg index="0" value="${xml(value(secret))}"/>
    <constructor-arg index="1" value="${xml(uri)}"/>
    <constructor-arg index="2" value="${DAY}"/>
  </bean>`
  return `<?xml version="1.0" encoding="UTF-8"?>
<beans xmlns="http://www.springframework.org/schema/beans"
       xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
       xsi:schemaLocation="http://www.springframework.org/schema/beans
                           http://www.springframework.org/schema/beans/spring-beans-2.5.xsd">
${uris.map(turn).join('\n')}
  <bean id="stunTurnService" class="org.bigbluebutton.web.services.turn.StunTurnService">
    <property name="stunServers"><set/></property>
    <property name="turnServers">
      <set>
${uris.map((_, i) => `        <ref bean="turn${i}"/>`).join('\n')}
      </set>
    </property>
  </bean>
</beans>
`
}

interface Port {
  readonly port: number
  readonly transport: 'udp' | 'tcp' | 'tls'
}

/** Writes one block for each port that is there. */
function each(ports: SnippetInput['ports'], write: (port: Port) => string): string {
  const transports = ['udp', 'tcp', 'tls'] as const
  const there = transports.flatMap(transport => {
    const port = ports[transport]
    return port === undefined ? [] : [{ port, transport }]
  })
  return there.map(write).join('\n')
}

function value(secret: SnippetInput['secret']): string {
  if ('file' in secret) throw new TypeError('this program reads no secret from a file')
  return secret.value
}

function yaml(secret: SnippetInput['secret'], key: string, fileKey: string): string {
  return 'file' in secret ? `${fileKey}: ${quote(secret.file)}` : `${key}: ${quote(secret.value)}`
}

/** A text in double quotes: JSON's way is understood by YAML, TOML and Lua for all that a secret may hold. */
function quote(text: string): string {
  return JSON.stringify(text)
}

function list(texts: readonly string[], indent: number): string {
  return texts.map(text => `${' '.repeat(indent)}- ${quote(text)}`).join('\n')
}

function array(texts: readonly string[]): string {
  return `[${texts.map(quote).join(', ')}]`
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

function shell(text: string): string {
  return /^[\w.:@%+=/[\]-]+$/.test(text) && !text.includes('[') ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
