import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { chownSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CertificateKeeper } from '../../../src/acme/certificate-keeper.ts'
import type { Settings } from '../../../src/config/settings.ts'
import { parseListener } from '../../../src/config/values/listener.ts'
import type { AcmeChallenge } from '../../../src/net/stream/tls/acme-door.ts'
import { loadTls } from '../../../src/net/stream/tls/tls-context.ts'
import { sayRunning } from '../../../src/texts/running.ts'
import { kept, TestAuthority } from '../../support/acme-authority.ts'
import { loaded } from '../../support/settings.ts'
import { makeCertificate } from '../net/certificate.ts'

const DAY = 86_400_000
const MINUTE = 60_000

type Acme = NonNullable<NonNullable<Settings['tls']>['acme']>

/** A relay's certificate in the hands of a keeper, with an authority and a clock that the test moves. */
class Kept {
  readonly authority = new TestAuthority(() => this.now)
  readonly said: string[] = []
  readonly file: string
  readonly keeper: CertificateKeeper
  /** What is being proved now, and all that ever was. */
  proving: readonly AcmeChallenge[] = []
  readonly proved: AcmeChallenge[] = []
  renewals = 0
  now = Date.UTC(2030, 0, 1)
  waited = 0
  readonly #folder: string

  constructor(t: Test, acme: Partial<Acme> = {}, listen: readonly string[] = ['tcp://127.0.0.1:3478']) {
    this.#folder = t.testdir({})
    const settings = this.settings(acme, listen)
    this.file = settings.tls!.certificate
    const say = (message: Parameters<CertificateKeeperLog['warn']>[0]) =>
      this.said.push(typeof message === 'string' ? message : sayRunning(message, 'en'))
    this.keeper = new CertificateKeeper(settings, {
      log: { info: say, warn: say },
      served: () => (existsSync(this.file) ? loadTls({ certificate: this.file, key: this.file }) : undefined),
      prove: challenges => {
        this.proving = challenges
        this.proved.push(...challenges)
      },
      renewed: () => this.renewals++,
      now: () => this.now,
      elapsed: () => this.now,
      wait: async ms => {
        this.waited += ms
        this.now += ms
      },
      exchange: this.authority.exchange,
      random: () => 0,
    })
  }

  settings(acme: Partial<Acme> = {}, listen: readonly string[] = ['tcp://127.0.0.1:3478']): Settings {
    const { settings } = loaded({ listen: ['tls://127.0.0.1:5349'], tls: { acme: {} } })
    const file = join(this.#folder, 'acme', 'ca.test', 'certificate.pem')
    return {
      ...settings,
      listen: listen.flatMap(one => {
        const parsed = parseListener(one)
        return parsed.ok ? [parsed.value] : []
      }),
      tls: {
        certificate: file,
        key: file,
        acme: { ...settings.tls!.acme!, directory: this.authority.directory, ...acme },
      },
    }
  }

  /** Lets time pass, and whatever is due happen. */
  async pass(ms: number): Promise<void> {
    this.now += ms
    this.keeper.tick()
    // All that the authority is asked is answered at once.
    for (let turn = 0; turn < 500; turn++) await Promise.resolve()
    await new Promise(resolve => setImmediate(resolve))
  }
}

type CertificateKeeperLog = ConstructorParameters<typeof CertificateKeeper>[1]['log']

t.test(
  'a relay without a certificate gets one, proves its name meanwhile and not a moment longer',
  async t => {
    const relay = new Kept(t)
    t.equal(relay.keeper.waiting?.key, 'acme.asking')
    relay.authority.look = ({ token, answer }) => {
      t.same(relay.proving, [{ kind: 'http-01', token, answer }])
      return undefined
    }
    await relay.pass(0)

    t.same(relay.authority.made, [['turn.example.org']])
    t.equal(relay.renewals, 1)
    t.same(relay.proving, [])
    t.equal(relay.proved.length, 1)
    t.equal(relay.keeper.waiting, undefined)
    t.equal(statSync(relay.file).mode & 0o777, 0o600, 'for the relay only')
    t.equal(statSync(join(relay.file, '..', 'account.pem')).mode & 0o777, 0o600)
    t.doesNotThrow(() => createPrivateKey(kept(readFileSync(relay.file, 'latin1')).key))
    t.match(relay.said, ['certificate obtained'])
  },
)

t.test(
  'where the relay has port 443, the proof is a certificate for the name with the answer in it',
  async t => {
    const relay = new Kept(t, {}, ['tls://127.0.0.1:443'])
    await relay.pass(0)

    t.match(relay.proved, [{ kind: 'tls-alpn-01', name: 'turn.example.org' }])
    t.equal(relay.authority.made.length, 1)
  },
)

t.test('every name is proved, and the certificate is for all of them', async t => {
  const relay = new Kept(t, { names: ['turn.example.org', 'stun.example.org'] })
  await relay.pass(0)

  t.equal(relay.proved.length, 2)
  t.same(relay.authority.made, [['turn.example.org', 'stun.example.org']])
})

t.test('an order is finished once it is ready, which may be a while after its names were proved', async t => {
  const relay = new Kept(t)
  relay.authority.readyAfter = 3
  await relay.pass(0)
  t.equal(relay.authority.made.length, 1)
  t.equal(relay.authority.asked.filter(path => path.startsWith('/finalize')).length, 1)
  t.match(relay.said, ['certificate obtained'])

  const refused = new Kept(t)
  refused.authority.ofOrder = { status: 'invalid', error: { detail: 'no more of these' } }
  await refused.pass(0)
  t.notOk(refused.authority.asked.some(path => path.startsWith('/finalize')))
  t.match(refused.said.at(-1), /no more of these/)
})

t.test('what an authority says is one line without characters that move a terminal', async t => {
  const relay = new Kept(t)
  const detail = `a\u001b[2Jb\r\nc\u202ed\u2028e\0${'x'.repeat(1000)}`
  relay.authority.instead.push({ path: '/order', status: 403, problem: { type: '\u0007', detail } })
  await relay.pass(0)
  t.match(relay.said.at(-1), /a \[2Jb c d e x{200}/)
  t.notMatch(relay.said.at(-1), /[\p{C}\p{Zl}\p{Zp}]|x{300}/u)
})

t.test('a certificate is renewed when two thirds of its time are over, with the same account', async t => {
  const relay = new Kept(t)
  await relay.pass(0)
  const account = readFileSync(join(relay.file, '..', 'account.pem'))
  const before = kept(readFileSync(relay.file, 'latin1'))
  await relay.pass(60 * DAY - MINUTE)
  t.equal(relay.authority.made.length, 1, 'not before')
  await relay.pass(2 * MINUTE)
  t.equal(relay.authority.made.length, 2)

  const after = kept(readFileSync(relay.file, 'latin1'))
  t.not(after.leaf.fingerprint256, before.leaf.fingerprint256)
  t.not(after.key, before.key, 'each has a key of its own')
  t.same(readFileSync(join(relay.file, '..', 'account.pem')), account)
  t.equal(relay.renewals, 2)
})

t.test('other names in the configuration are a reason for a new certificate at once', async t => {
  const relay = new Kept(t)
  await relay.pass(0)
  relay.keeper.configure(relay.settings({ names: ['stun.example.org'] }))
  await relay.pass(1000)

  t.same(relay.authority.made, [['turn.example.org'], ['stun.example.org']])
})

t.test('an account key that cannot be read is replaced', async t => {
  const relay = new Kept(t)
  await relay.pass(0)
  writeFileSync(join(relay.file, '..', 'account.pem'), 'spoilt')
  await relay.pass(61 * DAY)

  t.equal(relay.authority.made.length, 2)
})

t.test('a nonce that the authority no longer wants is no failure', async t => {
  const relay = new Kept(t)
  const bad = { status: 400, problem: { type: 'urn:ietf:params:acme:error:badNonce' } }
  relay.authority.instead.push({ path: '/order', ...bad }, { path: '/order', ...bad })
  await relay.pass(0)

  t.equal(relay.authority.made.length, 1)
})

t.test('an authority that wants no nonce at all is not asked for ever', async t => {
  const relay = new Kept(t)
  const bad = { status: 400, problem: { type: 'urn:ietf:params:acme:error:badNonce' } }
  for (let i = 0; i < 20; i++) relay.authority.instead.push({ path: '/account', ...bad })
  await relay.pass(0)

  t.equal(relay.authority.asked.filter(path => path === '/account').length, 6)
  t.equal(relay.keeper.waiting?.key, 'acme.refused')
})

for (const [what, problem, way, expected] of [
  [
    'nothing answers',
    { type: 'connection', detail: 'Timeout' },
    'http-01',
    /cannot connect to turn\.example\.org on TCP port 80 \(Timeout\): open that port/,
  ],
  [
    'nothing answers',
    { type: 'connection', detail: 'refused' },
    'tls-alpn-01',
    /on TCP port 443 \(refused\): open that port/,
  ],
  [
    'the name has no address',
    { type: 'dns', detail: 'NXDOMAIN' },
    'http-01',
    /no address for turn\.example\.org in the DNS \(NXDOMAIN\): create an A or AAAA/,
  ],
  [
    'a web server answers',
    { type: 'unauthorized', detail: '404' },
    'http-01',
    /something other than this relay answers on TCP port 80/,
  ],
  [
    'a web server answers',
    { type: 'tls', detail: 'no ALPN' },
    'tls-alpn-01',
    /put something in front that passes TLS on/,
  ],
  [
    'the domain names another authority',
    { type: 'caa', detail: 'x' },
    'http-01',
    /a CAA record in the DNS forbids ca\.test/,
  ],
] as const) {
  t.test(`where ${what} (${way}) one sentence says so, and what to do`, async t => {
    const relay = new Kept(t, { challenge: way })
    relay.authority.look = () => ({ ...problem, type: `urn:ietf:params:acme:error:${problem.type}` })
    await relay.pass(0)

    t.match(relay.said[0], expected)
    t.match(relay.said[0], /^no new TLS certificate: .*\. The next attempt is at /)
    t.equal(relay.said.length, 1)
    t.same(relay.proving, [], 'nothing is proved any more')
  })
}

for (const [what, status, problem, expected] of [
  [
    'has made too many',
    429,
    { type: 'rateLimited', detail: 'too many' },
    /no more certificates for the time being \(too many\)/,
  ],
  [
    'wants its own accounts',
    403,
    { type: 'externalAccountRequired' },
    /choose another in tls\.acme\.directory/,
  ],
  [
    'does not like the address',
    400,
    { type: 'invalidContact', detail: 'no MX' },
    /tls\.acme\.email \(no MX\)/,
  ],
  [
    'makes no certificate for the name',
    400,
    { type: 'rejectedIdentifier', detail: 'x' },
    /tls\.acme\.names \(x\)/,
  ],
  [
    'fails',
    500,
    { type: 'serverInternal', detail: 'sorry' },
    /ca\.test refuses to make the certificate \(sorry\)/,
  ],
] as const) {
  t.test(`where the authority ${what} one sentence says so`, async t => {
    const relay = new Kept(t)
    const prefixed = { ...problem, type: `urn:ietf:params:acme:error:${problem.type}` }
    relay.authority.instead.push({ path: '/order', status, problem: prefixed })
    await relay.pass(0)

    t.match(relay.said, [expected])
  })
}

t.test('what is not an authority is not believed', async t => {
  const relay = new Kept(t)
  relay.authority.instead.push({
    path: '/directory',
    status: 200,
    problem: { newNonce: 'http://ca.test/nonce' },
  })
  await relay.pass(0)

  t.match(relay.said, [/answers in a way that is not ACME \(no newAccount\): check tls\.acme\.directory/])
})

t.test('failures are tried again ever more rarely, and five are not reached in an hour', async t => {
  const relay = new Kept(t, { challenge: 'http-01' })
  relay.authority.look = () => ({ type: 'connection', detail: 'refused' })
  const tries: number[] = []
  let known = 0
  for (let minute = 0; minute <= 36 * 60; minute++) {
    await relay.pass(minute === 0 ? 0 : MINUTE)
    if (relay.said.length > known) tries.push(minute)
    known = relay.said.length
  }

  t.same(tries, [0, 5, 20, 50, 110, 230, 470, 950, 1670])
})

t.test('an authority that asks for patience gets it', async t => {
  const relay = new Kept(t)
  const problem = { type: 'urn:ietf:params:acme:error:rateLimited', detail: 'later' }
  relay.authority.instead.push({ path: '/order', status: 429, problem, retryAfter: '7200' })
  await relay.pass(0)
  await relay.pass(119 * MINUTE)
  t.equal(relay.authority.made.length, 0)
  await relay.pass(MINUTE)
  t.equal(relay.authority.made.length, 1)
  t.equal(relay.keeper.waiting, undefined)
})

t.test('where TLS on port 443 leads elsewhere, HTTP on port 80 is tried at once', async t => {
  const relay = new Kept(t, {}, ['tls://127.0.0.1:443'])
  relay.authority.look = ({ type }) =>
    type === 'tls-alpn-01' ? { type: 'urn:ietf:params:acme:error:unauthorized', detail: 'x' } : undefined
  await relay.pass(0)

  t.same(
    relay.proved.map(({ kind }) => kind),
    ['tls-alpn-01', 'http-01'],
  )
  t.equal(relay.authority.made.length, 1)
})

t.test('where both ways fail, what is wrong with the first is said', async t => {
  const relay = new Kept(t, {}, ['tls://127.0.0.1:443'])
  relay.authority.look = () => ({ type: 'urn:ietf:params:acme:error:connection', detail: 'refused' })
  await relay.pass(0)

  t.match(relay.said, [/on TCP port 443 \(refused\)/])
})

t.test('the certificate that there is stays when its renewal fails', async t => {
  const relay = new Kept(t)
  await relay.pass(0)
  const before = readFileSync(relay.file, 'latin1')
  relay.authority.look = () => ({ type: 'urn:ietf:params:acme:error:connection', detail: 'refused' })
  await relay.pass(61 * DAY)

  t.equal(readFileSync(relay.file, 'latin1'), before)
  t.equal(relay.keeper.waiting?.key, 'acme.connection')
})

for (const [what, certify, why] of [
  ['no certificate', () => '<html>', /no certificate/],
  [
    'one for another key',
    ({ publicKey: _, ...wanted }) => makeCertificate(wanted).certificate,
    /another key/,
  ],
  [
    'one for another name',
    wanted => makeCertificate({ ...wanted, name: 'other.example.org' }).certificate,
    /not for turn\.example\.org/,
  ],
  [
    'one that has ended',
    wanted => makeCertificate({ ...wanted, validTo: new Date(Date.UTC(2029, 11, 31)) }).certificate,
    /ends on Dec 31 00:00:00 2029/,
  ],
  [
    'one that has not begun',
    wanted => makeCertificate({ ...wanted, validFrom: new Date(Date.UTC(2031, 0, 1)) }).certificate,
    /begins on Jan {2}1 00:00:00 2031/,
  ],
] as const satisfies readonly (readonly [string, TestAuthority['certify'], RegExp])[]) {
  t.test(`an authority that makes ${what} is not asked again at once, and what is served stays`, async t => {
    const relay = new Kept(t)
    await relay.pass(0)
    const before = readFileSync(relay.file, 'latin1')
    relay.authority.certify = certify
    await relay.pass(61 * DAY)
    for (let second = 0; second < 60; second++) await relay.pass(1000)

    t.equal(relay.authority.made.length, 2)
    t.equal(readFileSync(relay.file, 'latin1'), before)
    t.match(relay.said.at(-1), why)
    t.equal(relay.keeper.waiting?.key, 'acme.strange')
  })
}

t.test(
  'however soon a certificate seems to be due again, an hour passes, or a third of its time',
  async t => {
    for (const [lifetime, ahead, apart] of [
      [90 * DAY, 80 * DAY, 60],
      [12 * MINUTE, 11 * MINUTE, 4],
      [2 * MINUTE, 2 * MINUTE - 1000, 1],
    ] as const) {
      const relay = new Kept(t)
      relay.authority.lifetime = lifetime
      // The clock of the authority is behind ours.
      relay.authority.now = () => relay.now - ahead
      await relay.pass(0)
      for (let minute = 0; minute < apart; minute++) {
        t.equal(relay.authority.made.length, 1, `${minute} minutes`)
        await relay.pass(MINUTE)
      }
      t.equal(relay.authority.made.length, 2)
    }
  },
)

t.test('names are the same in capitals', async t => {
  const relay = new Kept(t, { names: ['Turn.Example.ORG'] })
  relay.authority.certify = wanted =>
    makeCertificate({ ...wanted, name: 'turn.example.org', others: [] }).certificate
  await relay.pass(0)
  await relay.pass(2 * 60 * MINUTE)

  t.equal(relay.authority.made.length, 1)
  t.equal(relay.keeper.waiting, undefined)
})

for (const kind of ['ed25519', 'rsa'] as const) {
  t.test(`an account key of another kind (${kind}) is replaced, as nothing can be signed by it`, async t => {
    const relay = new Kept(t)
    await relay.pass(0)
    const { privateKey } =
      kind === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 1024 }) : generateKeyPairSync(kind)
    const file = join(relay.file, '..', 'account.pem')
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    await relay.pass(61 * DAY)

    t.equal(relay.authority.made.length, 2)
    t.equal(createPrivateKey(readFileSync(file)).asymmetricKeyType, 'ec')
  })
}

t.test(
  'S-26: an account key that somebody else has put there is replaced',
  { skip: process.getuid?.() === 0 ? false : 'only root can give files away' },
  async t => {
    const relay = new Kept(t)
    await relay.pass(0)
    const file = join(relay.file, '..', 'account.pem')
    const planted = readFileSync(file, 'latin1')
    chownSync(file, 12_345, 12_345)
    await relay.pass(61 * DAY)

    t.equal(relay.authority.made.length, 2)
    t.not(readFileSync(file, 'latin1'), planted)
    t.equal(statSync(file).uid, 0)
  },
)

t.test('an error that nobody has thought of is a failure like others, and the relay lives on', async t => {
  const relay = new Kept(t)
  relay.authority.look = () => {
    throw new Error('something new')
  }
  await relay.pass(0)
  t.match(relay.said, [/\(something new\)/])
  t.same(relay.proving, [])
  relay.authority.look = () => undefined
  await relay.pass(5 * MINUTE)
  t.equal(relay.authority.made.length, 1)
})

t.test('an authority that dictates more authorizations than names is not asked for them', async t => {
  const relay = new Kept(t)
  const many = Array.from({ length: 1000 }, (_, i) => `https://ca.test/authorizations/0/${i}`)
  relay.authority.ofOrder = { authorizations: many }
  await relay.pass(0)

  t.match(relay.said, [/1000 authorizations/])
  t.equal(relay.authority.asked.filter(path => path.startsWith('/authorizations')).length, 0)
})

for (const [what, ofAuthorization, why] of [
  ['another name', { identifier: { type: 'dns', value: 'other.example.org' } }, /for another name/],
  [
    'a token that leads elsewhere',
    {
      challenges: [{ type: 'http-01', token: '../../admin HTTP/1.1', url: 'https://ca.test/challenges/0/0' }],
    },
    /no http-01/,
  ],
  [
    'an empty token',
    { challenges: [{ type: 'http-01', token: '', url: 'https://ca.test/challenges/0/0' }] },
    /no http-01/,
  ],
] as const) {
  t.test(`nothing is proved for ${what}`, async t => {
    const relay = new Kept(t)
    relay.authority.ofAuthorization = ofAuthorization
    await relay.pass(0)

    t.match(relay.said, [why])
    t.same(relay.proved, [])
  })
}

t.test('an authority that never decides is given half an hour, whatever it asks to wait', async t => {
  const relay = new Kept(t, { names: ['turn.example.org', 'stun.example.org'] })
  relay.authority.ofAuthorization = { status: 'processing' }
  relay.authority.retryAfter = '1000000000'
  await relay.pass(0)

  t.match(relay.said, [/ca\.test has not decided in time/])
  t.ok(relay.waited <= 31 * MINUTE, `${relay.waited}`)
  t.same(relay.proving, [])
})

t.test('other names are asked for even while an authority does not decide about the ones before', async t => {
  const relay = new Kept(t)
  relay.authority.ofAuthorization = { status: 'processing' }
  relay.authority.look = () => {
    relay.keeper.configure(relay.settings({ names: ['stun.example.org'] }))
    return undefined
  }
  await relay.pass(0)
  t.same([relay.said, relay.waited], [[], 0], 'nobody waits for what would come of the first')
  relay.authority.ofAuthorization = {}
  await relay.pass(1000)

  t.same(relay.authority.made, [['stun.example.org']])
})

t.test('a configuration without ACME has nothing made', async t => {
  const relay = new Kept(t)
  const { tls: _, ...settings } = relay.settings()
  relay.keeper.configure(settings)
  await relay.pass(0)

  t.same(relay.authority.asked, [])
  t.equal(relay.keeper.waiting, undefined)
})
