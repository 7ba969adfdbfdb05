import { splitUsername } from '../../auth/shared-secret.ts'
import { formatDuration } from '../../config/values/duration.ts'
import { isBrowserPort, readTurnUri, type TurnUri, type UriFault } from '../../homeserver/turn-uri.ts'
import type { DoctorCheck } from '../check.ts'
import type { Facts } from '../facts.ts'
import { type Finding, finding } from '../finding.ts'
import { kindWords } from '../homeserver-kinds.ts'
import { findSecret } from '../secret-forms.ts'
import { isObject } from './homeserver.ts'

/** Element asks for new credentials every ten minutes, and uses the ones it had before (matrix-js-sdk). */
const SHORT = 1200
const TINY = 60
const LONG = 7 * 86_400
/** URIs from which on Firefox complains. */
const MANY = 5
/** Milliseconds that clocks may differ by before anything comes of it. */
const SKEW = 30_000

/** The URIs are ones that browsers can read, and lead to this relay. */
export const uris: DoctorCheck = {
  name: 'uris',
  needs: ['turnServer', 'kind'],
  gives: ['uris'],
  run(facts) {
    const texts = handedOut(facts)
    if (!texts) return []
    const found: Finding[] = []
    const good: TurnUri[] = []
    for (const text of texts) {
      const uri = readTurnUri(text)
      if (uri.ok) good.push(uri.value)
      else found.push(malformed(uri.error, text, facts))
    }
    facts.uris = good
    found.push(...oneByOne(good, facts), ...together(good, facts))
    return found.length > 0 ? found : [finding('uris-ok', { count: good.length })]
  },
}

/** The password was made with a secret that the relay takes; where not, why not. */
export const secret: DoctorCheck = {
  name: 'secret',
  needs: ['credential', 'issuer', 'kind'],
  gives: ['isSecretRight'],
  run(facts) {
    const { credential, issuer, secrets, kind, subject } = facts
    if (!credential || issuer !== 'homeserver') return []
    const { username, password } = credential
    const values = kindWords(kind)
    const timed = splitUsername(username)
    if (!timed) return fixed(facts)
    if (secrets.length === 0) return subject.config ? [] : [finding('secret-unchecked')]
    const match = findSecret(username, password, secrets)
    if (!match) return [finding('secret-wrong', values)]
    const name = match.secret.homeserver
    if (match.form) return [finding('secret-form', { ...values, form: match.form, homeserver: name })]
    facts.isSecretRight = true
    const domain = timed.user.slice(timed.user.indexOf(':') + 1)
    const isOther = name !== domain && secrets.some(({ homeserver }) => homeserver === domain)
    if (isOther) return [finding('secret-other', { ...values, homeserver: name, domain })]
    if (match.secret.place > 0) return [finding('secret-old', { ...values, homeserver: name })]
    return [finding('secret-ok', { homeserver: name })]
  },
}

/** Credentials live long enough for clients that keep them, and not for ever. */
export const lifetime: DoctorCheck = {
  name: 'lifetime',
  needs: ['ttl', 'credential', 'issuer', 'kind', 'clockAhead'],
  run(facts) {
    const { ttl, credential, kind, clockAhead } = facts
    if (ttl === undefined || facts.issuer !== 'homeserver') return []
    const shown = ttl < 0 || !Number.isInteger(ttl) ? `${ttl}` : formatDuration(ttl)
    const values = { ttl: shown, ...kindWords(kind) }
    const timed = splitUsername(credential?.username ?? '')
    if (!timed && ttl > 0) return []
    if (ttl < TINY) return [finding('ttl-tiny', values)]
    const theirs = Date.now() + (clockAhead ?? 0)
    const left = timed ? Math.round((timed.expires - theirs) / 1000) : ttl
    if (timed && clockAhead !== undefined && Math.abs(left - ttl) > TINY) {
      return [finding('ttl-differs', { ...values, left: `${left} s` })]
    }
    if (ttl < SHORT) return [finding('ttl-short', values)]
    if (ttl > LONG) return [finding('ttl-long', values)]
    return [finding('ttl-ok', values)]
  },
}

/** The clock that an expiry is made with and the one that it is judged by agree. */
export const clocks: DoctorCheck = {
  name: 'clocks',
  needs: ['clockAhead', 'credential', 'issuer'],
  run(facts) {
    const { clockAhead, credential, issuer } = facts
    if (issuer !== 'homeserver' || !credential) return []
    const timed = splitUsername(credential.username)
    const isOver = timed !== undefined && timed.expires <= Date.now()
    if (clockAhead === undefined) return isOver ? [finding('credential-expired')] : []
    const skew = Math.abs(clockAhead)
    const values = {
      skew: formatDuration(Math.round(skew / 1000)),
      direction: clockAhead < 0 ? 'behind' : 'ahead',
      theirs: new Date(Date.now() + clockAhead),
      ours: new Date(),
    }
    if (skew > SKEW)
      return [
        finding(clockAhead < 0 ? 'clock-behind' : 'clock-ahead', values, isOver ? { severity: 'error' } : {}),
      ]
    return [isOver ? finding('credential-expired') : finding('clocks-agree')]
  },
}

function handedOut({ turnServer }: Facts): string[] | undefined {
  const list = isObject(turnServer?.json) ? turnServer.json.uris : undefined
  return Array.isArray(list) ? list.map(String) : undefined
}

function malformed(fault: UriFault, uri: string, facts: Facts): Finding {
  return finding(
    fault === 'stun' ? 'uri-stun' : 'uri-malformed',
    { uri, fault, ...kindWords(facts.kind) },
    { at: uri },
  )
}

function* oneByOne(good: readonly TurnUri[], facts: Facts): Generator<Finding> {
  const { config } = facts.subject
  const listen = config?.settings.listen
  // A router may map the port to another one.
  const isMapped = config?.settings.relay.addresses.some(
    entry => entry !== 'auto' && entry.public !== undefined,
  )
  for (const { text: uri, port, secure, asked, transport } of good) {
    const values = { uri, port, transport, ...kindWords(facts.kind) }
    const at = { at: uri }
    if (!isBrowserPort(port)) yield finding('uri-port-low', values, at)
    if (secure && asked === 'udp') yield finding('uri-dtls', values, at)
    // Port 443 is often passed on by whatever else listens there.
    const isOurs =
      !listen || listen.some(one => one.proxy || (one.transport === transport && one.address.port === port))
    if (!isOurs && port !== 443 && port !== 80) {
      const ports = listen.filter(one => one.transport === transport).map(one => one.address.port)
      yield finding(
        'uri-port',
        { ...values, ports: [...new Set(ports)].join(', ') || '–' },
        { ...at, ...(isMapped && { severity: 'warn' as const }) },
      )
    }
  }
}

function* together(good: readonly TurnUri[], facts: Facts): Generator<Finding> {
  if (good.length === 0) return
  const values = { count: good.length, ...kindWords(facts.kind) }
  if (good.length >= MANY) yield finding('uris-many', values)
  const has = (transport: TurnUri['transport']) => good.some(uri => uri.transport === transport)
  if (!has('udp') && !has('tcp')) yield finding('uris-tls-only', values)
  else if (!has('udp')) yield finding('uris-no-udp', values)
  else if (!has('tcp') && !has('tls')) yield finding('uris-udp-only', values)
}

/** A credential that is not time-limited: a user with a fixed password. */
function fixed({ credential, subject, ...facts }: Facts): Finding[] {
  const users = subject.config?.settings.users
  if (!users || !credential) return [finding('name-fixed')]
  const user = users.find(({ name }) => name === credential.username)
  if (!user) return [finding('name-unknown', { file: facts.kind.file })]
  const isWrong = user.password !== undefined && user.password !== credential.password
  return [isWrong ? finding('password-wrong', { file: facts.kind.file }) : finding('name-fixed')]
}
