import type { Snippet, SnippetInput } from './snippets.ts'

/** Programs besides homeservers that make time-limited credentials of a shared secret. */
export const MORE_SNIPPETS: readonly Snippet[] = [
  {
    name: 'spreed-signaling',
    title: 'Nextcloud Talk high-performance backend',
    file: 'server.conf',
    readsFile: false,
    lines: input => `[turn]
# any text; the proxy or the SFU shows it to ask for credentials
apikey = the-turn-key-of-this-backend
secret = ${secretOf(input)}
servers = ${input.uris.join(',')}
`,
  },
  {
    name: 'snikket',
    title: 'Snikket',
    file: 'snikket.conf',
    readsFile: false,
    lines: input => `SNIKKET_TWEAK_TURNSERVER=0
SNIKKET_TWEAK_TURNSERVER_DOMAIN=${input.host}
SNIKKET_TWEAK_TURNSERVER_PORT=${plainPort(input)}
SNIKKET_TWEAK_TURNSERVER_SECRET=${secretOf(input)}
`,
  },
  {
    name: 'openvidu',
    title: 'OpenVidu 2',
    file: '/opt/openvidu/.env',
    readsFile: false,
    lines: input =>
      `OPENVIDU_WEBRTC_ICE_SERVERS=${JSON.stringify(input.uris.map(uri => `url=${uri},staticAuthSecret=${secretOf(input)}`))}\n`,
  },
  {
    name: 'screego',
    title: 'Screego',
    file: 'screego.config',
    readsFile: false,
    lines: input => `SCREEGO_TURN_EXTERNAL_IP=${/^[[\d]/.test(input.host) ? input.host : `dns:${input.host}`}
SCREEGO_TURN_EXTERNAL_PORT=${plainPort(input)}
SCREEGO_TURN_EXTERNAL_SECRET=${secretOf(input)}
`,
  },
  {
    name: 'selkies',
    title: 'Selkies',
    file: 'the environment of the container',
    readsFile: false,
    lines: input => `SELKIES_TURN_HOST=${input.host}
SELKIES_TURN_PORT=${plainPort(input)}
SELKIES_TURN_PROTOCOL=${input.ports.udp === undefined ? 'tcp' : 'udp'}
SELKIES_TURN_SHARED_SECRET=${secretOf(input)}
`,
  },
]

function plainPort({ ports }: SnippetInput): number {
  return ports.udp ?? ports.tcp ?? 3478
}

function secretOf({ secret }: SnippetInput): string {
  if ('file' in secret) throw new TypeError('this program reads no secret from a file')
  return secret.value
}
