import { type Address, address } from '../../../src/base/address.ts'
import { type Profile, Queue } from './profile.ts'

const PERMISSION_REFRESH = 120
const CHANNEL_CHECK = 30
const CHANNEL_REFRESH = 300
/** Peers beside the one of the call, as a bot or a media server has them: more than one old limit of ours (P-01). */
const OTHERS = 60

/** All permissions in one request every two minutes, and no LIFETIME until it has been granted one. */
export const pion: Profile = {
  name: 'pion/turn 5.1.3',
  source:
    'pion/turn v5.1.3, internal/client: udp_conn.go (NewUDPConn, WriteTo, startBinding), allocation.go (onRefreshTimers)',
  manner: {
    credentials: ['USERNAME', 'REALM', 'NONCE'],
    fingerprint: true,
    algorithms: 'ignored',
    padded: true,
  },
  vias: ['udp', 'tcp'],

  open(client) {
    client.allocate(undefined, granted => {
      let lifetime = granted
      client.every(granted / 2, () =>
        client.refresh(lifetime, renewed => {
          lifetime = renewed
        }),
      )
    })
  },

  reach(client, peer) {
    const number = 0x4000
    const queue = new Queue()
    const others = Array.from({ length: OTHERS }, (_, i) => neighbour(peer, i + 1))
    let refreshedAt: number | undefined
    const bind = () =>
      client.bind(number, peer, () => {
        refreshedAt = client.now
      })
    const send = (payload: Buffer) => {
      // Until the channel is bound, data go as indications.
      if (refreshedAt === undefined) client.sendIndication(peer, payload)
      else client.sendChannel(number, payload)
    }
    client.permit([peer], () => {
      bind()
      queue.open(send)
      for (const other of others) client.permit([other])
    })
    // The ports of a renewal are 0: the map is of IP addresses.
    client.every(PERMISSION_REFRESH, () => client.permit([peer, ...others].map(({ ip }) => address(ip, 0))))
    client.every(CHANNEL_CHECK, () => {
      if (refreshedAt !== undefined && client.now - refreshedAt > CHANNEL_REFRESH) bind()
    })
    return payload => {
      if (!queue.keep(payload)) send(payload)
    }
  },
}

/** Another host of the peer's network. */
function neighbour(peer: Address, distance: number): Address {
  const ip = Uint8Array.from(peer.ip)
  ip[ip.length - 1]! += distance
  return address(ip, peer.port)
}
