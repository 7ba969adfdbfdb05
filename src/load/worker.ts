import { stackOf } from '../base/stack.ts'
import { LoadError } from './fault.ts'
import { Generator } from './generator.ts'
import type { WorkerAnswer, WorkerAsk } from './protocol.ts'

/*
 * A generator in a process of its own, so that what it costs is nobody else's
 * processor time. It ends when its parent does.
 */

let generator: Generator | undefined

process.on('message', (ask: WorkerAsk) => {
  carryOut(ask).then(say, (error: unknown) => {
    const fault =
      error instanceof LoadError
        ? error.fault
        : ({
            kind: 'generator',
            why: stackOf(error),
          } as const)
    say({ kind: 'failed', fault })
  })
})
process.on('disconnect', () => process.exit())
// The terminal interrupts all of us; the parent decides what that means.
process.on('SIGINT', () => {})

async function carryOut(ask: WorkerAsk): Promise<WorkerAnswer> {
  if (ask.kind === 'prepare') {
    generator = new Generator(ask.setup)
    const { udpKind, fellBack } = generator
    const receiveBuffer = await generator.receiveBuffer(ask.setup.peerIp)
    return { kind: 'prepared', udp: udpKind, fellBack, receiveBuffer }
  }
  if (!generator) throw new Error(`${ask.kind} before prepare`)
  switch (ask.kind) {
    case 'open': {
      const cpu = process.cpuUsage()
      let told = 0
      await generator.grow(ask.total, open => {
        const now = performance.now()
        if (now - told < 100) return
        told = now
        say({ kind: 'progress', open })
      })
      const { user, system } = process.cpuUsage(cpu)
      return { kind: 'open', open: generator.open, cpuMicros: user + system }
    }
    case 'close':
      await generator.shrink(ask.keep)
      return { kind: 'closed' }
    case 'run':
      return { kind: 'ran', tally: await generator.run(ask.load, ask.settle) }
  }
}

function say(answer: WorkerAnswer): void {
  if (process.connected) process.send?.(answer)
}
