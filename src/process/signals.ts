import type { EventEmitter } from 'node:events'
import type { Reload } from '../operate/reload.ts'
import type { Shutdown } from '../operate/shutdown.ts'

/** What signals can ask for. */
export interface Signalled {
  readonly shutdown: Pick<Shutdown, 'stop' | 'force' | 'drain'>
  readonly reload: Pick<Reload, 'request'>
}

export interface SignalOptions {
  readonly process: Pick<EventEmitter, 'on' | 'off'>
  /** True where the relay was started in a terminal; there SIGHUP says that it was closed. */
  readonly isTerminal: boolean
}

/**
 * Listens for signals: SIGTERM and SIGINT stop, a second one does not wait;
 * SIGHUP reloads (on a terminal it stops), SIGUSR1 drains. Returns how to stop
 * listening.
 *
 * Listening for SIGUSR1 also keeps Node from opening a debugger port on it.
 */
export function handleSignals(
  { shutdown, reload }: Signalled,
  { process, isTerminal }: SignalOptions,
): () => void {
  let stopping = false
  const stop = (signal: string) => {
    if (stopping) {
      shutdown.force()
      return
    }
    stopping = true
    shutdown.stop(signal)
  }
  const handlers: readonly (readonly [string, (signal: string) => void])[] = [
    ['SIGTERM', stop],
    ['SIGINT', stop],
    ['SIGHUP', isTerminal ? stop : () => reload.request()],
    ['SIGUSR1', () => shutdown.drain()],
  ]
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}
