import { octetsOfBech32 } from '../../base/encoding/bech32.ts'
import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

/** Octets of a key of X25519. */
const KEY = 32

/** Reads the public key that backups are encrypted for, as `age-keygen` writes it. */
export function parseRecipient(text: string): Parsed<string> {
  if (/^AGE-SECRET-KEY-/i.test(text)) return notAccepted('age-secret')
  return octetsOfBech32('age', text)?.length === KEY ? succeeded(text) : notAccepted('age-recipient')
}

/** Reads where an S3 server is, without the slash at its end. */
export function parseS3Endpoint(text: string): Parsed<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (!isWeb || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return notAccepted('s3-endpoint')
  return succeeded(url.href.replace(/\/+$/, ''))
}

/** Reads what stands before the names of files in a bucket; where it is anything, it ends with a slash. */
export function parseS3Prefix(text: string): Parsed<string> {
  const parts = text.replace(/\/$/, '').split('/')
  if (text === '') return succeeded(text)
  const isPath = parts.every(part => part !== '' && part !== '.' && part !== '..')
  return isPath ? succeeded(`${parts.join('/')}/`) : notAccepted('s3-prefix')
}
