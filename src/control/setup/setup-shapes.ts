import { z } from 'zod'
import type { Plain } from '../../base/plain.ts'

/* What the set-up page and the program behind it tell each other. */

/** What is proposed, and what is known of this machine. */
export interface SetupFacts {
  readonly name: string
  readonly homeserver: string
  readonly place: 'public' | 'home'
  /** Addresses of this machine that others may reach. */
  readonly addresses: readonly string[]
  /** The file that will be written. */
  readonly file: string
  /** Whether the relay is started afterwards. */
  readonly starts: boolean
}

const text = (most: number) => z.string().trim().max(most)

export const setupAnswersShape = z.strictObject({
  language: z.enum(['en', 'de']),
  name: text(253).min(1),
  homeserver: text(253).min(1),
  place: z.enum(['public', 'home']),
  /** With `home`: the name or the address that the router has outside. */
  outside: text(253).default(''),
  /** With `home`: has the router pass the ports on. */
  mapsPorts: z.boolean().default(false),
  /** Has Let's Encrypt make the certificate. */
  acme: z.boolean().default(false),
  certificate: text(1024).default(''),
  key: text(1024).default(''),
})
export type SetupAnswers = Plain<z.output<typeof setupAnswersShape>>

/** The answer that a sentence is about. */
export type SetupField = 'name' | 'homeserver' | 'outside' | 'certificate' | 'key' | ''

export type SetupWritten =
  | { readonly ok: true; readonly lines: string; readonly file: string; readonly warnings: readonly string[] }
  | {
      readonly ok: false
      readonly problems: readonly { readonly field: SetupField; readonly text: string }[]
    }

/** How far it is. `console` is a link that opens it. */
export type SetupState =
  | { readonly state: 'asking' | 'starting' | 'written' }
  | { readonly state: 'running'; readonly console?: string }
  | { readonly state: 'failed'; readonly why: string }
