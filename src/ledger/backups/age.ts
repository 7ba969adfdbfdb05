import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { rawPublic, x25519Public } from './age-keys.ts'

/* Files of age with X25519 recipients (https://github.com/C2SP/C2SP/blob/main/age.md), by node:crypto. */

const FIRST_LINE = 'age-encryption.org/v1'
const X25519 = 'age-encryption.org/v1/X25519'
const CIPHER = 'chacha20-poly1305'
/** Octets: of the key of a file, of an authentication tag, of the nonce before the payload. */
const [FILE_KEY, TAG, NONCE] = [16, 16, 16]
/** Octets of plaintext that one tag stands for. */
const CHUNK = 65_536
/** Octets of a header at most. */
const MOST_HEADER = 16_384
const NO_NONCE = Buffer.alloc(12)

/** The file is damaged, cut off, or for somebody else. */
export class NotDecrypted extends Error {
  readonly why: 'damaged' | 'other-key'

  constructor(why: 'damaged' | 'other-key') {
    super(why === 'damaged' ? 'the file is damaged or was changed' : 'the file is encrypted for another key')
    this.why = why
  }
}

/** Encrypts for a recipient, 64 KiB at a time. */
export async function* encrypted(plain: AsyncIterable<Buffer>, recipient: Buffer): AsyncGenerator<Buffer> {
  const fileKey = randomBytes(FILE_KEY)
  yield header(fileKey, recipient)
  const nonce = randomBytes(NONCE)
  yield nonce
  const key = derived(fileKey, nonce, 'payload')
  let counter = 0
  for await (const { chunk, isLast } of chunked(plain, CHUNK)) {
    const cipher = createCipheriv(CIPHER, key, nonceOf(counter++, isLast), { authTagLength: TAG })
    yield Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()])
  }
}

/** Decrypts with whichever identity fits. No octet comes out whose tag was not right; throws `NotDecrypted`. */
export async function* decrypted(
  secret: AsyncIterable<Buffer>,
  identities: readonly KeyObject[],
): AsyncGenerator<Buffer> {
  const source = new Octets(secret)
  const fileKey = await openHeader(source, identities)
  const key = derived(fileKey, await source.exactly(NONCE), 'payload')
  let counter = 0
  for await (const { chunk, isLast } of chunked(source.rest(), CHUNK + TAG)) {
    if (chunk.length < TAG || (chunk.length === TAG && counter > 0)) throw new NotDecrypted('damaged')
    const decipher = createDecipheriv(CIPHER, key, nonceOf(counter++, isLast), { authTagLength: TAG })
    decipher.setAuthTag(chunk.subarray(-TAG))
    let plain: Buffer
    try {
      plain = Buffer.concat([decipher.update(chunk.subarray(0, -TAG)), decipher.final()])
    } catch {
      throw new NotDecrypted('damaged')
    }
    if (plain.length > 0) yield plain
  }
}

function header(fileKey: Buffer, recipient: Buffer): Buffer {
  const { privateKey, publicKey: share } = generateKeyPairSync('x25519')
  const key = wrapKey(privateKey, recipient, rawPublic(share), recipient)
  const cipher = createCipheriv(CIPHER, key, NO_NONCE, { authTagLength: TAG })
  const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
  const text = `${FIRST_LINE}\n-> X25519 ${base64(rawPublic(share))}\n${base64(body)}\n---`
  return Buffer.from(`${text} ${base64(headerMac(fileKey, text))}\n`)
}

/** Reads the header, and the key of the file from that of its recipients which is ours. */
async function openHeader(source: Octets, identities: readonly KeyObject[]): Promise<Buffer> {
  if ((await source.line()) !== FIRST_LINE) throw new NotDecrypted('damaged')
  let text = `${FIRST_LINE}\n`
  let fileKey: Buffer | undefined
  for (let line = await source.line(); ; line = await source.line()) {
    if (line.startsWith('--- ')) {
      if (!fileKey) throw new NotDecrypted('other-key')
      const mac = Buffer.from(line.slice(4), 'base64')
      const right = headerMac(fileKey, `${text}---`)
      if (mac.length !== right.length || !timingSafeEqual(mac, right)) throw new NotDecrypted('damaged')
      return fileKey
    }
    if (!line.startsWith('-> ')) throw new NotDecrypted('damaged')
    text += `${line}\n`
    const body = await stanzaBody(source)
    text += body.text
    const [, type, share = ''] = line.split(' ')
    if (type === 'X25519') fileKey ??= unwrapped(Buffer.from(share, 'base64'), body.octets, identities)
  }
}

/** Lines of 64 characters, and one that is shorter. */
async function stanzaBody(source: Octets): Promise<{ readonly text: string; readonly octets: Buffer }> {
  const lines: string[] = []
  do lines.push(await source.line())
  while (lines.at(-1)!.length === 64)
  return { text: `${lines.join('\n')}\n`, octets: Buffer.from(lines.join(''), 'base64') }
}

function unwrapped(share: Buffer, body: Buffer, identities: readonly KeyObject[]): Buffer | undefined {
  if (share.length !== 32 || body.length !== FILE_KEY + TAG) throw new NotDecrypted('damaged')
  for (const identity of identities) {
    try {
      const key = wrapKey(identity, share, share, rawPublic(identity))
      const decipher = createDecipheriv(CIPHER, key, NO_NONCE, { authTagLength: TAG })
      decipher.setAuthTag(body.subarray(FILE_KEY))
      return Buffer.concat([decipher.update(body.subarray(0, FILE_KEY)), decipher.final()])
    } catch {}
  }
  return undefined
}

/** The key under which that of the file is wrapped. Throws where the shared secret would be zero. */
function wrapKey(own: KeyObject, other: Buffer, share: Buffer, recipient: Buffer): Buffer {
  const shared = diffieHellman({ privateKey: own, publicKey: x25519Public(other) })
  return derived(shared, Buffer.concat([share, recipient]), X25519)
}

function headerMac(fileKey: Buffer, text: string): Buffer {
  return createHmac('sha256', derived(fileKey, Buffer.alloc(0), 'header'))
    .update(text)
    .digest()
}

function derived(secret: Buffer, salt: Buffer, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, 32))
}

/** Eleven octets of a counter, and one that marks the last chunk: nothing can be left out, added or swapped. */
function nonceOf(counter: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(counter, 5, 6)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

function base64(octets: Buffer): string {
  return octets.toString('base64').replaceAll('=', '')
}

/** The same octets in chunks of one size; the last, of which there is always one, may be shorter. */
export async function* chunked(
  octets: AsyncIterable<Buffer>,
  size: number,
): AsyncGenerator<{ readonly chunk: Buffer; readonly isLast: boolean }> {
  let held: Buffer[] = []
  let length = 0
  for await (const piece of octets) {
    if (piece.length === 0) continue
    let from = 0
    // A full chunk waits until it is known not to be the last.
    while (length + piece.length - from > size) {
      const more = size - length
      held.push(piece.subarray(from, from + more))
      from += more
      yield { chunk: Buffer.concat(held), isLast: false }
      held = []
      length = 0
    }
    held.push(piece.subarray(from))
    length += piece.length - from
  }
  yield { chunk: Buffer.concat(held), isLast: true }
}

/** Octets that are taken by line, by number, and then as they come. */
class Octets {
  readonly #source: AsyncIterator<Buffer>
  #held: Buffer = Buffer.alloc(0)
  #header = 0

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** A line of the header, without its end. */
  async line(): Promise<string> {
    let end = this.#held.indexOf(0x0a)
    while (end < 0) {
      if (this.#held.length > MOST_HEADER) throw new NotDecrypted('damaged')
      await this.#more()
      end = this.#held.indexOf(0x0a)
    }
    const line = this.#held.toString('latin1', 0, end)
    this.#held = this.#held.subarray(end + 1)
    this.#header += line.length
    if (this.#header > MOST_HEADER) throw new NotDecrypted('damaged')
    return line
  }

  async exactly(count: number): Promise<Buffer> {
    while (this.#held.length < count) await this.#more()
    const octets = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(count)
    return octets
  }

  async *rest(): AsyncGenerator<Buffer> {
    yield this.#held
    for (;;) {
      const next = await this.#source.next()
      if (next.done) return
      yield next.value
    }
  }

  async #more(): Promise<void> {
    const next = await this.#source.next()
    if (next.done) throw new NotDecrypted('damaged')
    this.#held = Buffer.concat([this.#held, next.value])
  }
}
