import { dirname, join, resolve } from 'node:path'
import { type Env, expandPath, ForbiddenFile, findConfig, findState, readNamed } from '../find.ts'
import { SourceText } from '../source.ts'

/** Where the unit of the package has the socket. */
const SYSTEM_SOCKET = '/run/taciturn/control.sock'

/**
 * Names the places where the control socket of a running relay can be, the
 * likeliest first; none where the configuration switches it off. The rest of
 * the configuration may be broken: `taciturn reload` is there to say so. Throws
 * `ForbiddenFile` where it may not be read, for then nobody knows where the socket is.
 */
export function controlPaths(asked: string | undefined, env: Env, cwd: string): string[] {
  const file = findConfig(asked, env, cwd)
  const path = file === null ? undefined : resolve(cwd, file)
  const folder = path === undefined ? cwd : dirname(path)
  const { control, state } = path === undefined ? {} : keysOf(path)
  if (control === false) return []
  if (typeof control === 'string' && control !== 'auto') {
    const named = expandPath(control, folder, env)
    return named.ok ? [named.value] : []
  }
  const found = findState(typeof state === 'string' ? state : 'auto', folder, env)
  const runtime = env.RUNTIME_DIRECTORY?.split(':')[0]
  return [
    ...(runtime ? [join(runtime, 'control.sock')] : []),
    ...(found.ok ? [join(found.value, 'control.sock')] : []),
    SYSTEM_SOCKET,
  ]
}

/** The file of costs that the configuration names; undefined where it names none. Throws as `controlPaths` does. */
export function costsPath(asked: string | undefined, env: Env, cwd: string): string | undefined {
  const file = findConfig(asked, env, cwd)
  if (file === null) return undefined
  const path = resolve(cwd, file)
  const { ledger } = keysOf(path)
  if (typeof ledger !== 'object' || ledger === null || !('costs' in ledger)) return undefined
  const { costs } = ledger
  if (typeof costs !== 'string') return undefined
  const named = expandPath(costs, dirname(path), env)
  return named.ok ? named.value : undefined
}

/** What a configuration says of these, whatever is wrong with it otherwise. */
function keysOf(path: string): Readonly<Partial<Record<'control' | 'state' | 'ledger', unknown>>> {
  const text = readNamed(path)
  if (!text.ok) {
    if (text.error.key === 'file-unreadable') throw new ForbiddenFile(path)
    return {}
  }
  const value = new SourceText(text.value).value()
  return typeof value === 'object' && value !== null ? value : {}
}
