import { styleText } from 'node:util'

/** What a command needs of the process it runs in, so that a test can be that process. */
export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Aborted once nobody reads what is written to `stdout`: what would go on for ever ends then. */
  readonly unread?: AbortSignal
  /** Asks the person at the terminal; absent where there is none. */
  readonly ask?: (question: string) => Promise<string>
  /** Asks for what nobody should read over a shoulder; absent where there is no terminal. */
  readonly askSecret?: (question: string) => Promise<string>
}

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export type TextStyle = Parameters<typeof styleText>[0]
export type Paint = (style: TextStyle, text: string) => string

/** Colours for a terminal; on anything else, or under NO_COLOR, texts stay as they are. */
export function painter(output: Output, env: Io['env']): Paint {
  const isPlain = !output.isTTY || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb'
  return (style, text) => (isPlain ? text : styleText(style, text, { validateStream: false }))
}

/** Exit codes of every command. */
export const Exit = {
  ok: 0,
  /** A check failed. */
  failed: 1,
  usage: 2,
  /** The configuration is invalid. */
  config: 3,
  /** No relay answers. */
  unreachable: 4,
  refused: 5,
} as const

/** Ends a command with a message and an exit code, without a stack trace. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code: number

  constructor(message: string, code: number) {
    super(message)
    this.code = code
  }
}

/** The command line was not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
