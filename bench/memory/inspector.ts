import type { HeapInfo } from 'node:v8'
import { WebSocket } from 'ws'

/** What a process has in use after its garbage has been collected, in bytes. */
export interface Live {
  /** Objects. */
  readonly heap: number
  /** What is resident besides V8's heap: tables, buffers, what C has. */
  readonly outside: number
}

/** Looks into a Node.js process that was started with `--inspect`. */
export class Inspector {
  readonly #socket: WebSocket
  #number = 0
  readonly #waiting = new Map<number, (result: unknown) => void>()

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', text => {
      const { id, result } = JSON.parse(String(text)) as { id?: number; result?: unknown }
      if (id !== undefined) this.#waiting.get(id)?.(result)
    })
  }

  static async open(port: number): Promise<Inspector> {
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
      webSocketDebuggerUrl: string
    }[]
    const socket = new WebSocket(targets[0]!.webSocketDebuggerUrl)
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject))
    return new Inspector(socket)
  }

  async live(): Promise<Live> {
    // What the first collection sets free may be all that held something else.
    for (let i = 0; i < 3; i++) await this.#ask('HeapProfiler.collectGarbage')
    const { result } = (await this.#ask('Runtime.evaluate', {
      expression: `JSON.stringify({
        ...process.getBuiltinModule('node:v8').getHeapStatistics(), resident: process.memoryUsage.rss()
      })`,
    })) as { result: { value: string } }
    const { used_heap_size, total_physical_size, resident } = JSON.parse(result.value) as HeapInfo & {
      readonly resident: number
    }
    return { heap: used_heap_size, outside: resident - total_physical_size }
  }

  #ask(method: string, params = {}): Promise<unknown> {
    return new Promise(resolve => {
      const id = ++this.#number
      this.#waiting.set(id, resolve)
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }
}
