import { type Profile, Queue } from './profile.ts'

const FIRST_LIFETIME = 777
const LIFETIME = 600
const RENEWAL = 30

/** Everything at once every 30 s, without waiting for answers: Refresh, CreatePermission, ChannelBind. */
export const uclient: Profile = {
  name: 'turnutils_uclient 4.17 (coturn)',
  source:
    'coturn 4.17.1, src/apps/uclient: startuclient.c (clnet_allocate, start_connection), uclient.c (refresh_channel)',
  manner: {
    credentials: ['USERNAME', 'REALM', 'NONCE'],
    software: { text: "Coturn-4.17.1 'Gorst'", at: 'front' },
    fingerprint: true,
    algorithms: 'ignored',
  },
  vias: ['udp', 'tcp'],

  open(client) {
    client.allocate(FIRST_LIFETIME, () => {
      client.refresh(FIRST_LIFETIME)
      client.every(RENEWAL, () => client.refresh(LIFETIME))
    })
  },

  reach(client, peer) {
    const number = 0x47b3
    const queue = new Queue()
    const send = (payload: Buffer) => client.sendChannel(number, payload)
    client.bind(number, peer, () => client.permit([peer], () => queue.open(send)))
    client.every(RENEWAL, () => {
      client.permit([peer])
      client.bind(number, peer)
    })
    return payload => {
      if (!queue.keep(payload)) send(payload)
    }
  },
}
