import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'

/** A socket as Linux lists it under /proc/net. */
export interface Listed {
  readonly ip: Uint8Array
  readonly port: number
  readonly uid: number
  readonly inode: number
}

/** UDP sockets, or listening TCP sockets, of this network namespace; none where Linux does not tell. */
export function listedSockets(transport: 'udp' | 'tcp'): Listed[] {
  return [transport, `${transport}6`].flatMap(table => parseSockets(read(`/proc/net/${table}`), transport))
}

export function parseSockets(table: string, transport: 'udp' | 'tcp'): Listed[] {
  const found: Listed[] = []
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', , state = '', , , , uid = '', , inode = ''] = line.trim().split(/\s+/)
    const isOpen = transport === 'udp' || state === '0A'
    const [ip = '', port16 = ''] = local.split(':')
    const port = Number.parseInt(port16, 16)
    if (isOpen && port > 0) found.push({ ip: octetsOf(ip), port, uid: Number(uid), inode: Number(inode) })
  }
  return found
}

/** Written as the kernel holds it: words of four octets in the order of the machine, which is little-endian. */
function octetsOf(hex: string): Uint8Array {
  const octets = Buffer.from(hex, 'hex')
  return Uint8Array.from(octets.length % 4 === 0 ? octets.swap32() : octets)
}

/** What a process was started as; empty where it cannot be seen. */
export function commandLine(pid: number): readonly string[] {
  return read(`/proc/${pid}/cmdline`)
    .split('\0')
    .filter(word => word !== '')
}

/** The process that holds a socket; undefined where we may not look, or there are too many to look at. */
export function holderOf(inode: number): number | undefined {
  const wanted = `socket:[${inode}]`
  for (const pid of names('/proc')
    .filter(name => /^[0-9]+$/.test(name))
    .slice(0, 2000)) {
    for (const fd of names(`/proc/${pid}/fd`).slice(0, 5000)) {
      if (link(`/proc/${pid}/fd/${fd}`) === wanted) return Number(pid)
    }
  }
  return undefined
}

/** How many files a process may have open; undefined where Linux does not tell. */
export function openFilesLimit(pid: number): number | undefined {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(read(`/proc/${pid}/limits`))?.[1]
  return soft === undefined ? undefined : soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}

/** The name of a user id, or the number where it has none. */
export function userName(uid: number): string {
  return accounts().find(account => account.uid === uid)?.name ?? `${uid}`
}

/** The name of a group id, or the number where it has none. */
export function groupName(gid: number): string {
  const line = read('/etc/group')
    .split('\n')
    .find(line => line.split(':')[2] === `${gid}`)
  return line?.split(':')[0] ?? `${gid}`
}

/** The id of a user, or undefined where there is no such user. */
export function uidOf(name: string): number | undefined {
  return accounts().find(account => account.name === name)?.uid
}

/** True where a user may read a file by its owner, group and mode; folders above it are looked at too. */
export function mayRead(file: string, uid: number): boolean {
  if (uid === 0) return true
  const parts = file.split('/')
  for (let i = 2; i < parts.length; i++) {
    if (!allowed(parts.slice(0, i).join('/'), uid, 0o1)) return false
  }
  return allowed(file, uid, 0o4)
}

function allowed(path: string, uid: number, bit: number): boolean {
  let stat: ReturnType<typeof statSync>
  try {
    stat = statSync(path)
  } catch {
    // What cannot be looked at is not judged.
    return true
  }
  if (!stat) return true
  if (stat.uid === uid) return (stat.mode & (bit << 6)) !== 0
  if (groupsOf(uid).has(stat.gid)) return (stat.mode & (bit << 3)) !== 0
  return (stat.mode & bit) !== 0
}

function groupsOf(uid: number): Set<number> {
  const account = accounts().find(one => one.uid === uid)
  const groups = new Set(account ? [account.gid] : [])
  for (const line of read('/etc/group').split('\n')) {
    const [, , gid, members = ''] = line.split(':')
    if (account && members.split(',').includes(account.name)) groups.add(Number(gid))
  }
  return groups
}

function accounts(): { name: string; uid: number; gid: number }[] {
  return read('/etc/passwd')
    .split('\n')
    .map(line => line.split(':'))
    .filter(fields => fields.length > 3)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
}

/** The address of the default gateway, as four octets; undefined where there is none. */
export function gateway(): Uint8Array | undefined {
  for (const line of read('/proc/net/route').split('\n').slice(1)) {
    const [, destination, via = ''] = line.split('\t')
    // Written as the kernel holds it: a network-order word read by a little-endian machine.
    if (destination === '00000000' && /^[0-9A-F]{8}$/.test(via) && via !== '00000000') {
      return Uint8Array.from(Buffer.from(via, 'hex').reverse())
    }
  }
  return undefined
}

/** A number that Linux keeps in a file; undefined where it does not. */
export function kernelNumber(path: string): number | undefined {
  const text = read(path).trim()
  return /^[0-9]+$/.test(text) ? Number(text) : undefined
}

/** True inside a container. */
export function isContainer(): boolean {
  return (
    statSync('/.dockerenv', { throwIfNoEntry: false }) !== undefined ||
    statSync('/run/.containerenv', { throwIfNoEntry: false }) !== undefined
  )
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
