import { z } from 'zod'
import { parseHomeserverUrl } from '../values/issuing.ts'
import { formatMailServer, parseMailAddress, parseMailServer, parseRoom } from '../values/notifying.ts'
import { count, DAY, duration, durationOrUnlimited, path, secretText, textField } from './fields.ts'

/* Who is told of what an operator should know: `notify` of `turnserver.json`. */

/** A URL that is a secret itself, since anyone who knows it can post there. */
const secretUrl = (example: string) => z.string().meta({ writeOnly: true, examples: [example] })

const token = (file: string) => ({
  token: secretText().exactOptional().describe('The access token, if one is needed.'),
  tokenFile: path(file).exactOptional().describe('A file that holds the token, instead.'),
})

const webhook = z.strictObject({
  url: secretUrl('https://chat.example.org/hooks/abc')
    .exactOptional()
    .describe('Where to POST to. It is treated as a secret, since anyone who knows it can post there.'),
  urlFile: path('/etc/taciturn/webhook-url').exactOptional().describe('A file that holds the URL, instead.'),
  ...token('/etc/taciturn/webhook-token'),
})

const ntfy = z.strictObject({
  url: secretUrl('https://ntfy.sh/topic-that-nobody-guesses')
    .exactOptional()
    .describe(
      'Server and topic. It is treated as a secret: on a public server anyone who knows it can read.',
    ),
  urlFile: path('/etc/taciturn/ntfy-url').exactOptional().describe('A file that holds the URL, instead.'),
  ...token('/etc/taciturn/ntfy-token'),
})

const email = z.strictObject({
  server: textField(parseMailServer, {
    format: formatMailServer,
    examples: ['smtps://mail.example.org', 'smtp://mail.example.org:587', 'smtp://127.0.0.1:25'],
  }).describe(
    'The mail server: "smtps://" with TLS (465), "smtp://" with STARTTLS (587), which is insisted on everywhere but on this machine.',
  ),
  user: z
    .string()
    .min(1)
    .exactOptional()
    .meta({ examples: ['turn@example.org'] })
    .describe('The name to log in with, if the server wants one.'),
  password: secretText().exactOptional().describe('The password of that name.'),
  passwordFile: path('/etc/taciturn/mail-password')
    .exactOptional()
    .describe('A file that holds the password, instead.'),
  from: textField(parseMailAddress, { examples: ['turn@example.org'] }).describe('The sender.'),
  to: z
    .array(textField(parseMailAddress, { examples: ['admin@example.org'] }))
    .min(1)
    .describe('The recipients.'),
})

const matrix = z.strictObject({
  homeserver: textField(parseHomeserverUrl, {
    examples: ['https://matrix.example.org', 'http://127.0.0.1:8008'],
  }).describe('Where the client API of the homeserver is reached.'),
  room: textField(parseRoom, { examples: ['!abcdef:example.org', '#operators:example.org'] }).describe(
    'The room, by id or alias. The account joins it if it was invited or the room is public. It must not be encrypted.',
  ),
  ...token('/etc/taciturn/matrix-token'),
})

export const notifySection = z
  .strictObject({
    level: z
      .enum(['warn', 'bad'])
      .default('warn')
      .describe('"warn": everything. "bad": only what costs calls now or within days.'),
    after: duration({ min: 0, max: DAY }, ['2m', '0s'])
      .prefault('2m')
      .describe('How long a condition must hold before it is told, and must be over before that is told.'),
    repeat: durationOrUnlimited({ min: 600, max: 30 * DAY }, ['1d', 'unlimited'])
      .prefault('1d')
      .describe('After how long what still holds is told again; "unlimited" for never.'),
    perHour: count(1, 1000)
      .default(6)
      .describe('At most so many messages an hour each way. What is too much for one comes with the next.'),
    language: z.enum(['en', 'de']).default('en').describe('The language of the messages.'),
    webhooks: z
      .array(webhook)
      .prefault([])
      .describe(
        'Posts JSON with "text", which Slack, Mattermost, Rocket.Chat and Discord show, and "findings" for programs.',
      ),
    ntfy: z.array(ntfy).prefault([]).describe('Topics of ntfy, for a telephone.'),
    email: email.exactOptional().describe('E-mail by SMTP.'),
    matrix: matrix.exactOptional().describe('A Matrix room.'),
  })
  .exactOptional()
  .describe(
    'Tells people when something is wrong, and when it is over, without a Prometheus: by the conditions that `taciturn status` and the console show. `taciturn notify --test` sends a test message. See docs/notifications.md.',
  )
