import type { Manner } from './manner.ts'
import { type Profile, Queue } from './profile.ts'

const LIFETIME = 1800
const MARGIN = 60
const PERMISSION_REFRESH = 240

/** A client of the newer RFCs, which answers an offer of PASSWORD-ALGORITHMS. */
function client8489(name: string, source: string, algorithms: Manner['algorithms']): Profile {
  return {
    name,
    source,
    manner: { credentials: ['NONCE', 'REALM', 'USERNAME'], fingerprint: true, algorithms },
    vias: ['udp', 'tcp'],

    open(client) {
      const refreshIn = (granted: number) =>
        client.after(granted - MARGIN, () => client.refresh(LIFETIME, refreshIn))
      client.allocate(LIFETIME, refreshIn)
    },

    reach(client, peer) {
      const queue = new Queue()
      const send = (payload: Buffer) => client.sendIndication(peer, payload)
      client.permit([peer], () => queue.open(send))
      client.every(PERMISSION_REFRESH, () => client.permit([peer]))
      return payload => {
        if (!queue.keep(payload)) send(payload)
      }
    },
  }
}

/** Chooses MD5 of what is offered and signs with MESSAGE-INTEGRITY, against RFC 8489 §9.2.5 (P-07). */
export const librice = client8489(
  'turn-client-proto 0.7.3 (librice), as it is configured by default',
  'turn-proto, turn-client-proto 0.7.3: TurnConfig::new, whose supported_integrity is SHA-1; seen on the wire',
  'md5',
)

export const rfc8489 = client8489(
  'turn-client-proto 0.7.3 (librice) with SHA-256',
  'RFC 8489 §9.2.5; turn-proto, turn-client-proto 0.7.3 with supported_integrity SHA-256; seen on the wire',
  'sha256',
)
