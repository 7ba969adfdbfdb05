import { CommandError, Exit } from './io.ts'
import type { CliKey, CliWords } from './words.ts'

/** What a file cannot be used for, and why, by the code of the system. */
const WHY: Readonly<Record<string, CliKey>> = {
  ENOENT: 'file.missing',
  ENOTDIR: 'file.missing',
  EISDIR: 'file.folder',
  EACCES: 'file.denied',
  EPERM: 'file.denied',
  EROFS: 'file.readOnly',
  ENOSPC: 'file.full',
  EDQUOT: 'file.full',
}

/** A command's end because a file cannot be read or written; `file` as the operator calls it. */
export function fileFault(
  act: 'read' | 'write',
  file: string,
  error: unknown,
  words: CliWords,
  exit: number = Exit.failed,
): CommandError {
  const { code = '?' } = error as NodeJS.ErrnoException
  const known = code === 'ENOENT' && act === 'write' ? 'file.noFolder' : WHY[code]
  const why = known ? words.say(known) : code
  return new CommandError(
    words.say(act === 'read' ? 'file.cannotRead' : 'file.cannotWrite', { file, why }),
    exit,
  )
}
