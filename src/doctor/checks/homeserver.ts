import type { DoctorCheck } from '../check.ts'
import type { Facts } from '../facts.ts'
import { type Finding, type FindingValues, finding } from '../finding.ts'
import { kindOf, kindWords } from '../homeserver-kinds.ts'
import { ask, type HttpAnswer, type HttpFailure } from '../http.ts'

/** Where the client API is: what `.well-known` says, or where we were sent. */
export const discovery: DoctorCheck = {
  name: 'discovery',
  gives: ['base', 'kind', 'wellKnown', 'clockAhead'],
  async run(facts) {
    const { homeserver } = facts.subject
    if (!homeserver) return []
    const found: Finding[] = []
    const { base, findings } = await baseOf(homeserver.url, facts)
    found.push(...findings)
    if (!base) return found
    const versions = await ask(new URL('/_matrix/client/versions', base))
    if (versions.kind === 'failure') return [...found, unreachable(versions, base)]
    if (versions.status !== 200 || !isObject(versions.json) || !Array.isArray(versions.json.versions)) {
      return [...found, finding('hs-not-matrix', { url: base.origin, status: versions.status })]
    }
    facts.base = base
    facts.clockAhead = versions.clockAhead
    const { name, version } = await softwareOf(base, versions)
    const { kind, known } = kindOf(name)
    facts.kind = known ? kind : { ...kind, title: base.host }
    const software = name === undefined ? '?' : `${name} ${version ?? ''}`.trim()
    return [...found, finding('hs-ok', { url: base.origin, software })]
  },
}

/** Credentials are for users only. Also tells a reverse proxy that swallows the path. */
export const unauthenticated: DoctorCheck = {
  name: 'unauthenticated',
  needs: ['base', 'kind'],
  async run(facts) {
    if (!facts.base) return []
    const answer = await ask(turnServerUrl(facts.base))
    if (answer.kind === 'failure') return [unreachable(answer, facts.base)]
    if (answer.status === 401) return [finding('hs-closed')]
    const values = { url: facts.base.origin, status: answer.status, guests: facts.kind.guests }
    if (answer.status === 200 && isObject(answer.json) && 'password' in answer.json)
      return [finding('hs-open', values)]
    // A 404 that says so in Matrix's words means that there is no TURN server, for every user (MSC4166).
    if (answer.status === 404 && errcode(answer) === 'M_NOT_FOUND') return []
    return [finding('hs-proxy', values)]
  },
}

/** On the relay's machine: whether a homeserver with a secret of this relay could have been asked, and was not. */
function isUnasked({ config, homeserver, uris }: Facts['subject']): boolean {
  return (
    !homeserver && !uris && config?.settings.homeservers.some(({ secrets }) => secrets.length > 0) === true
  )
}

/** A user who logs in gets a credential. */
export const turnServer: DoctorCheck = {
  name: 'turn-server',
  needs: ['base', 'kind', 'clockAhead'],
  gives: ['turnServer', 'clockAhead', 'ttl', 'credential', 'issuer'],
  async run(facts) {
    const { base, subject, kind } = facts
    if (!base) return isUnasked(subject) ? [finding('no-homeserver')] : []
    if (!subject.homeserver?.login) return [finding('no-login')]
    const { token, findings } = await logIn(facts, base)
    if (token === undefined) return findings
    const answer = await ask(turnServerUrl(base), { token })
    if ('user' in subject.homeserver.login) {
      await ask(new URL('/_matrix/client/v3/logout', base), { method: 'POST', token, body: {} })
    }
    if (answer.kind === 'failure') return [unreachable(answer, base)]
    const values = { url: base.origin, ...kindWords(kind), status: answer.status }
    if (answer.status === 401) return [finding('token-refused', values)]
    if (answer.status === 403) return [finding('turn-403', values)]
    if (answer.status === 429) return [finding('turn-429', values)]
    if (answer.status === 404) return [finding(errcode(answer) ? 'turn-404' : 'hs-proxy', values)]
    if (answer.status !== 200 || !isObject(answer.json)) return [finding('turn-odd', values)]
    return given(facts, answer, values)
  },
}

function given(facts: Facts, answer: HttpAnswer, values: FindingValues): Finding[] {
  const json = answer.json as Record<string, unknown>
  if (Object.keys(json).length === 0) return [finding('turn-empty', values)]
  const { username, password, uris, ttl } = json
  if (!Array.isArray(uris) || uris.length === 0) return [finding('turn-no-uris', values)]
  facts.turnServer = answer
  facts.clockAhead = answer.clockAhead ?? facts.clockAhead
  if (typeof ttl === 'number') facts.ttl = ttl
  if (text(username) === undefined || text(password) === undefined) return [finding('turn-blank', values)]
  facts.credential = { username: username as string, password: password as string }
  facts.issuer = 'homeserver'
  if (typeof ttl !== 'number') return [finding('turn-no-ttl', values)]
  return [finding('turn-given', { count: uris.length, ttl })]
}

async function baseOf(url: URL, facts: Facts): Promise<{ base?: URL; findings: Finding[] }> {
  const answer = await ask(new URL('/.well-known/matrix/client', url), { redirects: 3 })
  if (answer.kind === 'failure' && answer.why === 'timeout') {
    return { findings: [unreachable(answer, url)] }
  }
  // A homeserver may be named by its API itself; whether that answers is seen next.
  if (answer.kind === 'failure' || answer.status === 404) return { base: url, findings: [] }
  const json = isObject(answer.json) ? answer.json : undefined
  const named = isObject(json?.['m.homeserver']) ? text(json['m.homeserver'].base_url) : undefined
  if (!json || named === undefined || !URL.canParse(named)) {
    return { base: url, findings: [finding('well-known-odd', { url: url.origin, status: answer.status })] }
  }
  facts.wellKnown = json
  const base = new URL(named)
  const isSafe = base.protocol === 'https:' || (base.protocol === 'http:' && url.protocol === 'http:')
  if (!isSafe)
    return { base: url, findings: [finding('well-known-plain', { base: base.origin, url: url.origin })] }
  const cors = answer.headers.get('access-control-allow-origin')
  return {
    base,
    findings:
      cors === '*' || cors === 'https://doctor.invalid'
        ? []
        : [finding('well-known-cors', { url: url.origin })],
  }
}

async function logIn(facts: Facts, base: URL): Promise<{ token?: string; findings: Finding[] }> {
  const login = facts.subject.homeserver!.login!
  if ('token' in login) return { token: login.token, findings: [] }
  const answer = await ask(new URL('/_matrix/client/v3/login', base), {
    method: 'POST',
    body: {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: login.user },
      password: login.password,
      initial_device_display_name: 'taciturn doctor',
    },
  })
  if (answer.kind === 'failure') return { findings: [unreachable(answer, base)] }
  const token = isObject(answer.json) ? text(answer.json.access_token) : undefined
  if (token !== undefined) return { token, findings: [] }
  return { findings: [finding('login-refused', { status: answer.status, errcode: errcode(answer) ?? '?' })] }
}

/** Which homeserver it is: what it says to other servers, or else in its Server header. */
async function softwareOf(base: URL, versions: HttpAnswer): Promise<{ name?: string; version?: string }> {
  const answer = await ask(new URL('/_matrix/federation/v1/version', base))
  const server = answer.kind === 'answer' && isObject(answer.json) ? answer.json.server : undefined
  const named = isObject(server) ? { name: text(server.name), version: text(server.version) } : undefined
  if (named?.name !== undefined) {
    return { name: named.name, ...(named.version !== undefined && { version: named.version }) }
  }
  const [name, version] = (versions.headers.get('server') ?? '').split(/[/ ]/)
  if (!kindOf(name).known || name === undefined) return {}
  return { name, ...(version !== undefined && { version }) }
}

function unreachable({ why, detail }: HttpFailure, base: URL): Finding {
  const values = { url: base.origin, detail, host: base.host }
  if (why === 'tls') return finding('hs-tls', values)
  if (why === 'too-large') return finding('hs-not-matrix', { url: base.origin, status: detail })
  if (why === 'redirect') return finding('hs-redirect', values)
  return finding(why === 'timeout' ? 'hs-slow' : 'hs-unreachable', values)
}

export function turnServerUrl(base: URL): URL {
  return new URL('/_matrix/client/v3/voip/turnServer', base)
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A text with something in it. */
function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function errcode({ json }: HttpAnswer): string | undefined {
  return isObject(json) ? text(json.errcode) : undefined
}
