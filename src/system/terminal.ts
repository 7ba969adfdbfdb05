import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Standard input, output and error. */
const STANDARD = [0, 1, 2] as const

/** True where the program was started in a terminal, whatever was redirected. */
export function isInTerminal(): boolean {
  return isatty(0) || isatty(2)
}

/**
 * Prepares for the terminal to be gone when the process exits. Node.js restores
 * the modes of every terminal that it was started with, and aborts (SIGABRT)
 * where that fails, as it does with EIO after a terminal was closed. Returns
 * what to call when nothing is left but to exit; on exit it happens by itself.
 */
export function forgetLostTerminal(): () => void {
  const terminals = STANDARD.filter(descriptor => isatty(descriptor))
  const forget = () => {
    for (const [i, descriptor] of terminals.entries()) {
      if (descriptor === undefined || isatty(descriptor)) continue
      delete terminals[i]
      closeSync(descriptor)
      // The lowest number that is free is the one just closed.
      openSync('/dev/null', 'r+')
    }
  }
  process.once('exit', forget)
  return forget
}
