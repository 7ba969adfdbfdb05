import { type Profile, Queue } from './profile.ts'

const LIFETIME = 600
const CHANNEL_REFRESH = 500

/** One permission, kept in mind for good; a channel that is bound again after 500 s (P-06). */
export const werift: Profile = {
  name: 'werift 0.24.4',
  source:
    'werift 0.24.4, packages/ice/src/turn/protocol.ts: connectionMade, refresh, getPermission, ensureChannel',
  manner: { credentials: ['USERNAME', 'REALM', 'NONCE'], fingerprint: true, algorithms: 'ignored' },
  vias: ['udp', 'tcp'],

  open(client) {
    const refreshIn = (granted: number) =>
      client.after((granted * 5) / 6, () => client.refresh(granted, refreshIn))
    client.allocate(LIFETIME, refreshIn)
  },

  reach(client, peer) {
    const number = 0x4000
    const queue = new Queue()
    const send = (payload: Buffer) => client.sendChannel(number, payload)
    let refreshAt = 0
    const bind = () =>
      client.bind(number, peer, () => {
        refreshAt = client.now + CHANNEL_REFRESH
        queue.open(send)
      })
    client.permit([peer], bind)
    return payload => {
      if (queue.isOpen && refreshAt <= client.now) {
        queue.shut()
        bind()
      }
      if (!queue.keep(payload)) send(payload)
    }
  },
}
