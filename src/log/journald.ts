import { fstatSync } from 'node:fs'

/** What journald calls the levels (syslog(3)); a line begins with the number in angle brackets. */
const PRIORITIES: Readonly<Record<string, number>> = {
  trace: 7,
  debug: 7,
  info: 6,
  warn: 4,
  error: 3,
  fatal: 2,
}

/** What stands before a line of this level, so that the journal knows how urgent it is (sd-daemon(3)). */
export function priorityPrefix(level: string): string {
  return `<${PRIORITIES[level] ?? 6}>`
}

/**
 * Whether a descriptor leads to the journal: JOURNAL_STREAM names the device and
 * inode of the one that systemd has connected, and programs that are started by
 * ours inherit the variable though they may write elsewhere.
 */
export function leadsToJournal(
  env: Readonly<Record<string, string | undefined>>,
  descriptor: number,
): boolean {
  const [device, inode] = (env.JOURNAL_STREAM ?? '').split(':')
  if (!device || !inode) return false
  try {
    const { dev, ino } = fstatSync(descriptor)
    return `${dev}` === device && `${ino}` === inode
  } catch {
    return false
  }
}
