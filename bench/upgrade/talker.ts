import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Family } from '../../src/base/address.ts'
import type { Wire } from '../support/wire.ts'
import type { Heard } from './tally.ts'

const SOURCE = resolve('bench/upgrade/talker.c')

/** A socket that the talker has. */
export interface TalkersWire extends Wire {
  readonly id: number
  /** Of its own. */
  readonly port: number
}

export interface TalkersRound {
  /** The longest that it was late itself, in milliseconds. */
  readonly late: number
  /** By the numbers of the ways. */
  readonly ways: readonly Heard[]
}

/**
 * A program in C that has the sockets of calls over UDP and TCP, talks and listens: JavaScript, which collects garbage and
 * shares one thread among all calls, is late by more than what is to be measured. `talker.c` says what it understands.
 */
export class Talker {
  readonly #input: Writable
  readonly #opening = new Map<number, (port: number) => void>()
  readonly #takers = new Map<number, (bytes: Buffer) => void>()
  readonly #rounds: ((round: TalkersRound) => void)[] = []
  readonly #failed = new Set<(error: Error) => void>()
  #fault: Error | undefined
  #sockets = 0
  #ways = 0
  #rest: Buffer = Buffer.alloc(0)

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'talker-'))
    let talker: ChildProcessByStdio<Writable, Readable, null>
    try {
      const program = join(folder, 'talker')
      execFileSync('cc', ['-O2', '-o', program, SOURCE])
      talker = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
    } catch (error) {
      throw new Error('the bench needs a C compiler, cc', { cause: error })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    this.#input = talker.stdin
    this.#input.on('error', () => {})
    talker.stdout.on('data', (bytes: Buffer) => this.#take(bytes))
    talker.on('exit', code => this.#end(new Error(`the talker ended with ${code}`)))
  }

  /** A socket that is connected to a port of loopback, or, without one, a peer's. */
  async open(via: 'udp' | 'tcp' | 'peer', family: Family, port = 0): Promise<TalkersWire> {
    const id = this.#sockets++
    const opened = this.#awaited<number>(done => this.#opening.set(id, done))
    const to = [via.charCodeAt(0), family, port >> 8, port & 0xff]
    this.#ask('o', uint32(id), Buffer.from(to))
    return {
      id,
      port: await opened,
      send: bytes => this.#ask('s', uint32(id), bytes),
      receive: take => void this.#takers.set(id, take),
      close: () => {
        if (this.#takers.delete(id)) this.#ask('x', uint32(id))
      },
    }
  }

  /** Where a peer sends to. */
  connect(peer: TalkersWire, port: number): void {
    this.#ask('c', uint32(peer.id), Buffer.from([port >> 8, port & 0xff]))
  }

  /** Has one socket talk to the other with this packet, whose payload begins at the offset; returns the number of the way. */
  addWay(from: TalkersWire, to: TalkersWire, packet: Buffer, offset: number): number {
    this.#ask('w', uint32(from.id), uint32(to.id), Buffer.from([offset >> 8, offset & 0xff]), packet)
    return this.#ways++
  }

  talk(): void {
    this.#ask('g')
  }

  hush(): void {
    this.#ask('h')
  }

  /** What was heard since the last round. */
  round(): Promise<TalkersRound> {
    const round = this.#awaited<TalkersRound>(done => this.#rounds.push(done))
    this.#ask('r')
    return round
  }

  close(): void {
    this.#input.end()
  }

  #awaited<T>(wait: (done: (value: T) => void) => void): Promise<T> {
    return new Promise((done, failed) => {
      if (this.#fault) return failed(this.#fault)
      this.#failed.add(failed)
      wait(value => {
        this.#failed.delete(failed)
        done(value)
      })
    })
  }

  #end(error: Error): void {
    this.#fault = error
    for (const failed of this.#failed) failed(error)
  }

  #ask(kind: string, ...parts: readonly Buffer[]): void {
    const length = parts.reduce((sum, { length }) => sum + length, 1)
    this.#input.write(Buffer.concat([uint32(length), Buffer.from(kind), ...parts]))
  }

  #take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes])
    for (let length: number; this.#rest.length >= 4; this.#rest = this.#rest.subarray(4 + length)) {
      length = this.#rest.readUInt32BE(0)
      if (this.#rest.length < 4 + length) return
      this.#told(String.fromCharCode(this.#rest[4]!), this.#rest.subarray(5, 4 + length))
    }
  }

  #told(kind: string, bytes: Buffer): void {
    if (kind === 'r') {
      this.#rounds.shift()?.(roundOf(bytes))
      return
    }
    const id = bytes.readUInt32BE(0)
    if (kind === 'o') {
      // Whatever it hears before somebody listens is lost, as nobody has asked for it.
      this.#takers.set(id, () => {})
      this.#opening.get(id)?.(bytes.readUInt16BE(4))
      this.#opening.delete(id)
    } else this.#takers.get(id)?.(bytes.subarray(4))
  }
}

function roundOf(bytes: Buffer): TalkersRound {
  const ways: Heard[] = []
  for (let at = 8; at < bytes.length; at += 28)
    ways.push({
      gap: milliseconds(bytes, at),
      delay: milliseconds(bytes, at + 8),
      sent: bytes.readUInt32BE(at + 16),
      distinct: bytes.readUInt32BE(at + 20),
      twice: bytes.readUInt32BE(at + 24),
    })
  return { late: milliseconds(bytes, 0), ways }
}

function milliseconds(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64BE(at)) / 1e6
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
