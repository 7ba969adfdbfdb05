import { type Profile, Queue } from './profile.ts'

const LIFETIME = 600
const CHANNEL_REFRESH = 500

/** Binds a channel and never asks for a permission: the peer is heard for as long as the channel is bound (P-06). */
export const aioice: Profile = {
  name: 'aioice 0.13.0 (aiortc)',
  source:
    'aioice 0.13.0, src/aioice/turn.py: TurnClientMixin.connect, refresh, send_data, request_with_retry',
  manner: { credentials: ['USERNAME', 'NONCE', 'REALM'], fingerprint: true, algorithms: 'ignored' },
  vias: ['udp', 'tcp'],

  open(client) {
    const refreshIn = (granted: number) =>
      client.after((granted * 5) / 6, () => client.refresh(LIFETIME, refreshIn))
    client.allocate(LIFETIME, refreshIn)
  },

  reach(client, peer) {
    const number = 0x4000
    const queue = new Queue()
    const send = (payload: Buffer) => client.sendChannel(number, payload)
    let refreshAt = client.now + CHANNEL_REFRESH
    client.bind(number, peer, () => queue.open(send))
    return payload => {
      if (queue.keep(payload)) return
      const now = client.now
      if (now <= refreshAt) send(payload)
      // Each payload that comes while this is under way binds once more, and waits for that.
      else {
        client.bind(number, peer, () => {
          refreshAt = now + CHANNEL_REFRESH
          send(payload)
        })
      }
    }
  },
}
