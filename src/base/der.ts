/*
 * What certificates are written in: the distinguished encoding rules of ASN.1
 * (X.690), as far as a certificate and a request for one need them.
 */

/** Tags, as X.690 numbers them; `context` and a number for what is told apart by its place. */
export const Tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  object: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
  context: 0xa0,
} as const

/** dNSName and iPAddress in a SubjectAltName (RFC 5280 §4.2.1.6). */
export const GeneralName = { dns: 0x82, ip: 0x87 } as const

/** Object identifiers, encoded. */
export const Oid = {
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  commonName: [0x55, 0x04, 0x03],
  subjectAltName: [0x55, 0x1d, 0x11],
  /** extensionRequest of PKCS #9 (RFC 2985 §5.4.2). */
  extensionRequest: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e],
  /** id-pe-acmeIdentifier (RFC 8737 §6.1). */
  acmeIdentifier: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f],
} as const

/** A value with its tag and length. The value has fewer than 65,536 octets. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(parts)
  const length =
    value.length < 128
      ? [value.length]
      : value.length < 256
        ? [0x81, value.length]
        : [0x82, value.length >> 8, value.length & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), value])
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tlv(Tag.sequence, ...parts)
}

export function objectId(octets: readonly number[]): Buffer {
  return tlv(Tag.object, Buffer.from(octets))
}

/** A small integer. */
export function integer(value: number): Buffer {
  return tlv(Tag.integer, Buffer.from([value]))
}

/** `at` is in milliseconds since the epoch, before 2050. */
export function utcTime(at: number): Buffer {
  const text = new Date(at).toISOString()
  return tlv(Tag.utcTime, Buffer.from(`${text.slice(2, 19).replace(/[-T:]/g, '')}Z`))
}

/** An extension of a certificate (RFC 5280 §4.2). */
export function extension(oid: readonly number[], value: Uint8Array, isCritical = false): Buffer {
  const critical = isCritical ? [Buffer.from([0x01, 0x01, 0xff])] : []
  return sequence(objectId(oid), ...critical, tlv(Tag.octetString, value))
}

/** SubjectAltName with these DNS names. */
export function namesExtension(names: readonly string[]): Buffer {
  return extension(
    Oid.subjectAltName,
    sequence(...names.map(name => tlv(GeneralName.dns, Buffer.from(name, 'latin1')))),
  )
}

/** A body with its ECDSA signature over SHA-256, as certificates and requests for them have it. */
export function signed(body: Uint8Array, signature: Uint8Array): Buffer {
  const algorithm = sequence(objectId(Oid.ecdsaWithSha256))
  return sequence(body, algorithm, tlv(Tag.bitString, Buffer.from([0]), signature))
}

/** As a text, with lines of 64 characters (RFC 7468). */
export function pem(label: string, der: Buffer): string {
  return `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
}
