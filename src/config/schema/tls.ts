import { z } from 'zod'
import { parseAcmeDirectory, parseCertificateName } from '../values/acme.ts'
import { parseMailAddress } from '../values/notifying.ts'
import { path, textField } from './fields.ts'

/* `tls` of `turnserver.json`: a certificate that others make, or one that the relay has made. */

const acmeSection = z
  .strictObject({
    names: z
      .array(textField(parseCertificateName, { examples: ['turn.example.org'] }))
      .max(100)
      .prefault([])
      .describe('The names that the certificate is for. Default: the realm.'),
    email: textField(parseMailAddress, { examples: ['admin@example.org'] })
      .exactOptional()
      .describe('Where the authority writes to when something is wrong. It need not be given.'),
    directory: textField(parseAcmeDirectory, {
      examples: ['letsencrypt', 'letsencrypt-staging', 'https://ca.example.org/acme/acme/directory'],
    })
      .prefault('letsencrypt')
      .meta({ env: { name: 'TACITURN_ACME' } })
      .describe(
        'Who makes the certificate: "letsencrypt", "letsencrypt-staging" (for trying out: clients do not trust it, and its limits are wide), or the URL of an ACME directory.',
      ),
    challenge: z
      .enum(['auto', 'http-01', 'tls-alpn-01'])
      .default('auto')
      .describe(
        'How the authority sees that the names are ours: "tls-alpn-01" by a connection to TCP port 443, "http-01" by one to TCP port 80. Both may lead to any TCP or TLS listener of the relay. "auto": by port 443 where the relay listens there, and else, or where that fails, by port 80.',
      ),
  })
  .exactOptional()
  .describe(
    'Has the certificate made and renewed by an authority such as Let\'s Encrypt (ACME), instead of "certificate" and "key". {} is enough. Setting it agrees to the terms of the authority. Keys and certificate are in the state folder. See docs/certificates.md.',
  )

export const tlsSection = z
  .strictObject({
    certificate: path('/etc/letsencrypt/live/turn.example.org/fullchain.pem')
      .exactOptional()
      .meta({ env: { name: 'TACITURN_TLS_CERTIFICATE' } })
      .describe(
        'The certificate, PEM, with its chain (fullchain.pem). Without the chain some clients refuse the connection.',
      ),
    key: path('/etc/letsencrypt/live/turn.example.org/privkey.pem')
      .exactOptional()
      .meta({ env: { name: 'TACITURN_TLS_KEY' } })
      .describe('Its private key, PEM, without passphrase, readable for the relay but not for everybody.'),
    acme: acmeSection,
  })
  .exactOptional()
  .meta({ restart: 'presence' })
  .describe(
    'The certificate for tls:// listeners: "certificate" and "key", or "acme". The files are read again when they change, so a renewal needs no restart.',
  )
