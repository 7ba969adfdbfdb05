import { formatPorts } from '../../config/values/port-range.ts'
import type { DoctorCheck } from '../check.ts'
import { type Finding, finding } from '../finding.ts'
import { ask } from '../http.ts'
import { readLivekit } from '../livekit.ts'
import { isObject } from './homeserver.ts'

/** Element X and Element Call do not use the homeserver's TURN list at all; says so, and what they use. */
export const matrixRtc: DoctorCheck = {
  name: 'matrix-rtc',
  needs: ['base', 'wellKnown'],
  async run({ base, wellKnown, subject }) {
    if (!base) return []
    const foci = wellKnown?.['org.matrix.msc4143.rtc_foci']
    if (Array.isArray(foci) && foci.length > 0) return [finding('rtc-livekit')]
    const login = subject.homeserver?.login
    const token = login && 'token' in login ? login.token : undefined
    if (token !== undefined) {
      const url = new URL('/_matrix/client/unstable/org.matrix.msc4143/rtc/transports', base)
      const answer = await ask(url, { token })
      const list = answer.kind === 'answer' && isObject(answer.json) ? answer.json.rtc_transports : undefined
      if (Array.isArray(list) && list.length > 0) return [finding('rtc-livekit')]
    }
    return [finding('rtc-none')]
  },
}

/** LiveKit's own configuration names this relay, with a secret that it takes, and leaves it its ports. */
export const livekit: DoctorCheck = {
  name: 'livekit',
  needs: ['uris'],
  run(facts) {
    const { livekit: given, config } = facts.subject
    if (!given) return []
    const { servers, ports } = readLivekit(given.text)
    const values = { file: given.file }
    const found: Finding[] = []
    const hosts = new Set(facts.uris.map(uri => uri.host))
    const ours = servers.filter(({ host }) => host !== undefined && (hosts.size === 0 || hosts.has(host)))
    if (ours.length === 0) found.push(finding('livekit-missing', values))
    const known = new Set(facts.secrets.map(({ value }) => value))
    for (const { host, secret } of ours) {
      if (known.size > 0 && secret !== undefined && !known.has(secret.trim())) {
        found.push(finding('livekit-secret', { ...values, host: host ?? '?' }))
      }
    }
    const range = config?.settings.relay.ports
    const spans = range?.shared?.map(port => ({ from: port, to: port })) ?? (range ? [range] : [])
    if (range && ports && spans.some(({ from, to }) => ports.from <= to && from <= ports.to)) {
      found.push(
        finding('livekit-ports', {
          ...values,
          from: ports.from,
          to: ports.to,
          ours: formatPorts(range),
        }),
      )
    }
    return found.length > 0 ? found : [finding('livekit-ok', values)]
  },
}

/** The homeserver says whom an OpenID token belongs to. */
export const openId: DoctorCheck = {
  name: 'openid',
  needs: ['base'],
  async run({ base }) {
    if (!base) return []
    const answer = await ask(new URL('/_matrix/federation/v1/openid/userinfo', base))
    const isThere = answer.kind === 'answer' && answer.status === 401
    return [finding(isThere ? 'openid-ok' : 'openid-missing', { url: base.origin })]
  },
}
