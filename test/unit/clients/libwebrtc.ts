import type { Profile } from './profile.ts'

/** A minute before a permission ends. */
const RENEWAL = 240

/** Asks for no lifetime. Until the first payload permissions are renewed, from then on the channel is, in their time. */
export const libwebrtc: Profile = {
  name: 'libwebrtc (Chromium, Element on mobile)',
  source:
    'WebRTC, p2p/base/turn_port.cc: TurnPort::ScheduleRefresh, TurnEntry::Send, OnCreatePermissionSuccess, TurnChannelBindRequest::OnResponse',
  manner: { credentials: ['USERNAME', 'REALM', 'NONCE'], fingerprint: false, algorithms: 'ignored' },
  vias: ['udp', 'tcp'],

  open(client) {
    const refreshIn = (granted: number) =>
      client.after(granted < 120 ? granted / 2 : Math.min(granted, 3600) - 60, () =>
        client.refresh(undefined, refreshIn),
      )
    client.allocate(undefined, refreshIn)
  },

  reach(client, peer) {
    const number = 0x4000
    let state: 'unbound' | 'binding' | 'bound' = 'unbound'
    const permit = () =>
      client.permit([peer], () => {
        if (state !== 'bound') client.after(RENEWAL, permit)
      })
    const bind = () =>
      client.bind(number, peer, () => {
        state = 'bound'
        client.after(RENEWAL, bind)
      })
    permit()
    return payload => {
      if (state === 'bound') client.sendChannel(number, payload)
      else {
        client.sendIndication(peer, payload)
        if (state === 'binding') return
        state = 'binding'
        bind()
      }
    }
  },
}
