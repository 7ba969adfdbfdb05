import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { failed, type Result, succeeded } from '../base/result.ts'
import { loadAddon, type NativeAddon } from '../system/native-addon.ts'
import { descriptorOf } from '../system/socket-handle.ts'
import { type AttachedDevice, type Attachment, type AttachWish, attach } from './attachment.ts'
import { Bpf } from './bpf.ts'
import { makeFolder } from './folder.ts'
import { type Image, type LoadedPrograms, loadImage, readImage } from './image.ts'
import { RELAY_MAPS } from './kernel-maps.ts'
import { Netlink } from './netlink.ts'
import { LOADER_SOCKET, MAPS_SOCKET } from './places.ts'

/** What `taciturn kernel status` is told. */
export interface LoaderStatus {
  readonly pid: number
  /** Whether a relay has the maps. */
  readonly inUse: boolean
  readonly devices: readonly AttachedDevice[]
}

export interface LoaderOptions {
  readonly folder: string
  readonly devices: readonly string[]
  readonly attach: AttachWish
  readonly log: (line: string) => void
}

/** Milliseconds between two looks at the Ethernet addresses of the devices. */
const REFRESH_EVERY = 5000

/**
 * Holds the privilege that the relay has not: loads the programs, hands their
 * maps to one relay, and attaches them to devices for as long as that relay
 * keeps its connection. When it is gone, programs and maps go within
 * milliseconds, and with them all it had allowed; when the loader is killed,
 * the kernel takes the programs off the devices by itself.
 */
export class KernelLoader {
  readonly #options: LoaderOptions
  readonly #addon: NativeAddon
  readonly #image: Image
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  readonly #refresh: NodeJS.Timeout
  #ready: LoadedPrograms
  #owner: Socket | undefined
  #attachment: Attachment | undefined
  #stopped: (() => void) | undefined

  private constructor(options: LoaderOptions, addon: NativeAddon, image: Image, ready: LoadedPrograms) {
    this.#options = options
    this.#addon = addon
    this.#image = image
    this.#ready = ready
    this.#refresh = setInterval(() => this.#attachment?.refresh(), REFRESH_EVERY).unref()
  }

  /** Loads the programs and listens; says why not where it cannot. */
  static async start(options: LoaderOptions): Promise<Result<KernelLoader, string>> {
    const addon = loadAddon()
    if (!addon.ok) return failed(addon.error)
    const image = readImage()
    if (!image.ok) return failed(image.error)
    const ready = loadImage(new Bpf(addon.value), image.value, fd => addon.value.release(fd))
    if (!ready.ok) return failed(ready.error)
    const loader = new KernelLoader(options, addon.value, image.value, ready.value)
    // Once at the start, so that a device that cannot is known before a relay comes.
    const attached = loader.#attach()
    if (!attached.ok) return failed(attached.error)
    attached.value.close()
    try {
      const folder = makeFolder(options.folder)
      if (!folder.ok) {
        loader.stop()
        return folder
      }
      await loader.#listen(MAPS_SOCKET, socket => loader.#handOver(socket))
      await loader.#listen(LOADER_SOCKET, socket => loader.#answer(socket))
    } catch (error) {
      loader.stop()
      return failed((error as Error).message)
    }
    return succeeded(loader)
  }

  status(): LoaderStatus {
    return { pid: process.pid, inUse: this.#owner !== undefined, devices: this.#attachment?.devices ?? [] }
  }

  /** Resolves once the loader was stopped. */
  stopped(): Promise<void> {
    return new Promise(resolve => (this.#stopped = resolve))
  }

  stop(): void {
    clearInterval(this.#refresh)
    for (const server of this.#servers) server.close()
    for (const socket of this.#sockets) socket.destroy()
    this.#owner = undefined
    this.#attachment?.close()
    this.#attachment = undefined
    this.#close(this.#ready)
    this.#stopped?.()
  }

  #listen(name: string, connected: (socket: Socket) => void): Promise<void> {
    const path = join(this.#options.folder, name)
    rmSync(path, { force: true })
    const server = createServer(socket => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
      connected(socket)
    })
    this.#servers.push(server)
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, () => {
        // The user and the group of the loader: anyone who has the maps decides where datagrams go.
        chmodSync(path, 0o660)
        resolve()
      })
    })
  }

  #handOver(socket: Socket): void {
    if (this.#owner) {
      socket.destroy()
      return
    }
    const descriptors = Int32Array.from(RELAY_MAPS, name => this.#ready.maps.get(name)!)
    const attached = this.#attach()
    if (!attached.ok) this.#options.log(attached.error)
    if (!attached.ok || this.#addon.sendDescriptors(descriptorOf(socket) ?? -1, descriptors) < 0) {
      if (attached.ok) attached.value.close()
      socket.destroy()
      return
    }
    this.#attachment = attached.value
    this.#owner = socket
    this.#options.log(`a relay has the maps; ${describe(attached.value.devices)}`)
    socket.on('close', () => this.#abandoned(socket))
    socket.resume()
  }

  /** The relay is gone: so is all it had entered, and there are fresh maps for the next. */
  #abandoned(owner: Socket): void {
    if (this.#owner !== owner) return
    this.#owner = undefined
    this.#attachment?.close()
    this.#attachment = undefined
    this.#close(this.#ready)
    this.#options.log('the relay is gone; its routes are out of the kernel')
    const ready = loadImage(new Bpf(this.#addon), this.#image, fd => this.#addon.release(fd))
    if (ready.ok) this.#ready = ready.value
    else {
      this.#options.log(ready.error)
      this.stop()
    }
  }

  #answer(socket: Socket): void {
    socket.once('data', question => {
      const isDown = question.toString().trim() === 'down'
      socket.end(`${JSON.stringify(this.status())}\n`, () => {
        if (isDown) this.stop()
      })
    })
  }

  #attach(): Result<Attachment, string> {
    const parts = {
      bpf: new Bpf(this.#addon),
      netlink: new Netlink(this.#addon),
      release: (fd: number) => this.#addon.release(fd),
    }
    return attach(parts, this.#ready, this.#options.devices, this.#options.attach)
  }

  #close({ maps, programs }: LoadedPrograms): void {
    for (const fd of [...programs.values(), ...maps.values()]) this.#addon.release(fd)
  }
}

/** `eth0: XDP and TC, wlan0: TC` */
export function describe(devices: readonly AttachedDevice[]): string {
  return devices
    .map(
      ({ name, tc, xdp }) => `${name}: ${[xdp && 'XDP', tc && `TC (${tc})`].filter(Boolean).join(' and ')}`,
    )
    .join(', ')
}
