import { type Address, address, formatIp, parseIp } from '../base/address.ts'
import { maskDatagram, maskNonce } from './masked-datagram.ts'
import { Masks } from './masks.ts'
import type { Asked, RecordingEntry } from './step.ts'

/**
 * Takes from the entries of one recording whatever names a person, a machine or
 * a secret. What stays is a list of what may stay: a member that is added
 * somewhere and forgotten here is disguised.
 */
export class Disguise {
  readonly #masks = new Masks()

  entry(entry: RecordingEntry): RecordingEntry {
    if (entry.kind === 'ending') return entry
    if (entry.kind === 'beginning') return this.#value(entry, '') as RecordingEntry
    const { input, asked } = entry
    const masked =
      input.kind === 'datagram'
        ? {
            ...input,
            from: this.#address(input.from),
            bytes: maskDatagram(input.bytes, input.via, this.#masks),
          }
        : this.#value(input.kind === 'refused' ? { ...input, why: this.#sentence(input.why) } : input, '')
    return { ...entry, input: masked as typeof input, asked: asked.map(one => this.#asked(one)) }
  }

  #asked([question, answer]: Asked): Asked {
    if (question === 'nonce') return [question, maskNonce(String(answer))]
    // One of a few words.
    if (typeof answer === 'string') return [question, answer]
    if (question === 'random') return [question, this.#masks.token(answer as Buffer)]
    return [question, this.#value(answer, question)]
  }

  #value(value: unknown, key: string): unknown {
    if (typeof value === 'string') return WORDS.has(key) ? value : this.#masks.name(value)
    if (value instanceof Uint8Array) {
      if (key === 'ip' || key === 'ips') return this.#masks.ip(value)
      return key === 'token' ? this.#masks.token(value) : Buffer.alloc(value.length)
    }
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(one => this.#value(one, key))
    if (value instanceof Map) {
      return new Map(
        Array.from(value, ([name, one]) => [this.#masks.name(String(name)), this.#value(one, '')]),
      )
    }
    if (isAddress(value)) return this.#address(value)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.#value(one, name)]))
  }

  #address({ ip, port }: Address): Address {
    return address(this.#masks.ip(ip), port)
  }

  /** A sentence of ours, in which an address may stand. */
  #sentence(text: string): string {
    return text.replace(/[0-9a-fA-F.:]*[0-9a-fA-F]/g, word => {
      const ip = parseIp(word)
      return ip ? formatIp(this.#masks.ip(ip)) : word
    })
  }
}

/** Members whose text is one of a few words, or the program's version. */
const WORDS: ReadonlySet<string> = new Set([
  'kind',
  'via',
  'why',
  'cause',
  'reason',
  'version',
  'defaultFamily',
])

/** Whether a value is an `Address`, told by its members. */
export function isAddress(value: object): value is Address {
  return 'ip' in value && 'port' in value && 'family' in value && 'key' in value
}
