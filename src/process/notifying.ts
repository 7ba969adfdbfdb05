import { join } from 'node:path'
import { z } from 'zod'
import type { Settings } from '../config/settings.ts'
import type { Log } from '../log/log.ts'
import { email } from '../notify/email.ts'
import { matrix } from '../notify/matrix.ts'
import type { NotifyMessage } from '../notify/message.ts'
import { type KeptNews, Notifier, type NotifyPlan, type Tested } from '../notify/notifier.ts'
import { ntfy } from '../notify/ntfy.ts'
import type { Way } from '../notify/way.ts'
import { webhook } from '../notify/webhook.ts'
import type { HealthWatch } from '../operate/health-watch.ts'
import { monotonicClock } from '../system/clock.ts'
import { KeptFile } from '../system/kept-file.ts'
import { readOwn } from '../system/own-file.ts'
import type { RunningText } from '../texts/running.ts'

export interface NotifyingParts {
  readonly log: Log
  readonly health: Pick<HealthWatch, 'findings'>
}

/** Tells people what the health rules find, as `notify` of the settings says. */
export class Notifying {
  readonly #log: Log
  readonly #notifier: Notifier

  constructor(settings: Settings, { log, health }: NotifyingParts) {
    this.#log = log
    const file = join(settings.state, 'notified.json')
    const kept = new KeptFile(file, ({ code = '?' }) =>
      log.limited('notify-kept', 'warn', 'what was notified cannot be kept', () => ({ file, code })),
    )
    this.#notifier = new Notifier(planOf(settings), {
      judge: () => health.findings(),
      now: () => monotonicClock.now(),
      kept: settings.notify ? readKept(file) : {},
      keep: news => kept.write([JSON.stringify(news)]),
      tried: (way, message, why) => this.#tried(way, message, why),
    })
  }

  configure(settings: Settings): void {
    this.#notifier.configure(planOf(settings))
  }

  tick(): void {
    void this.#notifier.tick()
  }

  test(): Promise<Tested[]> {
    return this.#notifier.test()
  }

  #tried(way: string, { findings }: NotifyMessage, why: RunningText | undefined): void {
    if (why === undefined) this.#log.info('notified', { way, conditions: findings.map(({ id }) => id) })
    else {
      this.#log.limited(`notify-${way}`, 'warn', 'a notification could not be sent', () => ({
        way,
        why,
        hint: { key: 'hint.notified' },
      }))
    }
  }
}

function planOf({ notify, realm, console }: Settings): NotifyPlan {
  const sender = { relay: realm, console: console ? console.publicUrl : undefined }
  if (!notify) return { ...sender, ways: [], level: 'warn', after: 0, repeat: 0, perHour: 1, language: 'en' }
  const { level, after, repeat, perHour, language } = notify
  return {
    ...sender,
    level,
    perHour,
    language,
    after: after * 1000,
    repeat: repeat * 1000,
    ways: waysOf(notify),
  }
}

function waysOf({
  webhooks,
  ntfy: topics,
  email: mail,
  matrix: room,
}: NonNullable<Settings['notify']>): Way[] {
  return [
    ...webhooks.map((target, i) => webhook(`webhook ${i + 1}`, target)),
    ...topics.map((target, i) => ntfy(`ntfy ${i + 1}`, target)),
    ...(mail ? [email(mail)] : []),
    ...(room ? [matrix(room)] : []),
  ]
}

const keptShape = z.record(
  z.string(),
  z.array(
    z.object({
      key: z.string(),
      finding: z.object({
        id: z.string(),
        level: z.enum(['bad', 'warn']),
        values: z.record(z.string(), z.union([z.string(), z.number()])).exactOptional(),
      }),
      since: z.number(),
      at: z.number(),
    }),
  ),
)

/** What was told before; nothing where there is no such file of ours, or none that can be read. */
function readKept(file: string): KeptNews {
  try {
    const own = readOwn(file)
    return own.ok ? keptShape.parse(JSON.parse(own.value)) : {}
  } catch {
    return {}
  }
}
