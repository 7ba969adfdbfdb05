import t from 'tap'
import { effective } from '../../../src/config/effective.ts'
import { load } from '../../../src/config/load.ts'
import { formatListener } from '../../../src/config/values/listener.ts'
import { errorOf, SECRET } from '../../support/loading.ts'

const HOMESERVERS = [{ name: 'example.org', secrets: [SECRET] }]

const base = { realm: 'turn.example.org', homeservers: HOMESERVERS, state: '/var/lib/taciturn' }
const read = (acme: object, more: object = {}) =>
  load({ value: { ...base, tls: { acme }, ...more }, env: {} })

t.test('an empty section has a certificate made for the realm by Let’s Encrypt', async t => {
  const { settings, warnings } = read({})
  const file = '/var/lib/taciturn/acme/acme-v02.api.letsencrypt.org_directory/certificate.pem'

  t.same(settings.tls, {
    certificate: file,
    key: file,
    acme: {
      names: ['turn.example.org'],
      directory: 'https://acme-v02.api.letsencrypt.org/directory',
      challenge: 'auto',
    },
  })
  t.same(warnings, [], 'and the file need not be there yet')
})

t.test('the staging authority has a folder of its own', async t => {
  t.match(read({ directory: 'letsencrypt-staging' }).settings.tls?.certificate, /acme\/acme-staging-v02/)
})

t.test('where nobody chose listeners, port 443 is among them for the authority', async t => {
  const on443 = ({ settings }: ReturnType<typeof read>) =>
    settings.listen.map(formatListener).filter(one => one.endsWith(':443'))

  t.same(on443(read({})), ['tls://0.0.0.0:443', 'tls://[::]:443'])
  t.same(on443(read({}, { listen: ['udp://0.0.0.0:3478', 'tcp://0.0.0.0:3478'] })), [])
})

t.test('the settings in force can be read again', async t => {
  const { settings } = read({ names: ['STUN.example.org'], email: 'a@example.org' })
  const shown = effective(settings)

  t.match(shown, { tls: { acme: { names: ['stun.example.org'], email: 'a@example.org' } } })
  t.notMatch(shown, { tls: { certificate: /./ } })
  const { homeservers: _, ...rest } = shown
  t.same(load({ value: { ...rest, homeservers: HOMESERVERS }, env: {} }).settings.tls, settings.tls)
})

for (const [mistake, tls, expected] of [
  ['a certificate without its key', { certificate: '/a' }, /tls: "key" is missing in "tls"/],
  ['a key without its certificate', { key: '/a' }, /tls: "certificate" is missing in "tls"/],
  ['both ways at once', { certificate: '/a', key: '/b', acme: {} }, /tls\.acme: "acme" makes a certificate/],
  ['a name without a dot', { acme: { names: ['turn'] } }, /"turn" is not a name/],
  ['an address', { acme: { names: ['192.0.2.1'] } }, /"192\.0\.2\.1" is not a name/],
  ['a wildcard', { acme: { names: ['*.example.org'] } }, /"\*\.example\.org" cannot be made by/],
  ['an authority over plain HTTP', { acme: { directory: 'http://ca.test/' } }, /is not an authority/],
  ['an authority that is no URL', { acme: { directory: 'zerossl' } }, /"zerossl" is not an authority/],
  ['an address that is none', { acme: { email: 'admin' } }, /"admin"/],
  ['another way to prove a name', { acme: { challenge: 'dns-01' } }, /tls\.acme\.challenge/],
] as const) {
  t.test(`${mistake} is refused`, async t => {
    t.match(errorOf(t, () => load({ value: { ...base, tls }, env: {} })).message, expected)
  })
}

t.test('a realm that is not a name in the DNS needs names beside it', async t => {
  t.match(
    errorOf(t, () => read({}, { realm: 'relay' })).message,
    /no certificate can be made for the realm "relay"/,
  )
  t.doesNotThrow(() => read({ names: ['turn.example.org'] }, { realm: 'relay' }))
})

t.test('who wants a proof on port 443 alone is told where the relay does not listen there', async t => {
  const listen = ['tls://0.0.0.0:5349']
  t.match(read({ challenge: 'tls-alpn-01' }, { listen }).warnings, [/no listener has TCP port 443/])
  t.same(read({ challenge: 'tls-alpn-01' }).warnings, [])
})
