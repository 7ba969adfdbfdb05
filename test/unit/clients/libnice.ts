import { type Profile, Queue } from './profile.ts'

const MARGIN = 60
const PERMISSION_REFRESH = 300 - MARGIN
const CHANNEL_REFRESH = 600 - MARGIN

/**
 * Forgets all its permissions every four minutes and asks again at the next payload, which waits for the answer;
 * beside that a channel, which is bound again a minute before its end. Asks for no lifetime.
 */
export const libnice: Profile = {
  name: 'libnice 0.1.21 (GStreamer, Janus)',
  source:
    'libnice 0.1.21, socket/udp-turn.c: socket_send_message, priv_permission_timeout, priv_binding_timeout; agent/conncheck.c: priv_turn_allocate_refresh_tick_unlocked',
  manner: {
    credentials: ['REALM', 'NONCE', 'USERNAME'],
    software: { text: 'libnice 0.1.21', at: 'back' },
    fingerprint: false,
    algorithms: 'ignored',
  },
  vias: ['udp', 'tcp'],

  open(client) {
    const refreshIn = (granted: number) =>
      client.after(granted - MARGIN, () => client.refresh(undefined, refreshIn))
    client.allocate(undefined, refreshIn)
  },

  reach(client, peer) {
    const number = 0x4000
    const queue = new Queue()
    let bound = false
    let asked = false
    const send = (payload: Buffer) => {
      if (bound) client.sendChannel(number, payload)
      else client.sendIndication(peer, payload)
    }
    const bind = () =>
      client.bind(number, peer, () => {
        bound = true
        client.after(CHANNEL_REFRESH, bind)
      })
    client.every(PERMISSION_REFRESH, () => queue.shut())
    bind()
    return payload => {
      if (!queue.keep(payload)) send(payload)
      else if (!asked) {
        asked = true
        client.permit([peer], () => {
          asked = false
          queue.open(send)
        })
      }
    }
  },
}
