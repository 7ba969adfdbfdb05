import { isAbsolute, resolve } from 'node:path'
import { address, formatIp, parseIp } from '../base/address.ts'
import { type Listener, overlap } from '../config/values/listener.ts'
import { nearest } from '../config/values/nearest.ts'
import { parsePorts } from '../config/values/port-range.ts'
import { formatRate, parseRate } from '../config/values/rate.ts'
import { parseRealm, parseUserName } from '../config/values/text.ts'
import type { Imported } from './coturn/coturn.ts'
import { type Draft, emptyDraft, type ImportSurroundings } from './draft.ts'
import { type Leaf, leaves } from './eturnal-file.ts'
import { ETURNAL_MODULES, ETURNAL_OPTIONS } from './eturnal-options.ts'
import { readEturnalClients, readEturnalPeers } from './eturnal-peers.ts'
import { type ImportedEntry, Ledger } from './line.ts'
import { settlePlaceholder } from './placeholder.ts'
import { ANYWHERE, mapPublic, unique } from './relay-address.ts'

/**
 * Reads an eturnal.yml. Every value in it is in the entries once, under its
 * path below `eturnal`. Throws `UnreadableFile` where it is no YAML.
 */
export function importEturnal(text: string, around: ImportSurroundings): Imported {
  return importEturnalLeaves(leaves(text), around)
}

/** The same for values that stood elsewhere, such as in environment variables. */
export function importEturnalLeaves(found: readonly Leaf[], around: ImportSurroundings): Imported {
  const reader = new EturnalReader(found, around)
  return { draft: reader.read(), entries: reader.entries() }
}

class EturnalReader {
  readonly #leaves: readonly Leaf[]
  readonly #around: ImportSurroundings
  readonly #ledger: Ledger
  readonly #draft = emptyDraft()

  constructor(leaves: readonly Leaf[], around: ImportSurroundings) {
    this.#leaves = leaves
    this.#around = around
    this.#ledger = new Ledger(leaves)
  }

  entries(): ImportedEntry[] {
    return this.#ledger.entries()
  }

  read(): Draft {
    this.#settleFixed()
    this.#readRealm()
    this.#readTls()
    this.#readListeners()
    this.#readRelay()
    this.#readIssuers()
    this.#readPeers()
    this.#readLimits()
    this.#readRest()
    this.#readModules()
    return this.#draft
  }

  #settleFixed(): void {
    for (const leaf of this.#leaves) {
      const [top, name] = leaf.path
      if (top !== 'eturnal') {
        this.#ledger.unknown(leaf, nearest(String(top), ['eturnal']))
        continue
      }
      const key = String(name ?? '')
      const option = Object.hasOwn(ETURNAL_OPTIONS, key) ? ETURNAL_OPTIONS[key] : undefined
      if (option === undefined) this.#ledger.unknown(leaf, nearest(key, Object.keys(ETURNAL_OPTIONS)))
      else if (option !== 'read') {
        const [fate, note] = option
        this.#ledger[fate](leaf, note)
      }
    }
  }

  #readRealm(): void {
    for (const leaf of this.#all('realm')) {
      if (settlePlaceholder(this.#draft, this.#ledger, leaf, 'realm')) continue
      const realm = parseRealm(leaf.value)
      if (!realm.ok) {
        this.#ledger.unsupported(leaf, 'bad-value')
        continue
      }
      this.#draft.realm = realm.value
      this.#ledger.taken(leaf, 'realm')
    }
  }

  #readTls(): void {
    const paths: { certificate?: string; key?: string } = {}
    for (const [name, into] of [
      ['tls_crt_file', 'certificate'],
      ['tls_key_file', 'key'],
    ] as const) {
      for (const leaf of this.#all(name)) {
        if (leaf.value === '' || leaf.value === 'none') {
          this.#ledger.unneeded(leaf, 'is-default')
          continue
        }
        paths[into] = isAbsolute(leaf.value) ? leaf.value : resolve(this.#around.folder, leaf.value)
        this.#ledger.taken(leaf, `tls.${into}`)
      }
    }
    const certificate = paths.certificate ?? paths.key
    // eturnal looks for the key in the certificate's file where it has no file of its own.
    if (certificate !== undefined) this.#draft.tls = { certificate, key: paths.key ?? certificate }
  }

  #readListeners(): void {
    const groups = new Map<number, Map<string, Leaf>>()
    for (const leaf of this.#all('listen')) {
      const [, , index, field] = leaf.path
      if (typeof index !== 'number' || typeof field !== 'string') {
        this.#ledger.unsupported(leaf, 'bad-value')
        continue
      }
      const group = groups.get(index) ?? new Map<string, Leaf>()
      groups.set(index, group.set(field, leaf))
    }
    for (const group of groups.values()) this.#readListener(group)
    if (groups.size === 0) {
      for (const transport of ['udp', 'tcp'] as const) {
        for (const ip of ANYWHERE) this.#listen({ transport, address: address(ip, 3478) })
      }
    }
    const usesTls = this.#draft.listen.some(({ transport }) => transport === 'tls')
    // `auto` is TCP and TLS on one port, and so is a tcp:// listener once there is a certificate.
    const takesTls =
      usesTls || this.#all('listen').some(leaf => leaf.path[3] === 'transport' && leaf.value === 'auto')
    if (this.#draft.tls && !takesTls) {
      delete this.#draft.tls
      for (const name of ['tls_crt_file', 'tls_key_file'])
        for (const leaf of this.#all(name)) this.#ledger.unneeded(leaf, 'certificate-unused')
    }
    if (usesTls && !this.#draft.tls) {
      this.#draft.listen = this.#draft.listen.filter(({ transport }) => transport !== 'tls')
      this.#draft.todo.push({ key: 'todo-certificate', values: {} })
    }
    if (this.#draft.listen.length === 0) this.#draft.todo.push({ key: 'todo-listen', values: {} })
  }

  #readListener(group: ReadonlyMap<string, Leaf>): void {
    const field = (name: string) => group.get(name)
    for (const [name, leaf] of group) {
      if (!LISTENER_FIELDS.includes(name)) this.#ledger.unknown(leaf, nearest(name, LISTENER_FIELDS))
    }
    const ipLeaf = field('ip')
    const ip = parseIp(ipLeaf?.value ?? '0.0.0.0')
    const portLeaf = field('port')
    const transportLeaf = field('transport')
    const given = transportLeaf?.value ?? 'udp'
    const isKnown = ['udp', 'tcp', 'tls', 'auto'].includes(given)
    const transport = given === 'auto' ? 'tcp' : (given as Listener['transport'])
    const port = Number(portLeaf?.value ?? (given === 'tls' ? 5349 : 3478))
    const isPort = Number.isInteger(port) && port > 0 && port < 65536
    const turn = field('enable_turn')
    const proxy = field('proxy_protocol')
    if (proxy) {
      if (proxy.value === 'true') this.#ledger.unsupported(proxy, 'proxy-protocol')
      else this.#ledger.unneeded(proxy, 'switched-off')
    }
    if (turn) {
      if (turn.value === 'false') this.#ledger.unsupported(turn, 'stun-only')
      else this.#ledger.unneeded(turn, 'is-default')
    }
    const settle = (leaf: Leaf | undefined, isGood: boolean, note?: 'auto-transport' | 'both-families') => {
      if (!leaf) return
      if (isGood) this.#ledger.taken(leaf, 'listen', note)
      else this.#ledger.unsupported(leaf, 'bad-value')
    }
    const isAny6 = ip?.length === 16 && ip.every(octet => octet === 0)
    settle(ipLeaf, ip !== undefined, isAny6 ? 'both-families' : undefined)
    settle(portLeaf, isPort)
    settle(transportLeaf, isKnown, given === 'auto' ? 'auto-transport' : undefined)
    if (!ip || !isPort || !isKnown || turn?.value === 'false' || proxy?.value === 'true') return
    // A socket of eturnal on `::` takes IPv4 too.
    for (const host of isAny6 ? ANYWHERE : [ip]) this.#listen({ transport, address: address(host, port) })
  }

  #listen(listener: Listener): void {
    if (!this.#draft.listen.some(other => overlap(other, listener))) this.#draft.listen.push(listener)
  }

  #readRelay(): void {
    for (const name of ['relay_ipv4_addr', 'relay_ipv6_addr']) {
      for (const leaf of this.#all(name)) {
        if (settlePlaceholder(this.#draft, this.#ledger, leaf, 'relay.addresses')) continue
        if (leaf.value === 'none') {
          this.#readNone(leaf, name === 'relay_ipv4_addr' ? 4 : 16)
          continue
        }
        const ip = parseIp(leaf.value)
        if (!ip || ip.every(octet => octet === 0)) {
          this.#ledger.unsupported(leaf, 'bad-address')
          this.#draft.todo.push({ key: 'todo-public', values: {} })
          continue
        }
        const listening = this.#draft.listen
          .map(({ address }) => address.ip)
          .filter(ip => ip.some(octet => octet > 0))
        const mapping = mapPublic(ip, unique(listening), this.#around)
        if ('missing' in mapping) {
          this.#draft.todo.push(mapping.missing)
          this.#ledger.unsupported(leaf, 'local-unknown', { public: formatIp(ip) })
          continue
        }
        this.#draft.relayAddresses.push(mapping.entry)
        this.#ledger.taken(leaf, 'relay.addresses', mapping.guessed ? 'local-guessed' : undefined, {
          entry: mapping.entry,
        })
      }
    }
    const min = this.#all('relay_min_port').at(-1)
    const max = this.#all('relay_max_port').at(-1)
    const ports = `${min?.value ?? 49152}-${max?.value ?? 65535}`
    const isGood = parsePorts(ports).ok
    if ((min || max) && isGood) this.#draft.ports = ports
    for (const leaf of [min, max]) {
      if (!leaf) continue
      if (isGood) this.#ledger.taken(leaf, 'relay.ports')
      else this.#ledger.unsupported(leaf, 'bad-ports')
    }
  }

  /** No relaying over one family: the addresses of the other are written out, since `auto` would take both. */
  #readNone(leaf: Leaf, octets: 4 | 16): void {
    const others = ['relay_ipv4_addr', 'relay_ipv6_addr'].filter(
      name => (name === 'relay_ipv4_addr') !== (octets === 4),
    )
    const isNamed = others.some(name => this.#all(name).some(({ value }) => parseIp(value) !== undefined))
    const own = this.#around.own.filter(ip => ip.length !== octets)
    if (!isNamed && own.length > 0) this.#draft.relayAddresses.push(...own.map(formatIp))
    this.#ledger.taken(leaf, 'relay.addresses', isNamed ? undefined : 'family-off', {
      addresses: own.map(formatIp).join(', '),
    })
  }

  #readIssuers(): void {
    const draft = this.#draft
    for (const leaf of this.#all('secret')) {
      if (leaf.value === '') this.#ledger.unsupported(leaf, 'bad-value')
      else if (settlePlaceholder(draft, this.#ledger, leaf, 'homeservers[0].secrets')) continue
      else if (draft.secrets.includes(leaf.value)) this.#ledger.unneeded(leaf, 'twice')
      else {
        draft.secrets.push(leaf.value)
        this.#ledger.taken(leaf, 'homeservers[0].secrets')
      }
    }
    for (const leaf of this.#all('credentials')) {
      const [, , given, ...more] = leaf.path
      if (given === undefined && leaf.value === '') {
        this.#ledger.unneeded(leaf, 'is-default')
        continue
      }
      if (settlePlaceholder(draft, this.#ledger, leaf, 'users')) continue
      const name = parseUserName(String(given ?? ''))
      if (given === undefined || more.length > 0 || !name.ok || leaf.value === '')
        this.#ledger.unsupported(leaf, 'bad-user')
      else if (draft.users.some(user => user.name === name.value)) this.#ledger.unneeded(leaf, 'twice')
      else {
        draft.users.push({ name: name.value, password: leaf.value })
        this.#ledger.taken(leaf, 'users')
      }
    }
    const isOpen = draft.todo.some(
      ({ values }) => values.into === 'homeservers[0].secrets' || values.into === 'users',
    )
    if (draft.secrets.length === 0 && draft.users.length === 0 && !isOpen)
      draft.todo.push({ key: 'todo-eturnal-secret', values: {} })
  }

  #readPeers(): void {
    const reading = { draft: this.#draft, ledger: this.#ledger, around: this.#around }
    readEturnalPeers(reading, name => this.#all(name))
    readEturnalClients(reading, name => this.#all(name))
  }

  #readLimits(): void {
    for (const leaf of this.#all('max_permissions')) {
      const count = Number(leaf.value)
      if (leaf.value === 'unlimited') this.#ledger.unneeded(leaf, 'permissions-bounded')
      else if (!Number.isInteger(count) || count < 1 || count > 65_536)
        this.#ledger.unsupported(leaf, 'bad-value')
      else {
        this.#draft.limits.permissionsPerAllocation = count
        this.#ledger.taken(leaf, 'limits.permissionsPerAllocation')
      }
    }
    for (const leaf of this.#all('max_bps')) {
      const octets = Number(leaf.value)
      const rate = Number.isFinite(octets) ? formatRate(octets * 2) : ''
      const parsed = parseRate(rate)
      if (leaf.value === 'unlimited' || leaf.value === 'none') this.#ledger.unneeded(leaf, 'is-default')
      else if (!parsed.ok) {
        if (parsed.error.key === 'rate-small')
          this.#ledger.unsupported(leaf, 'rate-below', {
            ...parsed.error.values,
            rate,
            into: 'limits.bitratePerUser',
          })
        else this.#ledger.unsupported(leaf, 'bad-value')
      } else {
        this.#draft.limits.bitratePerUser = rate
        this.#ledger.taken(leaf, 'limits.bitratePerUser', 'rate-user', { octets, rate })
      }
    }
  }

  #readRest(): void {
    for (const leaf of this.#all('strict_expiry')) {
      if (leaf.value !== 'true') {
        this.#ledger.unneeded(leaf, 'is-default')
        continue
      }
      this.#draft.credentials.strictExpiry = true
      this.#ledger.taken(leaf, 'credentials.strictExpiry')
    }
    for (const leaf of this.#all('software_name')) {
      const fits = leaf.value.length > 0 && leaf.value.length < 128
      if (leaf.value === 'none') this.#ledger.unneeded(leaf, 'is-default')
      else if (!fits) this.#ledger.unsupported(leaf, 'bad-value')
      else {
        this.#draft.protocol.software = leaf.value
        this.#ledger.taken(leaf, 'protocol.software')
      }
    }
    for (const leaf of this.#all('log_level')) {
      const level = LEVELS[leaf.value]
      if (level === undefined) this.#ledger.unsupported(leaf, 'bad-value')
      else if (level === 'info') this.#ledger.unneeded(leaf, 'is-default')
      else {
        this.#draft.logLevel = level
        this.#ledger.taken(leaf, 'log.level')
      }
    }
  }

  #readModules(): void {
    const leaves = this.#all('modules')
    const at = (field: string) => {
      const [leaf] = leaves.filter(({ path }) => path[2] === PROMETHEUS && path[3] === field)
      return leaf
    }
    for (const leaf of leaves) {
      const name = String(leaf.path[2] ?? '')
      const fate = Object.hasOwn(ETURNAL_MODULES, name) ? ETURNAL_MODULES[name] : undefined
      if (!fate) this.#ledger.unknown(leaf, nearest(name, Object.keys(ETURNAL_MODULES)))
      else this.#ledger[fate[0]](leaf, fate[1])
    }
    if (!leaves.some(({ path }) => path[2] === PROMETHEUS)) return
    const ipLeaf = at('ip')
    const portLeaf = at('port')
    const port = Number(portLeaf?.value ?? 8081)
    const ip = ipLeaf && parseIp(ipLeaf.value)
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      this.#ledger.unsupported(portLeaf!, 'bad-value')
      return
    }
    const host = formatIp(ip ?? parseIp('127.0.0.1')!)
    this.#draft.metrics = {
      listen: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
      coturnNames: false,
    }
    if (portLeaf) this.#ledger.taken(portLeaf, 'metrics')
    if (ipLeaf) {
      if (ip) this.#ledger.taken(ipLeaf, 'metrics')
      else this.#ledger.unsupported(ipLeaf, 'metrics-any')
    }
  }

  #all(name: string): Leaf[] {
    return this.#leaves.filter(({ path }) => path[0] === 'eturnal' && path[1] === name)
  }
}

const PROMETHEUS = 'mod_stats_prometheus'
const LISTENER_FIELDS = ['ip', 'port', 'transport', 'proxy_protocol', 'enable_turn']

const LEVELS: Readonly<Record<string, string>> = {
  critical: 'error',
  error: 'error',
  warning: 'warn',
  notice: 'info',
  info: 'info',
  debug: 'debug',
}
