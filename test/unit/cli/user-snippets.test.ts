import t from 'tap'
import { parse as parseYaml } from 'yaml'
import { MORE_SNIPPETS } from '../../../src/homeserver/more-snippets.ts'
import { USER_SNIPPETS, type UserSnippetInput } from '../../../src/homeserver/user-snippets.ts'
import { run } from '../../support/captured.ts'
import { folderWith, HOMESERVER, SECRET } from '../../support/loading.ts'

const URIS = [
  'turn:turn.example.org:3478?transport=udp',
  'turn:turn.example.org:3478?transport=tcp',
  'turns:turn.example.org:5349?transport=tcp',
]
const HARD = `p"a'ss wörd;#$@:`
const input = (password = 'f00dbabe'): UserSnippetInput => ({
  host: 'turn.example.org',
  ports: { udp: 3478, tcp: 3478, tls: 5349 },
  uris: URIS,
  user: 'cameras',
  password,
})
const lines = (name: string, password?: string) =>
  USER_SNIPPETS.find(snippet => snippet.name === name)!.lines(input(password))
const ICE = (password: string) => ({ urls: URIS, username: 'cameras', credential: password })

t.test('OW-06: plain iceServers are JSON, as a browser takes them', async t => {
  for (const password of ['f00dbabe', HARD]) {
    t.same(JSON.parse(lines('ice-servers', password)), [ICE(password)])
    t.same(JSON.parse(lines('pairdrop', password)).iceServers, [ICE(password)])
    t.match(lines('peerjs', password), JSON.stringify(ICE(password)))
  }
})

t.test('OW-06: YAML is read back as it was meant, whatever is in the password', async t => {
  for (const password of ['f00dbabe', HARD]) {
    const fields = { username: 'cameras', credential: password }
    t.same(parseYaml(lines('home-assistant', password)), {
      web_rtc: { ice_servers: [{ url: URIS, ...fields }] },
    })
    const go2rtc = { webrtc: { ice_servers: [{ urls: URIS, ...fields }] } }
    t.same(parseYaml(lines('go2rtc', password)), go2rtc)
    t.same(parseYaml(lines('frigate', password)), { go2rtc })
    t.same(parseYaml(lines('mediamtx', password)).webrtcICEServers2, [
      ...URIS.map(url => ({ url, username: 'cameras', password })),
    ])
  }
})

/** What each program must be told, as its own manual names it. */
const NEEDS: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  neko: [/^NEKO_WEBRTC_ICESERVERS_FRONTEND='\[\{"urls":\["turn:/],
  mirotalk: ['TURN_SERVER_ENABLED=true', `TURN_SERVER_URL=${URIS[0]}`, 'TURN_SERVER_CREDENTIAL=f00dbabe'],
  rocketchat: [`OVERWRITE_SETTING_WebRTC_Servers='cameras:f00dbabe@${URIS[0]}, cameras:f00dbabe@turn:`],
  asterisk: [
    'icesupport=true',
    'turnaddr=turn.example.org:3478',
    'turnusername=cameras',
    'turnpassword=f00dbabe',
  ],
  janus: [
    'turn_server = "turn.example.org"',
    'turn_port = 3478',
    'turn_type = "udp"',
    'turn_pwd = "f00dbabe"',
  ],
  kurento: ['turnURL=cameras:f00dbabe@turn.example.org:3478?transport=udp'],
  simplex: ['turn:cameras:f00dbabe@turn.example.org:3478?transport=udp\n', 'turns:cameras:f00dbabe@'],
  'spreed-signaling': ['[turn]', `secret = ${SECRET}`, `servers = ${URIS.join(',')}`],
  snikket: [
    'SNIKKET_TWEAK_TURNSERVER=0',
    'SNIKKET_TWEAK_TURNSERVER_DOMAIN=turn.example.org',
    `_SECRET=${SECRET}`,
  ],
  openvidu: [`OPENVIDU_WEBRTC_ICE_SERVERS=["url=${URIS[0]},staticAuthSecret=${SECRET}","url=`],
  screego: ['SCREEGO_TURN_EXTERNAL_IP=dns:turn.example.org', 'SCREEGO_TURN_EXTERNAL_PORT=3478', SECRET],
  selkies: ['SELKIES_TURN_HOST=turn.example.org', 'SELKIES_TURN_PROTOCOL=udp', `SHARED_SECRET=${SECRET}`],
}
const READ = ['ice-servers', 'peerjs', 'pairdrop', 'home-assistant', 'go2rtc', 'frigate', 'mediamtx']

for (const { name, lines } of USER_SNIPPETS.filter(one => !READ.includes(one.name))) {
  t.test(`OW-06: the lines for ${name} say what it needs`, async t => {
    for (const need of NEEDS[name]!) t.match(lines(input()), need)
  })
}

for (const { name, lines } of MORE_SNIPPETS) {
  t.test(`OW-06: the lines for ${name} say what it needs`, async t => {
    for (const need of NEEDS[name]!) t.match(lines({ ...input(), secret: { value: SECRET } }), need)
  })
}

t.test('OW-06: a password is written as each form wants it', async t => {
  t.match(lines('asterisk', HARD), 'turnpassword=p"a\'ss wörd\\;#$@:\n')
  t.match(lines('simplex', HARD), `turn:cameras:${encodeURIComponent(HARD)}@turn.`)
  t.match(lines('mirotalk', HARD), `TURN_SERVER_CREDENTIAL='p"a'\\''ss wörd;#$@:'\n`)
})

t.test('OW-06: snippet takes name and password of an entry of users', async t => {
  const users = (...names: string[]) =>
    `"users": ${JSON.stringify(names.map(name => ({ name, password: `${name}-and-twelve-more` })))}`
  const of = async (config: string, ...args: string[]) => {
    const folder = folderWith(t, { 'turnserver.json': `{ "realm": "turn.example.org", ${config} }` })
    return run(folder, ['snippet', ...args])
  }
  const one = await of(users('cameras'), 'ice-servers')
  t.equal(one.code, 0, one.stderr)
  t.match(JSON.parse(one.stdout), [{ urls: [/^turn:turn\.example\.org/], username: 'cameras' }])
  t.match(await of(HOMESERVER, 'go2rtc'), {
    code: 1,
    stderr: /go2rtc takes a fixed name and password[\s\S]*"users": \[\{ /,
  })
  t.match(await of(users('a', 'b'), 'go2rtc'), { code: 2, stderr: /choose one with --user: a, b/ })
  t.match(await of(users('a', 'b'), 'go2rtc', '--user', 'b'), { code: 0, stdout: /b-and-twelve-more/ })
  t.match(await of(users('a', 'b'), 'go2rtc', '--user', 'c'), { code: 2, stderr: /no entry "c"/ })
  t.match(await of(users('a'), 'go2rtc', '--host', '[2001:db8::1]'), { stdout: /turn:\[2001:db8::1\]:3478/ })
})

t.test('OW-06: what a program cannot take is said beside the lines', async t => {
  const said = async (name: string, password: string, ...args: string[]) => {
    const users = JSON.stringify([{ name: 'cameras', password }])
    const config = `{ "realm": "turn.example.org", "users": ${users} }`
    return (await run(folderWith(t, { 'turnserver.json': config }), ['snippet', name, ...args])).stderr
  }
  t.match(await said('kurento', 'twelve-or-more'), /Kurento takes an IP address here, not a name/)
  t.notMatch(await said('kurento', 'twelve-or-more', '--host', '203.0.113.7'), /takes an IP address/)
  t.notMatch(await said('kurento', 'twelve-or-more', '--host', '[2001:db8::1]'), /takes an IP address/)
  t.match(await said('simplex', 'twelve:or-more'), /SimpleX cuts off the password at a colon/)
  t.notMatch(await said('simplex', 'twelve-or-more'), /cuts off/)
})

t.test('snippet certbot prints the hook of the documents, for the name of this relay', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ "realm": "turn.example.net", ${HOMESERVER} }` })
  const { code, stdout, stderr } = await run(folder, ['snippet', 'certbot'])
  t.equal(code, 0)
  t.match(stdout, /live=\/etc\/letsencrypt\/live\/turn\.example\.net\n/)
  t.match(stdout, /certbot certonly --standalone -d turn\.example\.net\n/)
  t.match(stderr, /"certificate": "\/etc\/taciturn\/fullchain\.pem"/)
  const { readFileSync } = await import('node:fs')
  const documents = readFileSync(new URL('../../../docs/operating.md', import.meta.url), 'utf8')
  const hook = /<<'END'\n(#!\/bin\/sh\n[\s\S]*?)END\n/
  t.equal(
    hook.exec(stdout)?.[1],
    hook.exec(documents)?.[1]?.replaceAll('turn.example.org', 'turn.example.net'),
  )
})
