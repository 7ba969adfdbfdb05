import type { Command } from '../core/command.ts'
import type { Input } from '../core/input.ts'
import { ERROR_CODE } from '../wire/attributes.ts'
import { get, Method, parse } from '../wire/message.ts'

/**
 * Says what the relay did, without addresses, names or payload, so that what a
 * replay does with pseudonyms can be compared with it.
 */
export function outline(input: Input, commands: readonly Command[]): string[] {
  return commands.map(command => commandOutline(input, command))
}

function commandOutline(input: Input, command: Command): string {
  switch (command.kind) {
    case 'send':
      return goesBack(input, command) ? `answer ${answerName(command.bytes)}` : `send ${command.bytes.length}`
    case 'open':
      return `open IPv${command.claim.families.join('+')} ${command.claim.port}`
    case 'close':
      return `close ${command.socket}`
    case 'refer':
    case 'route':
    case 'unroute':
    case 'continue':
      return command.kind
    case 'host':
      return `host ${command.on ? 'on' : 'off'}`
    case 'tell':
      return command.event.kind === 'rejected'
        ? `tell ${command.event.code} ${command.event.why}`
        : `tell ${command.event.kind}`
  }
}

/** The name of a STUN answer, such as `Allocate error 401`. */
export function answerName(bytes: Buffer): string {
  const message = parse(bytes, { classic: true })
  if (message.kind === 'malformed') return `${bytes.length} octets`
  const method = METHOD_NAMES.get(message.method) ?? `0x${message.method.toString(16)}`
  const error = get(message, ERROR_CODE)
  return `${method} ${message.class}${error ? ` ${error.code}` : ''}`
}

/** Whether a `send` goes back to where the request came from; anything else is payload. */
export function goesBack(input: Input, command: Command & { kind: 'send' }): boolean {
  if (input.kind === 'opened' || input.kind === 'refused') return true
  return (
    input.kind === 'datagram' &&
    input.via !== 'relay' &&
    command.socket === input.socket &&
    command.to.key === input.from.key
  )
}

export const METHOD_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Method).map(([name, method]) => [method, name]),
)
