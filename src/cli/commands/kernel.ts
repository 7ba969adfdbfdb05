import { connect } from 'node:net'
import { join } from 'node:path'
import type { AttachWish } from '../../kernel/attachment.ts'
import { ethernetDevices } from '../../kernel/devices.ts'
import { describe, KernelLoader, type LoaderStatus } from '../../kernel/loader.ts'
import { LOADER_SOCKET } from '../../kernel/places.ts'
import { safeJson } from '../../log/printable.ts'
import { notifyManager } from '../../system/native-notify.ts'
import type { CliContext } from '../context.ts'
import { CommandError, Exit } from '../io.ts'

export interface KernelOptions {
  readonly folder: string
  /** Names, with commas between them. */
  readonly device?: string | undefined
  readonly attach: AttachWish
  readonly json: boolean
}

/** Milliseconds that a loader may take to answer. */
const PATIENCE = 5000

/** Loads the programs into the kernel and stays, until it is told to stop. */
export async function kernelUp(options: KernelOptions, { io, words }: CliContext): Promise<number> {
  const log = (line: string) => void io.stdout.write(`${line}\n`)
  const devices = options.device?.split(',').map(name => name.trim()) ?? ethernetDevices()
  const started = await KernelLoader.start({ ...options, devices, log })
  if (!started.ok) throw new CommandError(words.say('kernel.cannot', { why: started.error }), Exit.failed)
  const loader = started.value
  log(words.say('kernel.waiting', { folder: options.folder, devices: devices.join(', ') }))
  if (io.env.NOTIFY_SOCKET) notifyManager(io.env.NOTIFY_SOCKET, 'READY=1')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => loader.stop())
  await loader.stopped()
  return Exit.ok
}

/** Says what the loader has in the kernel. */
export async function kernelStatus(options: KernelOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const status = await ask(options, 'status', context)
  if (options.json) io.stdout.write(`${safeJson(status)}\n`)
  else if (!status.inUse) io.stdout.write(`${words.say('kernel.unused', { pid: status.pid })}\n`)
  else {
    const devices = describe(status.devices)
    io.stdout.write(`${words.say('kernel.inUse', { pid: status.pid, devices })}\n`)
  }
  return Exit.ok
}

/** Has the loader take everything out of the kernel and end. */
export async function kernelDown(options: KernelOptions, context: CliContext): Promise<number> {
  await ask(options, 'down', context)
  context.io.stdout.write(`${context.words.say('kernel.down')}\n`)
  return Exit.ok
}

function ask({ folder }: KernelOptions, question: string, { words }: CliContext): Promise<LoaderStatus> {
  const path = join(folder, LOADER_SOCKET)
  return new Promise((resolve, reject) => {
    const fail = () => reject(new CommandError(words.say('kernel.nobody', { path }), Exit.unreachable))
    let answer = ''
    const socket = connect(path, () => socket.write(`${question}\n`))
    socket.setTimeout(PATIENCE, () => socket.destroy())
    socket.setEncoding('utf8').on('data', text => (answer += text))
    socket.on('error', fail)
    socket.on('close', () => {
      if (answer === '') fail()
      else resolve(JSON.parse(answer) as LoaderStatus)
    })
  })
}
