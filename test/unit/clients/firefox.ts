import type { Profile } from './profile.ts'

const LIFETIME = 3600
const PERMISSION = 300
/** Seconds before an end that something is renewed. */
const SLACK = 10

/**
 * Binds no channels. Allocation and permissions are renewed ten seconds before their end, each with the nonce
 * that it was told last itself; a permission when data are sent, or come.
 */
export const firefox: Profile = {
  name: 'Firefox (nICEr)',
  source:
    'Firefox, dom/media/webrtc/transport/third_party/nICEr/src/stun/turn_client_ctx.c: nr_turn_client_start_refresh_timer, nr_turn_client_ensure_perm, nr_turn_stun_ctx_cb',
  manner: { credentials: ['USERNAME', 'REALM', 'NONCE'], fingerprint: false, algorithms: 'ignored' },
  vias: ['udp', 'tcp'],

  open(client) {
    const refreshIn = (granted: number) =>
      client.after(Math.min(granted, LIFETIME) - SLACK, () => client.refresh(LIFETIME, refreshIn, 'refresh'))
    client.allocate(LIFETIME, refreshIn)
  },

  reach(client, peer) {
    let asked = Number.NEGATIVE_INFINITY
    return payload => {
      if (client.now - asked > PERMISSION - SLACK) {
        client.permit([peer], () => {}, 'permission')
        asked = client.now
      }
      client.sendIndication(peer, payload)
    }
  },
}
