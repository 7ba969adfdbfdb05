import { parseIp } from '../base/address.ts'

/** What the lines for a program with a fixed name and password are made of. */
export interface UserSnippetInput {
  /** How clients reach the relay; an IPv6 address in brackets. */
  readonly host: string
  readonly ports: { readonly udp?: number; readonly tcp?: number; readonly tls?: number }
  /** The fastest first. */
  readonly uris: readonly string[]
  readonly user: string
  readonly password: string
}

/** How one program, which cannot make time-limited credentials, is told of the relay. */
export interface UserSnippet {
  readonly name: string
  readonly title: string
  /** Where the lines go. */
  readonly file: string
  readonly lines: (input: UserSnippetInput) => string
  /** Has a limit that concerns this input: the program takes no names, or not every password. */
  readonly hint?: UserSnippetHint
}

export type UserSnippetHint = 'kurento' | 'simplex'

/** Whether the program's limit meets these lines. */
export function hintConcerns(hint: UserSnippetHint, { host, user, password }: UserSnippetInput): boolean {
  if (hint === 'kurento') return parseIp(host.replace(/^\[(.*)\]$/, '$1')) === undefined
  return `${user}${password}`.includes(':')
}

/** Programs that take a name and a password of `users`. */
export const USER_SNIPPETS: readonly UserSnippet[] = [
  {
    name: 'ice-servers',
    title: 'iceServers of any browser or library (RTCPeerConnection, mediasoup, werift, aiortc)',
    file: 'its configuration',
    lines: input => json([iceServer(input)]),
  },
  {
    name: 'peerjs',
    title: 'PeerJS',
    file: 'the script of the page',
    lines: input =>
      `const peer = new Peer({\n  config: { iceServers: [${JSON.stringify(iceServer(input))}] },\n})\n`,
  },
  {
    name: 'pairdrop',
    title: 'PairDrop',
    file: 'rtc_config.json, which RTC_CONFIG names',
    lines: input => json({ sdpSemantics: 'unified-plan', iceServers: [iceServer(input)] }),
  },
  {
    name: 'neko',
    title: 'neko 3',
    file: '.env',
    lines: input => `NEKO_WEBRTC_ICESERVERS_FRONTEND=${shell(JSON.stringify([iceServer(input)]))}\n`,
  },
  {
    name: 'home-assistant',
    title: 'Home Assistant',
    file: 'configuration.yaml',
    lines: ({ uris, user, password }) => `web_rtc:
  ice_servers:
    - url: ${JSON.stringify(uris)}
      username: ${quote(user)}
      credential: ${quote(password)}
`,
  },
  {
    name: 'go2rtc',
    title: 'go2rtc',
    file: 'go2rtc.yaml',
    lines: input => go2rtc(input, ''),
  },
  {
    name: 'frigate',
    title: 'Frigate',
    file: 'config.yml',
    lines: input => `go2rtc:\n${go2rtc(input, '  ')}`,
  },
  {
    name: 'mediamtx',
    title: 'MediaMTX',
    file: 'mediamtx.yml',
    lines: ({ uris, user, password }) => `webrtcICEServers2:
${uris.map(uri => `  - url: ${quote(uri)}\n    username: ${quote(user)}\n    password: ${quote(password)}`).join('\n')}
`,
  },
  {
    name: 'mirotalk',
    title: 'MiroTalk P2P',
    file: '.env',
    lines: ({ uris, user, password }) => `TURN_SERVER_ENABLED=true
TURN_SERVER_URL=${shell(uris[0]!)}
TURN_SERVER_USERNAME=${shell(user)}
TURN_SERVER_CREDENTIAL=${shell(password)}
`,
  },
  {
    name: 'rocketchat',
    title: 'Rocket.Chat',
    file: 'the environment of the server',
    lines: ({ uris, user, password }) => {
      const [name, secret] = [encodeURIComponent(user), encodeURIComponent(password)]
      const servers = uris.map(uri => `${name}:${secret}@${uri}`)
      return `OVERWRITE_SETTING_WebRTC_Servers=${shell(servers.join(', '))}\n`
    },
  },
  {
    name: 'asterisk',
    title: 'Asterisk, FreePBX',
    file: 'rtp.conf (FreePBX: rtp_custom.conf)',
    lines: ({ host, ports, user, password }) => `[general]
icesupport=true
turnaddr=${host}:${ports.udp ?? ports.tcp ?? 3478}
turnusername=${user}
turnpassword=${password.replaceAll(';', '\\;')}
`,
  },
  {
    name: 'janus',
    title: 'Janus',
    file: 'janus.jcfg',
    lines: ({ host, ports, user, password }) => `nat: {
	turn_server = ${quote(host)}
	turn_port = ${ports.udp ?? ports.tcp ?? 3478}
	turn_type = "${ports.udp === undefined ? 'tcp' : 'udp'}"
	turn_user = ${quote(user)}
	turn_pwd = ${quote(password)}
}
`,
  },
  {
    name: 'kurento',
    title: 'Kurento',
    file: '/etc/kurento/modules/kurento/WebRtcEndpoint.conf.ini',
    hint: 'kurento',
    lines: ({ host, ports, user, password }) =>
      `turnURL=${user}:${password}@${host}:${ports.udp ?? ports.tcp ?? 3478}?transport=${ports.udp === undefined ? 'tcp' : 'udp'}\n`,
  },
  {
    name: 'simplex',
    title: 'SimpleX Chat',
    file: 'Settings, Network & servers, WebRTC ICE servers',
    hint: 'simplex',
    lines: ({ uris, user, password }) => {
      const who = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
      return `${uris.map(uri => uri.replace(/^(turns?:)/, `$1${who}@`)).join('\n')}\n`
    },
  },
]

function iceServer({ uris, user, password }: UserSnippetInput) {
  return { urls: uris, username: user, credential: password }
}

function go2rtc({ uris, user, password }: UserSnippetInput, indent: string): string {
  return [
    'webrtc:',
    '  ice_servers:',
    `    - urls: ${JSON.stringify(uris)}`,
    `      username: ${quote(user)}`,
    `      credential: ${quote(password)}`,
  ]
    .map(line => `${indent}${line}\n`)
    .join('')
}

function quote(text: string): string {
  return JSON.stringify(text)
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

/** As a shell, and what reads `.env` files, takes it. */
function shell(text: string): string {
  return /^[\w.:@%+=/?,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
