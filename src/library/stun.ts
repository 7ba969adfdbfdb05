/**
 * The codec of STUN and TURN messages (RFC 8489, RFC 8656), without sockets.
 *
 *     const bytes = new MessageWriter('request', Method.Binding, randomBytes(12)).fingerprint().finish()
 *     const message = parse(answer)
 *     if (message.kind === 'message') get(message, XOR_MAPPED_ADDRESS)
 *
 * `parse` never throws and, once it has returned a message, no accessor can fail.
 *
 * @module taciturn/stun
 */
export {
  type Address,
  address,
  type ClientAddress,
  type Family,
  formatAddress,
  type PeerAddress,
  parseAddress,
  type RelayedAddress,
} from '../base/address.ts'
export type { ChannelNumber } from '../base/ids.ts'
export type { Seconds } from '../base/time.ts'
export type { Attribute } from '../wire/attribute.ts'
export * from '../wire/attributes.ts'
export { channelLength, demultiplex, type Kind, readChannel, writeChannelData } from '../wire/channel.ts'
export { reasonPhrase } from '../wire/error-codes.ts'
export type { IntegrityKind } from '../wire/hmac.ts'
export {
  integrityKind,
  longTermKey,
  opaqueString,
  PasswordAlgorithm,
  userhash,
  verify,
} from '../wire/integrity.ts'
export {
  all,
  type Class,
  get,
  has,
  type Malformed,
  type Message,
  MessageWriter,
  Method,
  type ParseOptions,
  parse,
  type RawAttribute,
} from '../wire/message.ts'
