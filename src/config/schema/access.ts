import { z } from 'zod'
import { parseHomeserverUrl, parseHost, parseServerPattern } from '../values/issuing.ts'
import { parseHomeserverName, parseTurnUri, parseUserName } from '../values/text.ts'
import { count, path, rate, secretText, textField } from './fields.ts'

/* Who may have an allocation: `homeservers` and `users` of `turnserver.json`. */

const secret = z.union(
  [
    secretText(),
    z.strictObject({
      value: secretText().exactOptional().describe('The secret itself.'),
      file: path('/etc/taciturn/turn-secret')
        .exactOptional()
        .describe('A file that holds the secret, instead.'),
      algorithm: z
        .enum(['sha1', 'sha256'])
        .default('sha1')
        .describe('The hash that makes passwords of the secret. Every homeserver uses SHA-1.'),
    }),
  ],
  { error: () => 'want-secret' },
)

export const homeserverLimits = z.strictObject({
  allocations: count(1, 1_000_000)
    .exactOptional()
    .meta({ examples: [4000] })
    .describe('Allocations of all its users together.'),
  bitrate: rate('200 Mbit/s')
    .exactOptional()
    .describe('Payload of all its users together, in both directions.'),
})

const homeserver = z.strictObject({
  name: textField(parseHomeserverName, { examples: ['example.org'] })
    .meta({ env: { name: 'TACITURN_HOMESERVER' } })
    .describe('What the homeserver is called in logs and metrics; its server name is a good choice.'),
  secrets: z
    .array(secret)
    .min(1)
    .exactOptional()
    .meta({ live: true })
    .describe(
      'Shared secrets, newest first; at least 16 characters, and none that another homeserver has. All of them are accepted: to change a secret, put the new one first, tell the homeserver, and remove the old one a day later.',
    ),
  secretFile: path('$CREDENTIALS_DIRECTORY/turn-secret')
    .exactOptional()
    .meta({ env: { name: 'TACITURN_SECRET_FILE' } })
    .describe(
      'A file with one shared secret, so that this file needs none. White space around it does not count, and it must not be readable for everybody. "$CREDENTIALS_DIRECTORY/name" is a credential of systemd (LoadCredential=name:/path).',
    ),
  paused: z
    .boolean()
    .default(false)
    .describe('True: opens no new allocation for this homeserver, while calls continue.'),
  uris: z
    .array(
      textField(parseTurnUri, {
        examples: ['turn:turn.example.org:3478?transport=udp', 'turns:turn.example.org:443?transport=tcp'],
      }),
    )
    .min(1)
    .exactOptional()
    .describe(
      'The TURN URIs to hand out for this homeserver, where they are not those that "listen" and "realm" give: behind a forwarded port, for instance. Firefox warns of more than two entries and complains of five.',
    ),
  limits: homeserverLimits
    .exactOptional()
    .describe('The share of this homeserver. Without it, only the limits below count.'),
  standIn: z
    .strictObject({
      url: textField(parseHomeserverUrl, {
        examples: ['http://127.0.0.1:8008', 'https://matrix.example.org'],
      }).describe('Where the client API of the homeserver is reached; access tokens are checked there.'),
      hosts: z
        .array(textField(parseHost, { examples: ['matrix.example.org'] }))
        .min(1)
        .exactOptional()
        .describe(
          'Names that clients reach the homeserver by, where there are several homeservers. Default: "name" above and the host of "url".',
        ),
      guests: z.boolean().default(false).describe('True: guests get credentials too.'),
    })
    .exactOptional()
    .describe(
      'Answers /voip/turnServer in the homeserver\'s place, for one whose configuration cannot be changed. This and the next two hand out credentials over HTTP, see "issue" and docs/issuing.md. With any of them no "secrets" are needed: the relay then makes one and keeps it in the state folder.',
    ),
  backends: z
    .array(
      z.strictObject({
        name: textField(parseHomeserverName, { examples: ['website'] }).describe(
          'What the program is called in logs.',
        ),
        apiKey: secretText().exactOptional().describe('The key that it shows, at least 16 characters.'),
        apiKeyFile: path('/etc/taciturn/website-key')
          .exactOptional()
          .describe('A file that holds the key, instead.'),
      }),
    )
    .prefault([])
    .describe('Programs that may ask for credentials of any user (TURN REST), each with a key of its own.'),
  openid: z
    .array(textField(parseServerPattern, { examples: ['example.org', '*.example.org'] }))
    .prefault([])
    .describe(
      'Matrix servers whose users get credentials for an OpenID token: "example.org", or "*.example.org".',
    ),
})

export const homeserversSection = z
  .array(homeserver)
  .prefault([])
  .meta({ live: true })
  .describe(
    'Who may issue credentials: Matrix homeservers, and everything else that makes time-limited TURN credentials (LiveKit, Prosody, Nextcloud Talk…). One entry for each, so that their users, limits and figures stay apart. `taciturn snippet` prints the lines for the other side.',
  )

const user = z.strictObject({
  name: textField(parseUserName, { examples: ['guest'] }).describe(
    'The user name that clients send. It must not begin with digits and a colon, as time-limited names do.',
  ),
  password: secretText()
    .min(1)
    .exactOptional()
    .describe('The password. Anyone who knows it can relay for as long as it is listed here.'),
  keys: z
    .strictObject({
      md5: z
        .string()
        .regex(/^[0-9a-fA-F]{32}$/, 'want-md5')
        .meta({ writeOnly: true, examples: ['0123456789abcdef'.repeat(2)] })
        .describe('MD5 of name:realm:password, in hexadecimal.'),
      sha256: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/, 'want-sha256')
        .exactOptional()
        .meta({ writeOnly: true, examples: ['0123456789abcdef'.repeat(4)] })
        .describe('SHA-256 of name:realm:password, in hexadecimal. Without it, the user cannot use SHA-256.'),
    })
    .exactOptional()
    .describe(
      'Instead of the password, the keys made from it (RFC 8489 §9.2.2), so that the file need not hold it. They are as good as the password here, but useless elsewhere.',
    ),
})

export const usersSection = z
  .array(user)
  .prefault([])
  .describe('Users with a fixed password, for programs that cannot make time-limited credentials.')
