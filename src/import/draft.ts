import type { Range } from '../base/range.ts'
import type { TlsFiles } from '../config/settings.ts'
import type { Listener } from '../config/values/listener.ts'
import type { ImportNote } from './line.ts'

/** A user with a fixed password, or with the key made from it, as turnserver.json has them. */
export interface DraftUser {
  readonly name: string
  readonly password?: string
  readonly keys?: { readonly md5: string }
}

/** What the new configuration is to say. What is absent is left at its default. */
export interface Draft {
  realm?: string
  listen: Listener[]
  tls?: TlsFiles
  /** Entries of `relay.addresses`; empty: the machine's own. */
  relayAddresses: string[]
  ports?: string
  defaultFamily?: 'listener'
  secrets: string[]
  users: DraftUser[]
  deny: Range[]
  allow: Range[]
  /** Networks whose clients are not served. */
  deniedClients: Range[]
  limits: Record<string, number | string>
  credentials: Record<string, boolean>
  protocol: Record<string, boolean | string>
  metrics?: { readonly listen: string; readonly coturnNames: boolean }
  logLevel?: string
  /** What works otherwise than before, although no line says so. */
  remarks: ImportNote[]
  /** What somebody has to fill in before the configuration is whole. */
  todo: ImportNote[]
}

export function emptyDraft(): Draft {
  return {
    listen: [],
    relayAddresses: [],
    secrets: [],
    users: [],
    deny: [],
    allow: [],
    deniedClients: [],
    limits: {},
    credentials: {},
    protocol: {},
    remarks: [],
    todo: [],
  }
}

/** Whether the old file names nobody who may issue credentials; a placeholder stands in the new one then. */
export function lacksIssuer({ secrets, users }: Draft): boolean {
  return secrets.length === 0 && users.length === 0
}

/** What a reader has to know of the machine and of the file. */
export interface ImportSurroundings {
  /** The folder that relative paths of the file start in. */
  readonly folder: string
  /** The machine's own addresses, without loopback, link-local and virtual networks. */
  readonly own: readonly Uint8Array[]
}

/** The name of a homeserver that issues for `realm`: what is left without `turn.` or `stun.` in front. */
export function homeserverOf(realm: string): string {
  return realm.replace(/^(turn|stun)[0-9]*\.(?=.*\.)/, '')
}
