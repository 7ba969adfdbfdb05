import { readFileSync, readlinkSync } from 'node:fs'
import { endianness } from 'node:os'
import { type Address, address } from '../base/address.ts'
import type { SocketId } from '../base/ids.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import { passedDescriptors, STORED } from './stored-descriptors.ts'

/**
 * A socket that is bound already: by the service manager, which keeps it when we go (sd_listen_fds(3)), or by the
 * process before this one.
 */
export interface InheritedSocket {
  readonly fd: number
  /** The id that it had there, by which allocations know it. */
  readonly socket?: SocketId
  /** Of a listener of several shards, the socket of each; `fd` is the first. */
  readonly group?: readonly Pick<InheritedSocket, 'fd' | 'socket'>[]
  /** FileDescriptorName of the socket unit, for messages. */
  readonly name: string
  readonly transport: 'udp' | 'tcp'
  readonly address: Address
}

/** Where the kernel tells about a process; another folder in tests. */
const PROC = '/proc/self'
/** TCP_LISTEN, as /proc writes it. */
const LISTENING = '0A'

/**
 * Finds the sockets that LISTEN_FDS speaks of; none unless LISTEN_PID is this
 * process. Node.js cannot ask a descriptor for its address, /proc can.
 * The error is the name of one that no relay can listen on.
 */
export function inheritedSockets(
  env: Readonly<Record<string, string | undefined>>,
  pid: number = process.pid,
  proc: string = PROC,
): Result<readonly InheritedSocket[], string> {
  const passed = passedDescriptors(env, pid).filter(({ name }) => !name.startsWith(STORED))
  if (passed.length === 0) return succeeded([])
  const bound = readTables(proc)
  const sockets: InheritedSocket[] = []
  for (const { fd, name } of passed) {
    const socket = bound.get(inodeOf(fd, proc))
    if (!socket) {
      return failed(name)
    }
    sockets.push({ fd, name, ...socket })
  }
  return succeeded(sockets)
}

type Bound = Pick<InheritedSocket, 'transport' | 'address'>

/** All UDP and listening TCP sockets of this network namespace, by inode. */
function readTables(proc: string): Map<string, Bound> {
  const bound = new Map<string, Bound>()
  for (const table of ['udp', 'udp6', 'tcp', 'tcp6']) {
    const transport = table.startsWith('udp') ? 'udp' : 'tcp'
    for (const line of readLines(`${proc}/net/${table}`)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/ +/)
      const at = readLocal(local)
      if (!at || inode === undefined || (transport === 'tcp' && state !== LISTENING)) continue
      bound.set(inode, { transport, address: at })
    }
  }
  return bound
}

/** Reads `0100007F:0D96`: the address in words of the machine's own order, the port in network order. */
function readLocal(text: string): Address | undefined {
  const [hex = '', port = ''] = text.split(':')
  if (hex.length !== 8 && hex.length !== 32) return undefined
  const octets = Buffer.from(hex, 'hex')
  if (endianness() === 'LE') octets.swap32()
  return address(new Uint8Array(octets), Number.parseInt(port, 16))
}

function inodeOf(fd: number, proc: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${proc}/fd/${fd}`))?.[1] ?? ''
  } catch {
    return ''
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'latin1').split('\n').slice(1)
  } catch {
    return []
  }
}
