import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { endianness } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { formatAddress } from '../../../src/base/address.ts'
import { failed, succeeded } from '../../../src/base/result.ts'
import { inheritedSockets } from '../../../src/system/inherited-sockets.ts'

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'

t.test('descriptors are told by their inode', t => {
  const proc = fakeProc(t, {
    fds: { 3: 'socket:[101]', 4: 'socket:[102]', 5: 'socket:[103]', 6: 'socket:[104]' },
    udp: [row(word('7F000001'), '0D96', '07', 101)],
    udp6: [row(`${word('20010DB8')}${word('0')}${word('0')}${word('7')}`, '0D96', '07', 102)],
    tcp: [row(word('7F000001'), '1F90', '01', 999), row(word('0'), '01BB', '0A', 103)],
    tcp6: [row(word('0').repeat(4), '01BB', '0A', 104)],
  })
  const env = { LISTEN_PID: '77', LISTEN_FDS: '4', LISTEN_FDNAMES: 'a:b:tls:tls6' }

  const sockets = inheritedSockets(env, 77, proc)

  if (!sockets.ok) throw new Error(sockets.error)
  t.same(
    sockets.value.map(({ fd, name, transport, address }) => [fd, name, transport, formatAddress(address)]),
    [
      [3, 'a', 'udp', '127.0.0.1:3478'],
      [4, 'b', 'udp', '[2001:db8::7]:3478'],
      [5, 'tls', 'tcp', '0.0.0.0:443'],
      [6, 'tls6', 'tcp', '[::]:443'],
    ],
  )
  t.end()
})

const NONE = succeeded([])

t.test('what is for another process is left alone', t => {
  t.same(inheritedSockets({ LISTEN_PID: '1', LISTEN_FDS: '2' }, 77), NONE)
  t.same(inheritedSockets({ LISTEN_FDS: '2' }, 77), NONE)
  t.same(inheritedSockets({ LISTEN_PID: '77', LISTEN_FDS: 'x' }, 77), NONE)
  t.same(inheritedSockets({}, 77), NONE)
  t.end()
})

t.test('a descriptor that is nothing to listen on is named', t => {
  const proc = fakeProc(t, {
    fds: { 3: 'socket:[101]', 4: '/dev/null' },
    // A connection, not a listener.
    tcp: [row(word('7F000001'), '1F90', '01', 101)],
  })
  const env = { LISTEN_PID: '77', LISTEN_FDS: '1', LISTEN_FDNAMES: 'odd' }

  t.match(inheritedSockets(env, 77, proc), failed('odd'))
  t.match(inheritedSockets({ LISTEN_PID: '77', LISTEN_FDS: '2' }, 77, proc), failed('descriptor 3'))
  t.end()
})

interface Proc {
  readonly fds: Readonly<Record<number, string>>
  readonly udp?: readonly string[]
  readonly udp6?: readonly string[]
  readonly tcp?: readonly string[]
  readonly tcp6?: readonly string[]
}

function fakeProc(t: Test, { fds, ...tables }: Proc): string {
  const proc = t.testdir({})
  mkdirSync(join(proc, 'fd'))
  mkdirSync(join(proc, 'net'))
  for (const [fd, target] of Object.entries(fds)) symlinkSync(target, join(proc, 'fd', fd))
  for (const [name, rows] of Object.entries(tables)) {
    writeFileSync(join(proc, 'net', name), [HEAD, ...rows, ''].join('\n'))
  }
  return proc
}

/** 32 bits as the kernel writes them: in the order of the machine. */
function word(hex: string): string {
  const octets = Buffer.from(hex.padStart(8, '0'), 'hex')
  if (endianness() === 'LE') octets.swap32()
  return octets.toString('hex').toUpperCase()
}

function row(local: string, port: string, state: string, inode: number): string {
  const remote = '0'.repeat(local.length)
  return `   0: ${local}:${port} ${remote}:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 2 0 0`
}
