/** How names begin of descriptors that a relay has the service manager keep; sockets that it has bound have others. */
export const STORED = 'taciturn-left-'

const FIRST_FD = 3

type Env = Readonly<Record<string, string | undefined>>

/** The descriptors that LISTEN_FDS speaks of, with their names; none unless LISTEN_PID is this process. */
export function passedDescriptors(env: Env, pid: number = process.pid): { fd: number; name: string }[] {
  const count = Number(env.LISTEN_FDS ?? 0)
  if (Number(env.LISTEN_PID) !== pid || !Number.isInteger(count) || count < 1) return []
  const names = env.LISTEN_FDNAMES?.split(':') ?? []
  return Array.from({ length: count }, (_, i) => ({
    fd: FIRST_FD + i,
    name: names[i] || `descriptor ${FIRST_FD + i}`,
  }))
}

/**
 * Those that a relay before this one has had kept (FDSTORE=1, sd_notify(3)), by
 * what follows `STORED` in their names.
 */
export function storedDescriptors(env: Env, pid?: number): Map<string, number> {
  return new Map(
    passedDescriptors(env, pid).flatMap(({ fd, name }) =>
      name.startsWith(STORED) ? [[name.slice(STORED.length), fd] as const] : [],
    ),
  )
}
