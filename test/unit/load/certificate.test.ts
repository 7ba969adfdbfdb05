import { createPrivateKey, X509Certificate } from 'node:crypto'
import t from 'tap'
import { benchCertificate } from '../../../src/load/certificate.ts'

const NOW = Date.UTC(2026, 4, 17, 12, 30)

t.test('the certificate is for the address, signed by its own key, and good for a week', async t => {
  const pair = benchCertificate(new Uint8Array([127, 0, 0, 1]), NOW)
  const certificate = new X509Certificate(pair.certificate)

  t.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1')
  t.equal(certificate.checkIP('127.0.0.2'), undefined)
  t.ok(certificate.verify(certificate.publicKey))
  t.ok(certificate.checkPrivateKey(createPrivateKey(pair.key)))
  t.equal(Date.parse(certificate.validFrom), NOW - 86_400_000)
  t.equal(Date.parse(certificate.validTo), NOW + 7 * 86_400_000)
})
