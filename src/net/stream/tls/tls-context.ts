import { constants, createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { existsSync, type FSWatcher, readFileSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { formatIp, parseIp } from '../../../base/address.ts'
import type { RunningText } from '../../../texts/running.ts'

export interface TlsFilePaths {
  /** PEM, the server's own certificate first, then the intermediate ones. */
  readonly certificate: string
  /** PEM, without passphrase. */
  readonly key: string
}

/** What a TLS server is served with, and what an operator wants to know of it. */
export interface TlsMaterial {
  readonly options: SecureContextOptions
  /** DNS names and IP addresses that the certificate is for. */
  readonly names: readonly string[]
  readonly validFrom: Date
  readonly validTo: Date
  /** Sentences for the operator; the certificate is served all the same. */
  readonly warnings: readonly RunningText[]
}

/** The certificate or key cannot be used. Says which file it is and how to fix it. */
export class TlsFileError extends Error {
  readonly path: string

  constructor(path: string, what: string, fix: string) {
    super(`${path}: ${what}; ${fix}`)
    this.name = 'TlsFileError'
    this.path = path
  }
}

export interface TlsWatch {
  /** A new pair is in use. */
  changed(material: TlsMaterial): void
  /** The same pair is in use with new keys for session tickets. */
  rotated(material: TlsMaterial): void
  /** The files changed, but cannot be used; the old pair stays. */
  broken(error: TlsFileError): void
  /** True where the pair may not be there yet, or be spoilt: another is on its way. */
  readonly isAwaited?: boolean
  /** Milliseconds of quiet after a change before the files are read; certificate and key are two writes. */
  readonly settle?: number
}

/** Reads certificate and key; throws a `TlsFileError`. */
export function loadTls(files: TlsFilePaths, now = new Date()): TlsMaterial {
  const cert = read(files.certificate, 'certificate')
  const keyPem = read(files.key, 'key')
  const leaf = parseCertificate(files.certificate, cert)
  const key = parseKey(files.key, keyPem)
  if (!leaf.checkPrivateKey(key)) {
    throw new TlsFileError(
      files.key,
      `is not the key of the certificate in ${files.certificate}`,
      'name the two files of one pair, and put the server certificate first in its file',
    )
  }
  const options: SecureContextOptions = {
    cert,
    key: keyPem,
    // Of all threads, since a client that comes back may meet another one.
    ticketKeys: newTicketKeys(),
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    // A client may be asked for a new handshake at no cost to the one who asks (CVE-2011-1473).
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
  }
  try {
    createSecureContext(options)
  } catch (error) {
    throw new TlsFileError(
      files.certificate,
      `is refused by OpenSSL (${(error as Error).message})`,
      'check that every certificate in it is whole and its key is long enough',
    )
  }
  const validFrom = new Date(leaf.validFrom)
  const validTo = new Date(leaf.validTo)
  return { options, names: namesOf(leaf), validFrom, validTo, warnings: warn(files, validFrom, validTo, now) }
}

/**
 * A certificate and key that are read again whenever their files change.
 *
 * Renewal programs replace files or the symbolic links to them, so it is the
 * folders that are watched; and once a minute the files are looked at, for
 * where watching does not work (network mounts, inotify at its limit).
 */
export class TlsContext {
  #files: TlsFilePaths
  #watch: TlsWatch
  #material: TlsMaterial | undefined
  #seen: string
  #watchers: FSWatcher[] = []
  #settling: NodeJS.Timeout | undefined
  #poll: NodeJS.Timeout
  #rotation: NodeJS.Timeout

  /** Throws a `TlsFileError` when the pair cannot be used, unless it is awaited. */
  constructor(files: TlsFilePaths, watch: TlsWatch) {
    this.#files = files
    this.#watch = watch
    this.#seen = fingerprint(files)
    this.#material = watch.isAwaited ? this.#loadAwaited() : loadTls(files)
    for (const folder of new Set([dirname(files.certificate), dirname(files.key)])) this.#follow(folder)
    this.#poll = setInterval(() => this.#look(), POLL).unref()
    this.#rotation = setInterval(() => this.rotate(), TICKET_KEYS_LIFE).unref()
  }

  /** What is served; nothing while it is awaited. */
  get material(): TlsMaterial | undefined {
    return this.#material
  }

  /** Reads the files now, changed or not. Returns false, and keeps the old pair, when they cannot be used. */
  reload(): boolean {
    this.#seen = fingerprint(this.#files)
    if (this.#watch.isAwaited && !existsSync(this.#files.certificate)) return false
    let material: TlsMaterial
    try {
      material = loadTls(this.#files)
    } catch (error) {
      this.#watch.broken(error as TlsFileError)
      return false
    }
    this.#material = material
    this.#watch.changed(material)
    return true
  }

  /**
   * Takes new keys for session tickets; called by itself every twelve hours.
   * Anyone who learns a key can read the sessions that were resumed with it, so
   * none is kept for long. A client with an older ticket shakes hands in full:
   * Node takes one key at a time.
   */
  rotate(): void {
    if (!this.#material) return
    const options = { ...this.#material.options, ticketKeys: newTicketKeys() }
    this.#material = { ...this.#material, options }
    this.#watch.rotated(this.#material)
  }

  #loadAwaited(): TlsMaterial | undefined {
    if (!existsSync(this.#files.certificate)) return undefined
    try {
      return loadTls(this.#files)
    } catch (error) {
      this.#watch.broken(error as TlsFileError)
      return undefined
    }
  }

  close(): void {
    clearInterval(this.#poll)
    clearInterval(this.#rotation)
    clearTimeout(this.#settling)
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
  }

  #follow(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#look())
      // The folder went away; the look once a minute remains.
      watcher.on('error', () => watcher.close())
      this.#watchers.push(watcher)
    } catch {
      // As above.
    }
  }

  #look(): void {
    if (fingerprint(this.#files) === this.#seen) return
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => this.reload(), this.#watch.settle ?? SETTLE).unref()
  }
}

/** Name, integrity key and encryption key, as Node takes them (RFC 5077 §4). */
function newTicketKeys(): Buffer {
  return randomBytes(48)
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new TlsFileError(path, 'does not exist', `name the ${what} file in "tls"`)
    if (code === 'EACCES') {
      throw new TlsFileError(path, 'may not be read', 'give the account that runs the server read permission')
    }
    throw new TlsFileError(path, `cannot be read (${code})`, `check the ${what} file named in "tls"`)
  }
}

function parseCertificate(path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw new TlsFileError(
      path,
      'holds no PEM certificate',
      'it should begin with -----BEGIN CERTIFICATE-----',
    )
  }
}

function parseKey(path: string, pem: string): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(pem)
  } catch {
    if (/ENCRYPTED/.test(pem)) {
      throw new TlsFileError(
        path,
        'is protected by a passphrase',
        'remove it, e.g. with openssl pkey -in … -out …',
      )
    }
    throw new TlsFileError(
      path,
      'holds no PEM private key',
      'it should begin with -----BEGIN PRIVATE KEY-----',
    )
  }
}

function namesOf(leaf: X509Certificate): string[] {
  const alternative = (leaf.subjectAltName ?? '').split(', ').flatMap(name => {
    const [, value] = /^(?:DNS|IP Address):"?([^"]*)"?$/.exec(name) ?? []
    const ip = value && parseIp(value)
    return value === undefined ? [] : [ip ? formatIp(ip) : value]
  })
  if (alternative.length > 0) return alternative
  const [, common] = /^CN=(.*)$/m.exec(leaf.subject ?? '') ?? []
  return common === undefined ? [] : [common]
}

function warn(files: TlsFilePaths, validFrom: Date, validTo: Date, now: Date): RunningText[] {
  const file = files.certificate
  if (validTo < now) {
    return [{ key: 'warn.certificateExpired', values: { file, date: validTo } }]
  }
  if (validFrom > now) {
    return [{ key: 'warn.certificateEarly', values: { file, date: validFrom } }]
  }
  return []
}

/** Changes when either file does, also when a link is pointed elsewhere. */
function fingerprint(files: TlsFilePaths): string {
  return `${stamp(files.certificate)} ${stamp(files.key)}`
}

function stamp(path: string): string {
  try {
    const { dev, ino, size, mtimeMs } = statSync(path)
    return `${dev}:${ino}:${size}:${mtimeMs}`
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}

/** Forward secrecy and AEAD only (BCP 195), with the suite that RFC 8489 §6.2.3 demands among them. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
].join(':')
const POLL = 60_000
const TICKET_KEYS_LIFE = 12 * 3_600_000
const SETTLE = 1000
