import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { load } from '../../../src/config/load.ts'
import { checkTls } from '../../../src/config/values/certificate.ts'
import { formatListener } from '../../../src/config/values/listener.ts'
import { selfSigned } from '../../support/certificate.ts'
import { errorOf, HOMESERVER } from '../../support/loading.ts'
import { need } from '../../support/need.ts'

// A certificate that was just made counts from the second it was made in.
const NOW = new Date(Date.now() + 60_000)
const inYears = (years: number) => new Date(NOW.getTime() + years * 365 * 86_400_000)

t.test('certificates', need('openssl'), async t => {
  const folder = t.testdir({})
  const files = selfSigned(folder)
  const make = (name: string, write: (path: string) => void) => {
    const path = join(folder, name)
    write(path)
    return path
  }
  const other = make('other.pem', path => {
    execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', path], { stdio: 'pipe' })
  })
  const locked = make('locked.pem', path => {
    const args = ['pkey', '-in', files.key, '-aes256', '-passout', 'pass:abc', '-out', path]
    execFileSync('openssl', args, { stdio: 'pipe' })
  })
  const nonsense = make('nonsense.pem', path => writeFileSync(path, 'hello'))
  const brokenCertificate = make('broken-certificate.pem', path =>
    writeFileSync(path, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
  )
  const brokenKey = make('broken-key.pem', path =>
    writeFileSync(path, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'),
  )

  t.test('a certificate and its key are taken', async t => {
    t.same(checkTls(files, NOW), { warnings: [] })
  })

  for (const [mistake, certificate, key, expected] of [
    ['the key of another certificate', files.certificate, other, { key: { key: 'key-mismatch' } }],
    ['a key that is locked', files.certificate, locked, { key: { key: 'key-encrypted' } }],
    ['a key that is not there', files.certificate, join(folder, 'nowhere'), { key: { key: 'file-missing' } }],
    ['a key that is no PEM', files.certificate, nonsense, { key: { key: 'key-form' } }],
    ['a key that is cut off', files.certificate, brokenKey, { key: { key: 'key-form' } }],
    ['a certificate that is no PEM', nonsense, files.key, { certificate: { key: 'certificate-form' } }],
    [
      'a certificate that is cut off',
      brokenCertificate,
      files.key,
      { certificate: { key: 'certificate-form' } },
    ],
    [
      'a certificate that is not there',
      join(folder, 'no'),
      files.key,
      { certificate: { key: 'file-missing' } },
    ],
    [
      'the two the other way round',
      files.key,
      files.certificate,
      {
        certificate: { key: 'certificate-is-key' },
        key: { key: 'key-is-certificate' },
      },
    ],
  ] as const) {
    t.test(`${mistake}: refused`, async t => {
      t.match(checkTls({ certificate, key }, NOW), expected)
    })
  }

  t.test('a certificate out of its time deserves a warning', async t => {
    t.match(checkTls(files, inYears(1)).warnings, [{ key: 'certificate-expired' }])
    t.match(checkTls(files, inYears(-1)).warnings, [{ key: 'certificate-early' }])
  })

  t.test('a key that everybody can read deserves a warning', async t => {
    const open = join(folder, 'open.pem')
    copyFileSync(files.key, open)
    chmodSync(open, 0o644)

    t.match(checkTls({ ...files, key: open }, NOW).warnings, [{ key: 'key-world' }])
  })

  t.test('a certificate of an authority without the chain deserves a warning', async t => {
    const request = join(folder, 'leaf.csr')
    const leaf = join(folder, 'leaf.pem')
    const key = join(folder, 'leaf-key.pem')
    const run = (args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
    run([
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      request,
      '-subj',
      '/CN=leaf',
    ])
    const authority = ['-CA', files.certificate, '-CAkey', files.key, '-CAcreateserial']
    run(['x509', '-req', '-in', request, ...authority, '-days', '2', '-out', leaf])

    t.match(checkTls({ certificate: leaf, key }, NOW).warnings, [{ key: 'certificate-chain' }])
  })

  t.test('with a certificate the default listeners have TLS too, and its files are followed', async t => {
    const text = `{ ${HOMESERVER}, "tls": { "certificate": "certificate.pem", "key": "key.pem" } }`
    writeFileSync(join(folder, 'turnserver.json'), text, { mode: 0o600 })
    const { settings, files: followed } = load({ cwd: folder, env: {} })

    t.same(settings.tls, files)
    t.same(settings.listen.slice(4).map(formatListener), ['tls://0.0.0.0:5349', 'tls://[::]:5349'])
    t.same(followed.slice(1).toSorted(), [files.certificate, files.key].toSorted())
  })

  t.test('a certificate that cannot be used refuses the start', async t => {
    const text = `{ ${HOMESERVER}, "tls": { "certificate": "certificate.pem", "key": "other.pem" } }`
    writeFileSync(join(folder, 'mismatch.json'), text, { mode: 0o600 })
    const error = errorOf(t, () => load({ path: 'mismatch.json', cwd: folder, env: {} }))

    t.match(
      error.message,
      /mismatch\.json:1:\d+: tls\.key: .*other\.pem is not the key of .*certificate\.pem/,
    )
  })

  t.test('a certificate without a listener for it deserves a warning', async t => {
    const text = `{ ${HOMESERVER}, "listen": ["udp://127.0.0.1"], "tls": { "certificate": "certificate.pem", "key": "key.pem" } }`
    writeFileSync(join(folder, 'unused.json'), text, { mode: 0o600 })

    t.match(load({ path: 'unused.json', cwd: folder, env: {} }).warnings, [/no tls:\/\/ listener/])
  })
})
