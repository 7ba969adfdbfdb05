/** What the program that started the relay, as a rule systemd, is told of it. */
export interface ServiceManager {
  /** Everything is bound, or a reload is over. `status` is a line for people. */
  ready(status: string): void
  reloading(): void
  /** The relay stops, and calls get so many seconds to end. */
  stopping(seconds: number): void
  /** A line for people. */
  status(text: string): void
}

/** For a relay that nobody supervises. */
export const NO_SERVICE_MANAGER: ServiceManager = {
  ready: () => {},
  reloading: () => {},
  stopping: () => {},
  status: () => {},
}
