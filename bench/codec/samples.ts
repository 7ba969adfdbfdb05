import { address } from '../../src/base/address.ts'
import type { Seconds } from '../../src/base/time.ts'
import {
  DATA,
  LIFETIME,
  NONCE,
  REALM,
  REQUESTED_TRANSPORT,
  SOFTWARE,
  USERNAME,
  XOR_MAPPED_ADDRESS,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../../src/wire/attributes.ts'
import { longTermKey, PasswordAlgorithm } from '../../src/wire/integrity.ts'
import { MessageWriter, Method } from '../../src/wire/message.ts'

/** A username of the kind that a homeserver hands out: expiry, colon, Matrix user id. */
const username = '1893456000:@alice:example.org'
const realm = 'turn.example.org'
const transaction = Buffer.from('000102030405060708090a0b', 'hex')
const client = address(Uint8Array.of(192, 0, 2, 10), 50000)
const peer = address(Uint8Array.of(198, 51, 100, 7), 40000)
const relayed = address(Uint8Array.of(203, 0, 113, 5), 49160)

export const key = longTermKey(username, realm, '868P44qXY/zXi7sspqFbpuQ5p7g=', PasswordAlgorithm.MD5)

/** What WebRTC clients send to learn their address. */
export const bindingRequest = new MessageWriter('request', Method.Binding, transaction).finish()

/** The second Allocate of a session, as libwebrtc writes it. */
export const allocateRequest = new MessageWriter('request', Method.Allocate, transaction)
  .set(REQUESTED_TRANSPORT, 17)
  .set(USERNAME, username)
  .set(REALM, realm)
  .set(NONCE, 'obMatJos2gAAA7c0f1e9d2b5a48366f1d0c7b9e2a')
  .sign('sha1', key)
  .fingerprint()
  .finish()

/** 172 octets in all: 20 ms of Opus and its RTP header, as Firefox sends it. */
export const sendIndication = new MessageWriter('indication', Method.Send, transaction)
  .set(XOR_PEER_ADDRESS, peer)
  .set(DATA, Buffer.alloc(136, 0x5a))
  .finish()

/** Writes and signs the answer to `allocateRequest`. */
export function allocateSuccess(): Buffer {
  return new MessageWriter('success', Method.Allocate, transaction)
    .set(XOR_RELAYED_ADDRESS, relayed)
    .set(XOR_MAPPED_ADDRESS, client)
    .set(LIFETIME, 600 as Seconds)
    .set(SOFTWARE, 'taciturn')
    .sign('sha1', key)
    .finish()
}
