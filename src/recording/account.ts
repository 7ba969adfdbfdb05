import { type Address, formatAddress } from '../base/address.ts'
import type { CounterName } from '../base/counters.ts'
import type { Command } from '../core/command.ts'
import type { Event } from '../core/event.ts'
import type { Input } from '../core/input.ts'
import { ATTRIBUTES } from '../wire/attributes.ts'
import { demultiplex, readChannel } from '../wire/channel.ts'
import { parse } from '../wire/message.ts'
import { withoutFill } from './masks.ts'
import { answerName, goesBack, METHOD_NAMES } from './outline.ts'
import type { Played } from './player.ts'
import type { Step } from './step.ts'

/** Attributes by name, with values as text; '' where being there says all. */
export type ShownAttributes = Readonly<Record<string, string>>

/** What came, as plain data. */
export interface Came {
  readonly kind: Input['kind']
  /** For datagrams: whom it came from, on what, and what it is, such as `Allocate request`. */
  readonly from?: string
  readonly via?: string
  readonly message?: string
  readonly octets?: number
  readonly attributes?: ShownAttributes
  /** For the others: what else it says. */
  readonly about?: Readonly<Record<string, string>>
}

/** What was done, as plain data. */
export type Done =
  | {
      readonly kind: 'answer'
      readonly message: string
      readonly to: string
      readonly attributes: ShownAttributes
    }
  | { readonly kind: 'relay'; readonly to: string; readonly octets: number }
  | { readonly kind: 'open'; readonly families: string; readonly port: string }
  | { readonly kind: 'close'; readonly socket: number }
  | {
      readonly kind: 'route'
      readonly client: string
      readonly peer: string
      readonly channel: string
    }
  | { readonly kind: 'unroute' }
  | { readonly kind: 'refer' }
  | { readonly kind: 'host'; readonly client: string; readonly on: boolean }
  | { readonly kind: 'continue' }
  | { readonly kind: 'rejected'; readonly code: number; readonly why: string; readonly detail: string }
  | { readonly kind: 'tell'; readonly event: string; readonly about: Readonly<Record<string, string>> }

/** One step of a replay for people and programs. */
export interface Account {
  readonly at: number
  readonly came: Came
  readonly did: readonly Done[]
  readonly counted: Readonly<Partial<Record<CounterName, number>>>
  /** What was recorded and what the replay did, in outline, where that is not the same. */
  readonly differs?: { readonly recorded: readonly string[]; readonly replayed: readonly string[] }
}

/** Says what a step came to. */
export function accountOf(step: Step, played: Played): Account {
  const { commands, counted, differs } = played
  return {
    at: step.at,
    came: cameOf(step.input),
    did: commands.map(command => doneOf(step, command)),
    counted: Object.fromEntries(counted),
    ...(differs && { differs: { recorded: step.did, replayed: differs } }),
  }
}

function cameOf(input: Input): Came {
  if (input.kind !== 'datagram') return { kind: input.kind, about: shown(input) }
  const { kind, via, bytes } = input
  const common = { kind, from: formatAddress(input.from), via, octets: bytes.length }
  if (via === 'relay' || bytes.length === 0) return common
  const first = demultiplex(bytes[0]!)
  if (first === 'channel') {
    const channel = readChannel(bytes, 0, bytes.length)
    return { ...common, message: channel === undefined ? 'ChannelData ?' : `ChannelData ${hex(channel)}` }
  }
  const message = parse(bytes, { classic: true })
  if (message.kind === 'malformed') return { ...common, message: message.why }
  const method = METHOD_NAMES.get(message.method) ?? hex(message.method)
  return { ...common, message: `${method} ${message.class}`, attributes: attributesOf(bytes) }
}

function doneOf({ input }: Step, command: Command): Done {
  switch (command.kind) {
    case 'send': {
      const { bytes } = command
      const to = formatAddress(command.to)
      return goesBack(input, command)
        ? { kind: 'answer', message: answerName(bytes), to, attributes: attributesOf(bytes) }
        : { kind: 'relay', to, octets: bytes.length }
    }
    case 'open':
      return { kind: 'open', families: command.claim.families.join('+'), port: command.claim.port }
    case 'close':
      return { kind: 'close', socket: command.socket }
    case 'route': {
      const { client, peer, channel } = command.route
      return {
        kind: 'route',
        client: formatAddress(client),
        peer: formatAddress(peer),
        channel: channel === 0 ? '' : hex(channel),
      }
    }
    case 'host':
      return { kind: 'host', client: formatAddress(command.client.address), on: command.on }
    case 'refer':
    case 'unroute':
    case 'continue':
      return { kind: command.kind }
    case 'tell':
      return toldOf(command.event)
  }
}

function toldOf(event: Event): Done {
  if (event.kind === 'rejected') {
    const { code, why, detail } = event
    return { kind: 'rejected', code, why, detail }
  }
  return { kind: 'tell', event: event.kind, about: shown(event) }
}

/** The attributes of a message, in order; the first of each. Lengths stand for what is no text and no number. */
function attributesOf(bytes: Buffer): ShownAttributes {
  const message = parse(bytes, { classic: true })
  if (message.kind === 'malformed') return {}
  const shown: Record<string, string> = {}
  for (const { type, value } of message.attributes) {
    const known = ATTRIBUTES.get(type)
    const name = known?.name ?? hex(type)
    shown[name] ??= text(known ? known.read(value, message.transaction) : value)
  }
  for (const type of message.malformed) shown[ATTRIBUTES.get(type)?.name ?? hex(type)] ??= 'malformed'
  return shown
}

/** Members that are said otherwise, or are too long for a line. */
const UNTOLD: ReadonlySet<string> = new Set(['kind', 'at', 'config', 'part'])

/** The members of a record that are short enough for a line. */
function shown(record: object): Readonly<Record<string, string>> {
  const members: Record<string, string> = {}
  for (const [name, value] of Object.entries(record)) {
    if (!UNTOLD.has(name)) members[name] = typeof value === 'boolean' ? String(value) : text(value)
  }
  return members
}

function text(value: unknown): string {
  if (value === true || value === undefined || value === null) return ''
  if (typeof value === 'string') return withoutFill(value)
  if (typeof value !== 'object') return String(value)
  if (value instanceof Uint8Array) return `(${value.length})`
  if (Array.isArray(value)) return value.map(text).join(' ')
  if ('key' in value && 'family' in value && 'ip' in value) return formatAddress(value as Address)
  return Object.values(value)
    .map(text)
    .filter(part => part !== '')
    .join(' ')
}

function hex(number: number): string {
  return `0x${number.toString(16).padStart(4, '0')}`
}
