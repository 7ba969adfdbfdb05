import { VIA } from '../base/via.ts'
import type { Input } from '../core/input.ts'
import { isAddress } from './disguise.ts'
import type { RecordingEntry } from './step.ts'

type Check = (value: unknown) => boolean

const isNumber: Check = value => typeof value === 'number'
const isText: Check = value => typeof value === 'string'
const isFlag: Check = value => typeof value === 'boolean'
const isOctets: Check = value => value instanceof Uint8Array
const isPlace: Check = value => typeof value === 'object' && value !== null && isAddress(value)
const isFamily: Check = value => value === 4 || value === 6
const one =
  (values: readonly unknown[]): Check =>
  value =>
    values.includes(value)
const optional =
  (check: Check): Check =>
  value =>
    value === undefined || check(value)
const listOf =
  (check: Check): Check =>
  value =>
    Array.isArray(value) && value.every(check)

const mapOf =
  (check: Check): Check =>
  value =>
    value instanceof Map && [...value].every(([name, one]) => isText(name) && check(one))

function members(checks: Readonly<Record<string, Check>>): Check {
  const entries = Object.entries(checks)
  return value =>
    typeof value === 'object' &&
    value !== null &&
    entries.every(([name, check]) => check((value as Record<string, unknown>)[name]))
}

const isRelaySocket = members({ family: isFamily, socket: isNumber, address: isPlace })
const isAmount = members({ packets: isNumber, bytes: isNumber })

const isSlowedTenant = members({ all: optional(isNumber), users: mapOf(isNumber) })

const isConfig = members({
  realm: isText,
  software: optional(isText),
  lifetime: members({ default: isNumber, max: isNumber }),
  nonceLifetime: isNumber,
  families: listOf(isFamily),
  limits: members({
    permissionsPerAllocation: isNumber,
    channelsPerAllocation: isNumber,
    permissionsPerUser: isNumber,
    channelsPerUser: isNumber,
    permissions: isNumber,
    channels: isNumber,
    bytesPerSecondPerTenant: optional(value => value instanceof Map),
  }),
  alternate: optional(members({ addresses: listOf(isPlace), domain: optional(isText) })),
  confined: optional(members({ tenant: isText, ips: listOf(isOctets) })),
})

const INPUTS: Readonly<Record<Input['kind'], Check>> = {
  datagram: members({
    via: one(VIA),
    socket: isNumber,
    from: isPlace,
    bytes: isOctets,
    isReferred: optional(isFlag),
  }),
  opened: members({
    allocation: isNumber,
    relays: listOf(isRelaySocket),
    failed: optional(members({ family: isFamily, code: isNumber })),
    reserved: optional(isRelaySocket),
    token: optional(isOctets),
  }),
  refused: members({ allocation: isNumber, code: one([486, 508]), why: isText }),
  unreachable: members({ socket: isNumber, peer: isPlace, type: isNumber, code: isNumber, data: isNumber }),
  'routes-ended': members({
    allocation: isNumber,
    carried: members({ traffic: members({ toPeer: isAmount, toClient: isAmount }), dropped: isNumber }),
  }),
  hangup: members({ socket: isNumber }),
  revoke: members({ allocation: isNumber, reason: isText }),
  drain: members({ on: isFlag }),
  memory: members({ isShort: isFlag }),
  configure: members({ config: isConfig }),
  slow: members({ slowed: members({ all: optional(isNumber), tenants: mapOf(isSlowedTenant) }) }),
  restore: members({ part: members({ kind: isText }) }),
  tick: members({}),
  continue: members({}),
}

const isInput: Check = value => {
  const kind = (value as { kind?: unknown } | undefined)?.kind
  return typeof kind === 'string' && Object.hasOwn(INPUTS, kind) && INPUTS[kind as Input['kind']](value)
}

const ENTRIES: Readonly<Record<RecordingEntry['kind'], Check>> = {
  beginning: members({ version: isText, worker: isNumber, config: isConfig, lastId: isNumber }),
  step: members({
    at: isNumber,
    input: isInput,
    asked: listOf(asked => Array.isArray(asked) && isText(asked[0])),
    did: listOf(isText),
  }),
  ending: members({ why: one(['full', 'stopped']) }),
}

/**
 * Checks what stands in a line that anybody may have written. What the relay
 * was answered is checked where it is used.
 */
export function isEntry(value: unknown): value is RecordingEntry {
  const kind = (value as { kind?: unknown } | null)?.kind
  return (
    typeof kind === 'string' && Object.hasOwn(ENTRIES, kind) && ENTRIES[kind as RecordingEntry['kind']](value)
  )
}
