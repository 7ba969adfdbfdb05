import { ADDITIONAL_ADDRESS_FAMILY, CHANGE_REQUEST } from '../../wire/attributes.ts'
import { MAX_ATTRIBUTES, type Message, Method } from '../../wire/message.ts'
import type { Command } from '../command.ts'
import type { RelayConfig } from '../config.ts'
import type { RelayState } from '../relay-state.ts'
import { type ReplyTo, reject } from '../reply.ts'
import { UNDERSTOOD } from './understood.ts'

/** Attributes that a CreatePermission has beside its peers. */
const BESIDE_PEERS = 16

/** How many attributes of a message are read: a CreatePermission may name as many peers as may be permitted. */
export function attributesRead({ limits }: RelayConfig): number {
  return Math.max(MAX_ATTRIBUTES, limits.permissionsPerAllocation + BESIDE_PEERS)
}

/** Refuses unknown comprehension-required attributes with 420 and broken ones with 400 (RFC 8489 §6.3.1). */
export function checkAttributes(state: RelayState, message: Message, reply: ReplyTo): Command[] | undefined {
  const unknown = unknownAttributes(message)
  if (unknown.length > 0) {
    const detail = `attributes ${unknown.map(type => `0x${type.toString(16).padStart(4, '0')}`).join(', ')}`
    const refusal = { code: 420 as const, why: 'unknown-attribute' as const, detail, unknown }
    return reject(reply, refusal, state.config, state.counters)
  }
  // Binding uses none of the attributes that we know, and what is not used is ignored.
  if (message.method === Method.Binding) return undefined
  const broken = message.malformed.find(type => type < 0x8000 || type === ADDITIONAL_ADDRESS_FAMILY.type)
  if (broken === undefined) return undefined
  const detail = `attribute 0x${broken.toString(16).padStart(4, '0')} is malformed`
  return reject(reply, { code: 400, why: 'bad-request', detail }, state.config, state.counters)
}

/** Comprehension-required types that this server does not understand, each once. */
export function unknownAttributes(message: Message): number[] {
  const unknown = new Set<number>()
  for (const { type, value } of message.attributes) {
    if (type >= 0x8000 || UNDERSTOOD.has(type)) continue
    // A classic CHANGE-REQUEST without flags asks for nothing.
    const isIdle = message.classic && type === CHANGE_REQUEST.type && value.every(octet => octet === 0)
    if (!isIdle) unknown.add(type)
  }
  for (const type of message.malformed) if (type < 0x8000 && !UNDERSTOOD.has(type)) unknown.add(type)
  return [...unknown]
}
