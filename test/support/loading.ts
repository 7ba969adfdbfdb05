import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Loaded, load } from '../../src/config/load.ts'
import { ConfigError, type PlainProblem, plain, withExcerpt } from '../../src/config/problem.ts'

export const SECRET = '5f0c1ad3b1b54c7c9d2f46c0f9a0e7d1'
export const HOMESERVER = `"homeservers": [{ "name": "example.org", "secrets": ["${SECRET}"] }]`

/** Not below the checkout: the path of a control socket in it has a limit (S-29). */
const FOLDERS = new WeakMap<Test, string>()

/** Writes the files of a folder, readable for the owner only unless a mode is given. */
export function folderWith(
  t: Test,
  files: Readonly<Record<string, string>>,
  modes: Readonly<Record<string, number>> = {},
): string {
  const folder = FOLDERS.get(t) ?? mkdtempSync(join(tmpdir(), 'loading-'))
  if (!FOLDERS.has(t)) t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  FOLDERS.set(t, folder)
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), modes[name] ?? 0o600)
  }
  return folder
}

/** Loads a configuration text from a folder of its own. */
export function loadText(
  t: Test,
  text: string,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Loaded {
  const folder = folderWith(t, { 'turnserver.json': text, ...files })
  return load({
    path: 'turnserver.json',
    cwd: folder,
    env: { TACITURN_STATE: join(folder, 'state'), ...env },
  })
}

/** The error that loading ends with; fails the test where it does not. */
export function errorOf(t: Test, run: () => unknown): ConfigError {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  t.fail('the configuration was accepted')
  return new ConfigError([])
}

/** What is wrong with a configuration text. */
export function problemsOf(
  t: Test,
  text: string,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): PlainProblem[] {
  return errorOf(t, () => loadText(t, text, files, env)).problems.map(problem => plain(problem, 'en'))
}

/** The same as an operator sees it. */
export function shownFor(t: Test, text: string, files: Readonly<Record<string, string>> = {}): string {
  return errorOf(t, () => loadText(t, text, files))
    .problems.map(problem => withExcerpt(problem, 'en'))
    .join('\n')
}
