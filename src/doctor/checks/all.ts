import type { DoctorCheck, EndpointCheck } from '../check.ts'
import { allocation, strangers } from './authentication.ts'
import { beside } from './beside.ts'
import { certificate } from './certificate.ts'
import { clock, configuration, files } from './configuration.ts'
import { families } from './families.ts'
import { extras, forbidden } from './forbidden.ts'
import { clocks, lifetime, secret, uris } from './handed-out.ts'
import { discovery, turnServer, unauthenticated } from './homeserver.ts'
import { listeners, room, webServer } from './listeners.ts'
import { livekit, matrixRtc, openId } from './modern.ts'
import { names } from './names.ts'
import { inbound, seenFromOutside } from './outside.ts'
import { reach } from './reach.ts'
import { ending, relaying } from './relaying.ts'
import { peerPolicy, relayedAddresses, sameRelayAddress, surroundings } from './relaying-addresses.ts'

/** What is looked at before any relay is asked; `inOrder` says in which order. */
export const BEFORE: readonly DoctorCheck[] = [
  configuration,
  files,
  clock,
  listeners,
  webServer,
  room,
  discovery,
  unauthenticated,
  turnServer,
  uris,
  secret,
  lifetime,
  clocks,
  names,
]

/** What is looked at for each URI at each address. */
export const EACH: readonly EndpointCheck[] = [reach, certificate, strangers, allocation, relaying, ending]

/** What is looked at once, when it is known which endpoints work. */
export const AFTER: readonly DoctorCheck[] = [
  relayedAddresses,
  sameRelayAddress,
  peerPolicy,
  surroundings,
  families,
  forbidden,
  extras,
  inbound,
  seenFromOutside,
  matrixRtc,
  openId,
  livekit,
  beside,
]
