/*
 * `taciturn/stun`: the codec of STUN and TURN messages (RFC 8489, RFC 8656), without sockets.
 *
 *     const bytes = new MessageWriter('request', Method.Binding, randomBytes(12)).fingerprint().finish()
 *     const message = parse(answer)
 *     if (message.kind === 'message') get(message, XOR_MAPPED_ADDRESS)
 *
 * `parse` never throws and, once it has returned a message, no accessor can fail.
 */
export { type Address, address, type Family, formatAddress, parseAddress } from '../base/address.ts'
export type { Attribute } from '../wire/attribute.ts'
export * from '../wire/attributes.ts'
export { channelLength, demultiplex, readChannel, writeChannelData } from '../wire/channel.ts'
export { reasonPhrase } from '../wire/error-codes.ts'
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
  parse,
  type RawAttribute,
} from '../wire/message.ts'
