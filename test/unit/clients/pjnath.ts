import type { PlayedClient } from './played-client.ts'
import type { Profile } from './profile.ts'

const HEARTBEAT = 15
const REFRESH_BEFORE = 60
/** Seconds after which a heartbeat renews permissions and channels: less than a heartbeat before a permission ends. */
const RENEWAL = 300 - HEARTBEAT - 1

const source =
  'pjproject 2.x, pjnath/src/pjnath/turn_session.c: on_timer_event, refresh_permissions, lookup_ch_by_addr, pj_turn_session_sendto'
const manner = {
  credentials: ['USERNAME', 'REALM', 'NONCE'],
  software: { text: 'pjnath-2.17   ', at: 'front' },
  fingerprint: false,
  algorithms: 'ignored',
  padded: true,
} as const

/** Looks every 15 s for what to renew, all permissions in one request; else it sends an indication to nobody. */
function open(client: PlayedClient): void {
  let refreshAt = Number.POSITIVE_INFINITY
  const granted = (lifetime: number) => {
    refreshAt = client.now + lifetime - REFRESH_BEFORE
  }
  client.allocate(undefined, granted)
  client.every(HEARTBEAT, () => {
    if (client.now < refreshAt) client.sendIndication(undefined, Buffer.alloc(0))
    else client.refresh(undefined, granted)
  })
}

/** Data follow the request for their permission at once. */
export const pjnath: Profile = {
  name: 'pjnath 2.17 with permissions',
  source,
  manner,
  vias: ['udp', 'tcp'],
  open,

  reach(client, peer) {
    let renewAt: number | undefined
    const permit = () => {
      renewAt = client.now + RENEWAL
      client.permit([peer])
    }
    client.every(HEARTBEAT, () => {
      if (renewAt !== undefined && renewAt - 1 <= client.now) permit()
    })
    return payload => {
      if (renewAt === undefined) permit()
      client.sendIndication(peer, payload)
    }
  },
}

/** A channel that is bound renews its permission, in the time of a permission. */
export const pjnathChannels: Profile = {
  name: 'pjnath 2.17 with a channel',
  source,
  manner,
  vias: ['udp', 'tcp'],
  open,

  reach(client, peer) {
    const number = 0x4000
    let renewAt: number | undefined
    const bind = () =>
      client.bind(number, peer, () => {
        renewAt = client.now + RENEWAL
      })
    client.permit([peer])
    bind()
    client.every(HEARTBEAT, () => {
      if (renewAt !== undefined && renewAt <= client.now) bind()
    })
    return payload => {
      if (renewAt === undefined) client.sendIndication(peer, payload)
      else client.sendChannel(number, payload)
    }
  },
}
