import type { Time } from '../base/time.ts'
import type { Command } from '../core/command.ts'
import type { RelayConfig } from '../core/config.ts'
import type { Decisions, Witness } from '../core/decisions.ts'
import type { Input } from '../core/input.ts'
import { outline } from './outline.ts'
import type { Asked, RecordingEntry } from './step.ts'

/**
 * Watches a relay and hands on everything that a replay needs: the
 * configuration, each input, and what the relay was answered when it asked.
 * The entries are as they were, secrets included; see `Disguise`. It rests once
 * `take` wants no more of them.
 */
export class Recorder implements Witness {
  readonly #take: (entry: RecordingEntry) => boolean
  readonly #about: { readonly version: string; readonly worker: number }
  #asked: Asked[] = []
  #isOver = false

  constructor(
    about: { readonly version: string; readonly worker: number },
    take: (entry: RecordingEntry) => boolean,
  ) {
    this.#about = about
    this.#take = take
  }

  began(own: Decisions, config: RelayConfig, lastId: number): Decisions {
    this.#take({ kind: 'beginning', ...this.#about, config, lastId })
    const { environment, nonces, tickets, strangers, meters } = own
    const { siblings, host } = environment
    const note = <T>(question: string, answer: T): T => {
      if (!this.#isOver) this.#asked.push([question, answer])
      return answer
    }
    return {
      environment: {
        ...environment,
        random: into => {
          environment.random(into)
          note('random', Buffer.from(into))
        },
        wall: at => note('wall', environment.wall(at)),
        reach: peer => note('reach', environment.reach(peer)),
        ...(siblings && {
          siblings: {
            wire: peer => note('wire', siblings.wire(peer)),
            relayed: from => note('relayed', siblings.relayed(from)),
            mayReserve: token => note('reserved', siblings.mayReserve(token)),
            mayHold: allocation => note('elsewhere', siblings.mayHold(allocation)),
            chargePeers: (user, peers, most, now) =>
              note('peers', siblings.chargePeers(user, peers, most, now)),
          },
        }),
        ...(host && {
          host: {
            wire: peer => note('host wire', host.wire(peer)),
            peer: from => note('host peer', host.peer(from)),
            isRelayed: ip => note('host relays', host.isRelayed(ip)),
            keyFor: peer => note('host key', host.keyFor(peer)),
          },
        }),
      },
      findSigner: signed => {
        const found = own.findSigner(signed)
        note('signer', found.ok ? { ...found.value, known: found.value.known !== undefined } : found.error)
        return found
      },
      nonces: {
        configure: lifetime => nonces.configure(lifetime),
        make: (client, features, now) => note('nonce', nonces.make(client, features, now)),
        isFresh: (nonce, client, now) => note('fresh', nonces.isFresh(nonce, client, now)),
      },
      tickets: {
        seal: ticket => note('ticket', tickets.seal(ticket)),
        open: octets => note('opened ticket', tickets.open(octets)),
      },
      strangers: {
        configure: limits => strangers.configure(limits),
        chargeAnswer: (from, via, now, isSigned) =>
          note('answer', strangers.chargeAnswer(from, via, now, isSigned)),
        isSpent: (from, via, now) => note('spent', strangers.isSpent(from, via, now)),
        holdBack: (from, username, blind, now) =>
          note('held back', strangers.holdBack(from, username, blind, now)),
        dropped: from => strangers.dropped(from),
        failed: (from, username, blind, now) => strangers.failed(from, username, blind, now),
        proved: (from, via, username, owner, now) => strangers.proved(from, via, username, owner, now),
        report: now => note('report', strangers.report(now)),
      },
      meters: { take: (ids, bytes, now) => note('rate', meters.take(ids, bytes, now)) },
    }
  }

  handled(input: Input, at: Time, commands: readonly Command[]): void {
    if (this.#isOver) return
    const asked = this.#asked
    this.#asked = []
    const kept = input.kind === 'datagram' ? { ...input, bytes: Buffer.from(input.bytes) } : input
    this.#isOver = !this.#take({ kind: 'step', at, input: kept, asked, did: outline(input, commands) })
    if (this.#isOver) this.#asked = []
  }
}
