import { openTls } from '../../dial/link.ts'
import { inspect, isMissingInOldApps, isOtherThan, type ShownCertificate } from '../certificate-probe.ts'
import type { EndpointCheck } from '../check.ts'
import type { Facts, TurnEndpoint } from '../facts.ts'
import { type Finding, finding } from '../finding.ts'
import { CONNECT } from '../open.ts'

const DAY = 86_400_000
/** Days before the end at which a renewal that works would have happened. */
const SOON = 14

/** Clients accept the certificate: its name, its time, its chain; and it is the one on disk. */
export const certificate: EndpointCheck = {
  name: 'certificate',
  async run(facts, endpoint) {
    if (endpoint.transport !== 'tls' || !endpoint.state.reached) return []
    const { uri, address, state, label } = endpoint
    const to = state.detour ?? address
    const opened = await openTls(to, { host: uri.host, patience: CONNECT })
    if (!opened.ok)
      return [
        finding(
          'tls-handshake',
          { detail: opened.error.detail, address: label, host: uri.host, port: uri.port },
          { at: label },
        ),
      ]
    const shown = inspect(opened.value.socket, uri.host)
    opened.value.link.close()
    if (!shown) return []
    const old = await openTls(to, { host: uri.host, patience: CONNECT, maxVersion: 'TLSv1.1' })
    if (old.ok) old.value.link.close()
    const found = [...judge(shown, facts, endpoint)]
    if (old.ok) found.push(finding('tls-old', {}, { at: label }))
    return found
  },
}

function* judge(shown: ShownCertificate, facts: Facts, { uri, label }: TurnEndpoint): Generator<Finding> {
  const at = { at: label }
  const now = Date.now()
  const until = shown.validTo
  const values = { host: uri.host, until, names: shown.names, root: shown.root ?? '?' }
  const file = facts.isOnRelay ? facts.subject.config?.settings.tls?.certificate : undefined
  const isStale = file !== undefined && isOtherThan(shown.leaf, file) === true
  if (isStale) yield finding('tls-not-reloaded', { ...values, file }, at)
  let isBad = isStale
  if (shown.validTo.getTime() < now) {
    isBad = true
    yield finding('tls-expired', values, at)
  } else if (shown.validFrom.getTime() > now) {
    isBad = true
    yield finding('tls-too-early', { ...values, from: shown.validFrom }, at)
  } else if (
    shown.validTo.getTime() - now < SOON * DAY &&
    shown.validTo.getTime() - shown.validFrom.getTime() > 2 * SOON * DAY
  ) {
    yield finding(
      'tls-expires-soon',
      { ...values, days: Math.floor((shown.validTo.getTime() - now) / DAY) },
      at,
    )
  }
  if (!shown.isNameRight) {
    isBad = true
    yield finding('tls-name', values, at)
  }
  const distrust = distrustOf(shown)
  if (distrust) {
    isBad = true
    yield finding(
      distrust,
      { ...values, file: facts.subject.config?.settings.tls?.certificate ?? 'fullchain.pem' },
      at,
    )
  }
  if (isBad) return
  yield finding('tls-ok', { ...values, protocol: shown.protocol }, at)
  if (!shown.isRootPublic) yield finding('tls-private-root', values, at)
  else if (isMissingInOldApps(shown.root)) yield finding('tls-old-apps', values, at)
}

/** Which end of the chain is at fault; time and name are judged elsewhere. */
function distrustOf({
  distrust,
  isSelfSigned,
}: ShownCertificate): 'tls-self-signed' | 'tls-chain' | 'tls-root' | undefined {
  if (distrust === undefined || /EXPIRED|NOT_YET_VALID|ALTNAME/.test(distrust)) return undefined
  if (isSelfSigned) return 'tls-self-signed'
  // "Leaf": it came alone. Any other error names an issuer that was sent but is not known here.
  if (/UNABLE_TO_VERIFY_LEAF_SIGNATURE/.test(distrust)) return 'tls-chain'
  return 'tls-root'
}
