import * as attributes from '../../wire/attributes.ts'

/**
 * The comprehension-required attributes of RFC 8489 and RFC 8656, and the two
 * that ICE puts into Binding requests (RFC 8445 §16.1). Not those of extensions
 * that are not offered: CHANGE-REQUEST, PADDING, RESPONSE-PORT (RFC 5780),
 * ACCESS-TOKEN (RFC 7635), CONNECTION-ID (RFC 6062).
 */
export const UNDERSTOOD: ReadonlySet<number> = new Set(
  [
    attributes.MAPPED_ADDRESS,
    attributes.USERNAME,
    attributes.MESSAGE_INTEGRITY,
    attributes.ERROR_CODE,
    attributes.UNKNOWN_ATTRIBUTES,
    attributes.CHANNEL_NUMBER,
    attributes.LIFETIME,
    attributes.XOR_PEER_ADDRESS,
    attributes.DATA,
    attributes.REALM,
    attributes.NONCE,
    attributes.XOR_RELAYED_ADDRESS,
    attributes.REQUESTED_ADDRESS_FAMILY,
    attributes.EVEN_PORT,
    attributes.REQUESTED_TRANSPORT,
    attributes.DONT_FRAGMENT,
    attributes.MESSAGE_INTEGRITY_SHA256,
    attributes.PASSWORD_ALGORITHM,
    attributes.USERHASH,
    attributes.XOR_MAPPED_ADDRESS,
    attributes.RESERVATION_TOKEN,
    attributes.PRIORITY,
    attributes.USE_CANDIDATE,
  ].map(({ type }) => type),
)
