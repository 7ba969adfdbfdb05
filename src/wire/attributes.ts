import type { ClientAddress, PeerAddress, RelayedAddress } from '../base/address.ts'
import type { Seconds } from '../base/time.ts'
import { plainAddress, xorAddress } from './address-shapes.ts'
import type { Attribute } from './attribute.ts'
import { addressErrorCode, algorithm, algorithms, errorCode, icmp } from './record-shapes.ts'
import { diagnostic, flag, leadingBit, leadingU8, leadingU16, octets, text, typeList, u32 } from './shapes.ts'

export type { Algorithm, Attribute } from './attribute.ts'

// Comprehension-required.
/** The client's address as the server sees it, in clear; RFC 8489 uses XOR-MAPPED-ADDRESS (RFC 8489 §14.1). */
export const MAPPED_ADDRESS = plainAddress(0x0001, 'MAPPED-ADDRESS')
/** The name whose key signs the message (RFC 8489 §14.3). */
export const USERNAME = text(0x0006, 'USERNAME')
/** HMAC-SHA1 over all that stands before it: 20 octets (RFC 8489 §14.5). `verify` checks it. */
export const MESSAGE_INTEGRITY = octets(0x0008, 'MESSAGE-INTEGRITY', 20)
/** Number and reason phrase of an error response (RFC 8489 §14.8). */
export const ERROR_CODE = errorCode(0x0009, 'ERROR-CODE')
/** Types of attributes that the server did not understand, with error 420 (RFC 8489 §14.13). */
export const UNKNOWN_ATTRIBUTES = typeList(0x000a, 'UNKNOWN-ATTRIBUTES')
/** The channel that a ChannelBind is about (RFC 8656 §18.1). */
export const CHANNEL_NUMBER = leadingU16(0x000c, 'CHANNEL-NUMBER')
/** Seconds until the allocation ends unless it is refreshed (RFC 8656 §18.2). */
export const LIFETIME = u32<Seconds>(0x000d, 'LIFETIME')
/** A peer's address as the server sees it (RFC 8656 §18.3). */
export const XOR_PEER_ADDRESS = xorAddress<PeerAddress>(0x0012, 'XOR-PEER-ADDRESS')
/** The payload of a Send or Data indication (RFC 8656 §18.4). */
export const DATA = octets(0x0013, 'DATA')
/** The realm of the server, in which the user name and its password mean something (RFC 8489 §14.9). */
export const REALM = text(0x0014, 'REALM')
/** What the server gives out to keep requests from being replayed (RFC 8489 §14.10). */
export const NONCE = text(0x0015, 'NONCE')
/** The address that the server has allocated for the client (RFC 8656 §18.5). */
export const XOR_RELAYED_ADDRESS = xorAddress<RelayedAddress>(0x0016, 'XOR-RELAYED-ADDRESS')
/** The address family asked for: 1 for IPv4, 2 for IPv6 (RFC 8656 §18.6). */
export const REQUESTED_ADDRESS_FAMILY = leadingU8(0x0017, 'REQUESTED-ADDRESS-FAMILY')
/** Asks for an even relayed port; true: and for the port above it to be reserved (RFC 8656 §18.7). */
export const EVEN_PORT = leadingBit(0x0018, 'EVEN-PORT')
/** The transport to peers, as a protocol number of IP: 17 for UDP (RFC 8656 §18.8). */
export const REQUESTED_TRANSPORT = leadingU8(0x0019, 'REQUESTED-TRANSPORT')
/** Asks the server to set the DF bit of datagrams to the peer (RFC 8656 §18.9). */
export const DONT_FRAGMENT = flag(0x001a, 'DONT-FRAGMENT')
/** A token of an authorization server (RFC 7635 §6.2). */
export const ACCESS_TOKEN = octets(0x001b, 'ACCESS-TOKEN')
/** HMAC-SHA256 over all that stands before it, cut to 16 octets at least (RFC 8489 §14.6). `verify` checks it. */
export const MESSAGE_INTEGRITY_SHA256 = octets(0x001c, 'MESSAGE-INTEGRITY-SHA256', 32)
/** How the key was made of the password (RFC 8489 §14.12). */
export const PASSWORD_ALGORITHM = algorithm(0x001d, 'PASSWORD-ALGORITHM')
/** In place of USERNAME: SHA-256 of user name and realm, 32 octets (RFC 8489 §14.4). */
export const USERHASH = octets(0x001e, 'USERHASH', 32)
/** The client's address as the server sees it (RFC 8489 §14.2). */
export const XOR_MAPPED_ADDRESS = xorAddress<ClientAddress>(0x0020, 'XOR-MAPPED-ADDRESS')
/** Stands for a reserved port: 8 octets (RFC 8656 §18.10). */
export const RESERVATION_TOKEN = octets(0x0022, 'RESERVATION-TOKEN', 8)
/** Priority of the candidate that a connectivity check would make known (RFC 8445 §16.1). */
export const PRIORITY = u32(0x0024, 'PRIORITY')
/** The controlling agent chooses this candidate pair (RFC 8445 §16.1). */
export const USE_CANDIDATE = flag(0x0025, 'USE-CANDIDATE')
/** Makes a message so long that it has to be fragmented (RFC 5780 §7.6). */
export const PADDING = octets(0x0026, 'PADDING')
/** The port that the response should be sent to (RFC 5780 §7.5). */
export const RESPONSE_PORT = leadingU16(0x0027, 'RESPONSE-PORT', true)
/** Names a TCP connection to a peer (RFC 6062 §6.2.1). */
export const CONNECTION_ID = u32(0x002a, 'CONNECTION-ID')

// Comprehension-optional.
/** Asks for a second relayed address, of IPv6: always 2 (RFC 8656 §18.11). */
export const ADDITIONAL_ADDRESS_FAMILY = leadingU8(0x8000, 'ADDITIONAL-ADDRESS-FAMILY')
/** Why an address of one family was not allocated (RFC 8656 §18.12). */
export const ADDRESS_ERROR_CODE = addressErrorCode(0x8001, 'ADDRESS-ERROR-CODE')
/** The ways to make a key of the password that the server takes, the best first (RFC 8489 §14.11). */
export const PASSWORD_ALGORITHMS = algorithms(0x8002, 'PASSWORD-ALGORITHMS')
/** The name that the certificate of the alternate server should have (RFC 8489 §14.16). */
export const ALTERNATE_DOMAIN = text(0x8003, 'ALTERNATE-DOMAIN', 255)
/** Type, code and data of an ICMP error that a datagram to a peer met with (RFC 8656 §18.13). */
export const ICMP = icmp(0x8004, 'ICMP')
/** Name and version of the program that sent the message, for people (RFC 8489 §14.14). */
export const SOFTWARE = diagnostic(0x8022, 'SOFTWARE')
/** The server that the client should ask instead, with error 300 (RFC 8489 §14.15). */
export const ALTERNATE_SERVER = plainAddress(0x8023, 'ALTERNATE-SERVER')
/** CRC-32 that tells STUN from other protocols on the same port (RFC 8489 §14.7). `parse` checks it. */
export const FINGERPRINT = u32(0x8028, 'FINGERPRINT')
/** The sender believes to be the controlled agent; 8 octets break a tie (RFC 8445 §16.1). */
export const ICE_CONTROLLED = octets(0x8029, 'ICE-CONTROLLED', 8)
/** The sender believes to be the controlling agent; 8 octets break a tie (RFC 8445 §16.1). */
export const ICE_CONTROLLING = octets(0x802a, 'ICE-CONTROLLING', 8)
/** The address that the response was sent from (RFC 5780 §7.3). */
export const RESPONSE_ORIGIN = plainAddress(0x802b, 'RESPONSE-ORIGIN')
/** The server's other address, which it answers from when asked to change it (RFC 5780 §7.4). */
export const OTHER_ADDRESS = plainAddress(0x802c, 'OTHER-ADDRESS')
/** The server wants a token, and says whose (RFC 7635 §6.1). */
export const THIRD_PARTY_AUTHORIZATION = text(0x802e, 'THIRD-PARTY-AUTHORIZATION')
/** With it the client can take its allocation to another address (RFC 8016 §3.3). */
export const MOBILITY_TICKET = octets(0x8030, 'MOBILITY-TICKET')
/** ADDITIONAL-ADDRESS-FAMILY before RFC 8656 gave it a number. coturn's client still sends this one. */
export const DRAFT_ADDITIONAL_ADDRESS_FAMILY = leadingU8(0x8032, 'ADDITIONAL-ADDRESS-FAMILY (draft)')

// RFC 3489 only; CHANGE-REQUEST lives on in RFC 5780.
/** Where the response should be sent to (RFC 3489 §11.2.2); a server must not obey it. */
export const RESPONSE_ADDRESS = plainAddress(0x0002, 'RESPONSE-ADDRESS')
/** Bits that ask for a response from another address (4) or port (2) (RFC 5780 §7.2). */
export const CHANGE_REQUEST = u32(0x0003, 'CHANGE-REQUEST')
/** The address that the response was sent from (RFC 3489 §11.2.5). */
export const SOURCE_ADDRESS = plainAddress(0x0004, 'SOURCE-ADDRESS')
/** The address that a response would come from after CHANGE-REQUEST (RFC 3489 §11.2.3). */
export const CHANGED_ADDRESS = plainAddress(0x0005, 'CHANGED-ADDRESS')
/** A password that a Shared Secret response hands out (RFC 3489 §11.2.7). */
export const PASSWORD = text(0x0007, 'PASSWORD')
/** Who asked for a response that went to RESPONSE-ADDRESS (RFC 3489 §11.2.11). */
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
