import type { EventEmitter } from 'node:events'

/** What signals can ask for. */
export interface Signalled {
  /** Stops in order. */
  stop(signal: string): void
  /** Stops at once. */
  force(): void
  reload(): void
  /** Takes no new allocation, and stops when the last has ended. */
  drain(): void
}

/**
 * Listens for signals: SIGTERM and SIGINT stop, a second one does not wait;
 * SIGHUP reloads, SIGUSR1 drains. Returns how to stop listening.
 *
 * Listening for SIGUSR1 also keeps Node from opening a debugger port on it.
 */
export function handleSignals(signalled: Signalled, process: Pick<EventEmitter, 'on' | 'off'>): () => void {
  let stopping = false
  const stop = (signal: string) => {
    if (stopping) {
      signalled.force()
      return
    }
    stopping = true
    signalled.stop(signal)
  }
  const handlers: readonly (readonly [string, (signal: string) => void])[] = [
    ['SIGTERM', stop],
    ['SIGINT', stop],
    ['SIGHUP', () => signalled.reload()],
    ['SIGUSR1', () => signalled.drain()],
  ]
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}
