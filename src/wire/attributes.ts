import type { ClientAddress, PeerAddress, RelayedAddress } from '../base/address.ts'
import type { Seconds } from '../base/time.ts'
import { plainAddress, xorAddress } from './address-shapes.ts'
import type { Attribute } from './attribute.ts'
import { addressErrorCode, algorithm, algorithms, errorCode, icmp } from './record-shapes.ts'
import { diagnostic, flag, leadingBit, leadingU8, leadingU16, octets, text, typeList, u32 } from './shapes.ts'

export type { Algorithm, Attribute } from './attribute.ts'

// Comprehension-required.
export const MAPPED_ADDRESS = plainAddress(0x0001, 'MAPPED-ADDRESS')
export const USERNAME = text(0x0006, 'USERNAME')
export const MESSAGE_INTEGRITY = octets(0x0008, 'MESSAGE-INTEGRITY', 20)
export const ERROR_CODE = errorCode(0x0009, 'ERROR-CODE')
export const UNKNOWN_ATTRIBUTES = typeList(0x000a, 'UNKNOWN-ATTRIBUTES')
export const CHANNEL_NUMBER = leadingU16(0x000c, 'CHANNEL-NUMBER')
export const LIFETIME = u32<Seconds>(0x000d, 'LIFETIME')
export const XOR_PEER_ADDRESS = xorAddress<PeerAddress>(0x0012, 'XOR-PEER-ADDRESS')
export const DATA = octets(0x0013, 'DATA')
export const REALM = text(0x0014, 'REALM')
export const NONCE = text(0x0015, 'NONCE')
export const XOR_RELAYED_ADDRESS = xorAddress<RelayedAddress>(0x0016, 'XOR-RELAYED-ADDRESS')
export const REQUESTED_ADDRESS_FAMILY = leadingU8(0x0017, 'REQUESTED-ADDRESS-FAMILY')
export const EVEN_PORT = leadingBit(0x0018, 'EVEN-PORT')
export const REQUESTED_TRANSPORT = leadingU8(0x0019, 'REQUESTED-TRANSPORT')
export const DONT_FRAGMENT = flag(0x001a, 'DONT-FRAGMENT')
export const ACCESS_TOKEN = octets(0x001b, 'ACCESS-TOKEN')
export const MESSAGE_INTEGRITY_SHA256 = octets(0x001c, 'MESSAGE-INTEGRITY-SHA256', 32)
export const PASSWORD_ALGORITHM = algorithm(0x001d, 'PASSWORD-ALGORITHM')
export const USERHASH = octets(0x001e, 'USERHASH', 32)
export const XOR_MAPPED_ADDRESS = xorAddress<ClientAddress>(0x0020, 'XOR-MAPPED-ADDRESS')
export const RESERVATION_TOKEN = octets(0x0022, 'RESERVATION-TOKEN', 8)
export const PRIORITY = u32(0x0024, 'PRIORITY')
export const USE_CANDIDATE = flag(0x0025, 'USE-CANDIDATE')
export const PADDING = octets(0x0026, 'PADDING')
export const RESPONSE_PORT = leadingU16(0x0027, 'RESPONSE-PORT', true)
export const CONNECTION_ID = u32(0x002a, 'CONNECTION-ID')

// Comprehension-optional.
export const ADDITIONAL_ADDRESS_FAMILY = leadingU8(0x8000, 'ADDITIONAL-ADDRESS-FAMILY')
export const ADDRESS_ERROR_CODE = addressErrorCode(0x8001, 'ADDRESS-ERROR-CODE')
export const PASSWORD_ALGORITHMS = algorithms(0x8002, 'PASSWORD-ALGORITHMS')
export const ALTERNATE_DOMAIN = text(0x8003, 'ALTERNATE-DOMAIN', 255)
export const ICMP = icmp(0x8004, 'ICMP')
export const SOFTWARE = diagnostic(0x8022, 'SOFTWARE')
export const ALTERNATE_SERVER = plainAddress(0x8023, 'ALTERNATE-SERVER')
export const FINGERPRINT = u32(0x8028, 'FINGERPRINT')
export const ICE_CONTROLLED = octets(0x8029, 'ICE-CONTROLLED', 8)
export const ICE_CONTROLLING = octets(0x802a, 'ICE-CONTROLLING', 8)
export const RESPONSE_ORIGIN = plainAddress(0x802b, 'RESPONSE-ORIGIN')
export const OTHER_ADDRESS = plainAddress(0x802c, 'OTHER-ADDRESS')
export const THIRD_PARTY_AUTHORIZATION = text(0x802e, 'THIRD-PARTY-AUTHORIZATION')
export const MOBILITY_TICKET = octets(0x8030, 'MOBILITY-TICKET')
/** ADDITIONAL-ADDRESS-FAMILY before RFC 8656 gave it a number. coturn's client still sends this one. */
export const DRAFT_ADDITIONAL_ADDRESS_FAMILY = leadingU8(0x8032, 'ADDITIONAL-ADDRESS-FAMILY (draft)')

// RFC 3489 only; CHANGE-REQUEST lives on in RFC 5780.
export const RESPONSE_ADDRESS = plainAddress(0x0002, 'RESPONSE-ADDRESS')
export const CHANGE_REQUEST = u32(0x0003, 'CHANGE-REQUEST')
export const SOURCE_ADDRESS = plainAddress(0x0004, 'SOURCE-ADDRESS')
export const CHANGED_ADDRESS = plainAddress(0x0005, 'CHANGED-ADDRESS')
export const PASSWORD = text(0x0007, 'PASSWORD')
export const REFLECTED_FROM = plainAddress(0x000b, 'REFLECTED-FROM')

// biome-ignore format: by type, as many as fit a line
const EVERY: readonly Attribute<unknown>[] = [
  MAPPED_ADDRESS, USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES, CHANNEL_NUMBER, LIFETIME,
  XOR_PEER_ADDRESS, DATA, REALM, NONCE, XOR_RELAYED_ADDRESS, REQUESTED_ADDRESS_FAMILY, EVEN_PORT,
  REQUESTED_TRANSPORT, DONT_FRAGMENT, ACCESS_TOKEN, MESSAGE_INTEGRITY_SHA256, PASSWORD_ALGORITHM,
  USERHASH, XOR_MAPPED_ADDRESS, RESERVATION_TOKEN, PRIORITY, USE_CANDIDATE, PADDING, RESPONSE_PORT,
  CONNECTION_ID, ADDITIONAL_ADDRESS_FAMILY, ADDRESS_ERROR_CODE, PASSWORD_ALGORITHMS, ALTERNATE_DOMAIN,
  ICMP, SOFTWARE, ALTERNATE_SERVER, FINGERPRINT, ICE_CONTROLLED, ICE_CONTROLLING, RESPONSE_ORIGIN,
  OTHER_ADDRESS, THIRD_PARTY_AUTHORIZATION, MOBILITY_TICKET, RESPONSE_ADDRESS, CHANGE_REQUEST,
  SOURCE_ADDRESS, CHANGED_ADDRESS, PASSWORD, REFLECTED_FROM, DRAFT_ADDITIONAL_ADDRESS_FAMILY,
]

/** Every attribute of RFC 8489, 8656, 8445, 6062, 8016, 5780, 7635 and 3489, and one draft's, by type. */
export const ATTRIBUTES: ReadonlyMap<number, Attribute<unknown>> = new Map(
  EVERY.map(attribute => [attribute.type, attribute]),
)
