import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { address, ipKey, parseIp } from '../../base/address.ts'
import { contains, networkOf, type Range } from '../../base/range.ts'
import type { OwnAddresses } from './machine.ts'

const IP4_TABLE = '/proc/self/net/fib_trie'
const IP6_TABLE = '/proc/self/net/ipv6_route'
/** `RTF_LOCAL` and `RTF_ANYCAST` of linux/ipv6_route.h, without their twenty lowest bits. */
const DELIVERED6 = 0x800 | 0x001
/** Milliseconds between two looks for the sake of routes that stand. */
const EVERY = 1000
/** The tables are read so rarely that this share of the time is spent on it. */
const SHARE = 0.05

/**
 * What the kernel delivers locally, as the files in /proc list it, for where the
 * addon is missing. They are read again whenever an address is asked for,
 * unless that was a moment ago; the longer they are, the longer the moment.
 * Elsewhere than on Linux the addresses of the interfaces have to do.
 */
export class LocalTables implements OwnAddresses {
  readonly #changed: () => void
  readonly #timer: NodeJS.Timeout
  #text = ''
  #hosts = new Set<number | string>()
  #networks: readonly Range[] = []
  #until = Number.NEGATIVE_INFINITY

  constructor(changed: () => void) {
    this.#changed = changed
    this.#read()
    this.#timer = setInterval(() => {
      if (this.#read()) this.#changed()
    }, EVERY).unref()
  }

  has(ip: Uint8Array): boolean {
    if (performance.now() >= this.#until && this.#read()) setImmediate(this.#changed)
    return this.#hosts.has(ipKey(ip)) || this.#networks.some(network => contains(network, ip))
  }

  /** All tables are read, whichever rule leads to them. */
  sendFrom(): void {}

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Returns whether anything is other than before. */
  #read(): boolean {
    const began = performance.now()
    const text = readTables()
    const isOther = text !== this.#text
    if (isOther) {
      const ranges = text.split('\n').flatMap(line => networkOf(line) ?? [])
      this.#text = text
      this.#hosts = new Set(ranges.filter(isHost).map(({ from }) => ipKey(from)))
      this.#networks = ranges.filter(range => !isHost(range))
    }
    const ended = performance.now()
    this.#until = ended + (ended - began) / SHARE
    return isOther
  }
}

/** All that is delivered here, a prefix on each line. */
function readTables(): string {
  const found = [...listed4(read(IP4_TABLE)), ...listed6(read(IP6_TABLE))]
  return (found.length > 0 ? found : [...ofInterfaces()]).join('\n')
}

/** The prefixes that a `fib_trie` calls local; a default route to this machine itself is for transparent proxies. */
export function* listed4(trie: string): Generator<string> {
  let ip = ''
  for (const line of trie.split('\n')) {
    const leaf = /\|-- ([0-9.]+)/.exec(line)
    if (leaf) ip = leaf[1]!
    const route = /^ +\/([0-9]+) [^ ]+ (?:LOCAL|ANYCAST|BROADCAST)\b/.exec(line)
    if (route && route[1] !== '0') yield `${ip}/${route[1]}`
  }
}

/** The prefixes that an `ipv6_route` calls local or anycast. */
export function* listed6(routes: string): Generator<string> {
  for (const line of routes.split('\n')) {
    const [hex = '', length = '', , , , , , , flags = ''] = line.trim().split(/ +/)
    const bits = Number.parseInt(length, 16)
    if (hex.length !== 32 || bits === 0) continue
    if (((Number.parseInt(flags, 16) >>> 20) & DELIVERED6) === 0) continue
    yield `${hex.replace(/.{4}(?=.)/g, '$&:')}/${bits}`
  }
}

function* ofInterfaces(): Generator<string> {
  for (const { address: text } of Object.values(networkInterfaces()).flatMap(infos => infos ?? [])) {
    const ip = parseIp(text.replace(/%.*$/, ''))
    if (ip) yield `${text.replace(/%.*$/, '')}/${address(ip, 0).ip.length * 8}`
  }
}

function isHost({ from, to }: Range): boolean {
  return ipKey(from) === ipKey(to)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
