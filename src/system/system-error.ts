import { getSystemErrorName } from 'node:util'

/** Makes the error that Node.js itself would throw for this negated errno. */
export function systemError(result: number, syscall: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(result)
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: result, syscall })
}
