import type { Again } from './played-client.ts'
import type { Profile } from './profile.ts'

const LIFETIME = 600
const REFRESH = 540
/** Half of what RFC 8656 gives a permission and a channel. */
const PERMISSION_REFRESH = 150
const CHANNEL_REFRESH = 300
/** Seconds of connectivity checks before a pair is nominated, after which everything goes over a channel. */
const CHECKS = 2

/**
 * Waits for nothing: data follow the request that lets them through, on its heels. Until that is granted each
 * payload sends the request once more. A permission is renewed only until a channel is used (P-06).
 */
export const libjuice: Profile = {
  name: 'libjuice 1.7.2 (libdatachannel)',
  source:
    'libjuice 1.7.2, src/agent.c: agent_send_turn_allocate_request, agent_relay_send, agent_channel_send, agent_send_stun_binding',
  manner: {
    credentials: ['USERNAME', 'REALM', 'NONCE'],
    software: { text: 'libjuice', at: 'front' },
    fingerprint: true,
    algorithms: 'ignored',
    keepsTransaction: true,
  },
  vias: ['udp'],

  open(client) {
    client.allocate(LIFETIME, () => client.every(REFRESH, () => client.refresh(LIFETIME)))
  },

  reach(client, peer) {
    const number = 0x4abc
    const nominated = client.now + CHECKS
    const permission = asked(PERMISSION_REFRESH, granted => client.permit([peer], granted), client)
    const channel = asked(CHANNEL_REFRESH, granted => client.bind(number, peer, granted), client)
    return payload => {
      if (client.now < nominated) {
        permission()
        client.sendIndication(peer, payload)
      } else {
        channel()
        client.sendChannel(number, payload)
      }
    }
  },
}

/** Asks for something unless it was granted lately; again, and with the same octets, while no answer has come. */
function asked(
  lasting: number,
  ask: (granted: () => void) => Again,
  client: { readonly now: number },
): () => void {
  let until = 0
  let again: Again | undefined
  return () => {
    if (client.now < until) return
    if (again) again()
    else {
      again = ask(() => {
        until = client.now + lasting
        again = undefined
      })
    }
  }
}
