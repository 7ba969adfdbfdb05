import { isTemplate } from '../config/values/weak-secret.ts'
import type { Draft } from './draft.ts'
import type { ImportedLine, Ledger } from './line.ts'

/**
 * Settles a value that a template, a script or a person was to fill in: `{{ realm }}`, `$(detect-external-ip)`,
 * `YOUR_SECRET`. It is an open point, whatever its key: with a guess in its place no call would work, or anybody
 * could get in. Returns whether it was one.
 */
export function settlePlaceholder(draft: Draft, ledger: Ledger, line: ImportedLine, into: string): boolean {
  if (!isTemplate(line.value)) return false
  ledger.unsupported(line, 'placeholder')
  draft.todo.push({ key: 'todo-placeholder', values: { key: line.key, into } })
  return true
}
