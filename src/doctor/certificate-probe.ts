import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { checkServerIdentity, type DetailedPeerCertificate, rootCertificates, type TLSSocket } from 'node:tls'

/** What a TLS server has shown of itself. */
export interface ShownCertificate {
  readonly leaf: X509Certificate
  readonly validFrom: Date
  readonly validTo: Date
  readonly isNameRight: boolean
  /** Names that the certificate is for, as people read them. */
  readonly names: string
  /** Why this machine does not trust it, by OpenSSL's name; undefined where it does. */
  readonly distrust: string | undefined
  readonly isSelfSigned: boolean
  /** The trust anchor's common name, where the chain is complete. */
  readonly root: string | undefined
  /** True where the trust anchor is one that browsers know. */
  readonly isRootPublic: boolean
  readonly protocol: string
}

/** Looks at the certificate of an established connection. */
export function inspect(socket: TLSSocket, host: string): ShownCertificate | undefined {
  const certificate = socket.getPeerCertificate(true)
  if (!certificate.raw) return undefined
  const leaf = new X509Certificate(certificate.raw)
  const root = anchor(certificate)
  const distrust = socket.authorizationError as unknown
  return {
    leaf,
    validFrom: new Date(leaf.validFrom),
    validTo: new Date(leaf.validTo),
    isNameRight: checkServerIdentity(host, certificate) === undefined,
    names: (leaf.subjectAltName ?? `CN=${certificate.subject.CN ?? '?'}`).replaceAll(/DNS:|IP Address:/g, ''),
    distrust:
      distrust instanceof Error
        ? distrust.message
        : distrust === null
          ? undefined
          : (distrust as string | undefined),
    isSelfSigned: leaf.issuer === leaf.subject,
    root: root?.subject.match(/^CN=(.*)$/m)?.[1] ?? root?.subject,
    isRootPublic: root !== undefined && isPublicRoot(root),
    protocol: socket.getProtocol() ?? '?',
  }
}

/** True where the file on disk is another certificate than the one that is shown; undefined where it cannot be read. */
export function isOtherThan(shown: X509Certificate, file: string): boolean | undefined {
  try {
    return new X509Certificate(readFileSync(file)).fingerprint256 !== shown.fingerprint256
  } catch {
    return undefined
  }
}

/**
 * Roots that apps with an older built-in list of libwebrtc do not know. Those
 * apps do not ask the phone which roots it trusts.
 */
export function isMissingInOldApps(root: string | undefined): boolean {
  return root !== undefined && /^ISRG Root /.test(root)
}

/** The self-signed end of the chain, which Node.js adds from its store where it trusts it. */
function anchor(certificate: DetailedPeerCertificate): X509Certificate | undefined {
  let link = certificate
  // Nobody's chain is this long, and a self-signed certificate is its own issuer.
  for (let i = 0; i < 10; i++) {
    const issuer = link.issuerCertificate
    if (!issuer || issuer === link) break
    link = issuer
  }
  const last = new X509Certificate(link.raw)
  return last.issuer === last.subject ? last : undefined
}

function isPublicRoot(root: X509Certificate): boolean {
  return rootCertificates.some(pem => new X509Certificate(pem).fingerprint256 === root.fingerprint256)
}
