import { z } from 'zod'
import { count, path, rate, textField } from './fields.ts'
import { parseHomeserverUrl, parseHost, parseServerPattern } from './issuing.ts'
import { parseHomeserverName, parseTurnUri, parseUserName } from './values/text.ts'

/* Who may have an allocation: `homeservers` and `users` of `turnserver.json`. */

const secret = z.union(
  [
    z.string(),
    z.strictObject({
      value: z.string().exactOptional().describe('The secret itself.'),
      file: path().exactOptional().describe('A file that holds the secret.'),
      algorithm: z
        .enum(['sha1', 'sha256'])
        .default('sha1')
        .describe('The hash that makes passwords of the secret. Every homeserver uses SHA-1.'),
    }),
  ],
  { error: () => 'want-secret' },
)

export const homeserver = z.strictObject({
  name: textField(parseHomeserverName, { examples: ['example.org'] }, 'want-text').describe(
    'What the homeserver is called in logs and metrics; its server name is a good choice.',
  ),
  secrets: z
    .array(secret)
    .min(1)
    .exactOptional()
    .describe(
      'Shared secrets, newest first. All of them are accepted, so a secret can be changed without cutting calls.',
    ),
  secretFile: path()
    .exactOptional()
    .describe(
      'A file that holds one shared secret. "$CREDENTIALS_DIRECTORY/name" is a credential of systemd (LoadCredential=).',
    ),
  paused: z
    .boolean()
    .default(false)
    .describe('Opens no new allocation for this homeserver; live ones go on.'),
  uris: z
    .array(textField(parseTurnUri, { examples: ['turn:turn.example.org:3478?transport=udp'] }, 'want-text'))
    .min(1)
    .exactOptional()
    .describe(
      'The TURN URIs to hand out for this homeserver. Without it they are made from `listen` and `realm`.',
    ),
  limits: z
    .strictObject({
      allocations: count(1, 1_000_000).exactOptional().describe('Allocations of all its users together.'),
      bitrate: rate().exactOptional().describe('Payload of all its users together.'),
    })
    .exactOptional()
    .describe('The share of this homeserver.'),
  standIn: z
    .strictObject({
      url: textField(
        parseHomeserverUrl,
        { examples: ['http://127.0.0.1:8008', 'https://matrix.example.org'] },
        'want-text',
      ).describe("Where the homeserver's client API is reached; access tokens are checked there."),
      hosts: z
        .array(textField(parseHost, { examples: ['matrix.example.org'] }, 'want-text'))
        .min(1)
        .exactOptional()
        .describe(
          'Names that clients reach the homeserver by. Default: `name` and the host of `url`. Only of use with several homeservers.',
        ),
      guests: z.boolean().default(false).describe('Gives credentials to guests too.'),
    })
    .exactOptional()
    .describe("Answers /voip/turnServer in the homeserver's place, so that it needs no secret."),
  backends: z
    .array(
      z.strictObject({
        name: textField(parseHomeserverName, { examples: ['website'] }, 'want-text').describe(
          'What the program is called in logs.',
        ),
        apiKey: z.string().exactOptional().describe('The key that it shows, 16 characters or more.'),
        apiKeyFile: path().exactOptional().describe('A file that holds the key.'),
      }),
    )
    .default([])
    .describe('Programs that may ask for credentials of any user (TURN REST).'),
  openid: z
    .array(textField(parseServerPattern, { examples: ['example.org', '*.example.org'] }, 'want-text'))
    .default([])
    .describe('Matrix servers whose users get credentials for an OpenID token.'),
})

export const user = z.strictObject({
  name: textField(parseUserName, { examples: ['guest'] }, 'want-text').describe(
    'The user name that clients send.',
  ),
  password: z.string().min(1).exactOptional().describe('The password.'),
  keys: z
    .strictObject({
      md5: z
        .string()
        .regex(/^[0-9a-fA-F]{32}$/, 'want-md5')
        .describe('MD5 of name:realm:password, in hexadecimal.'),
      sha256: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/, 'want-sha256')
        .exactOptional()
        .describe('SHA-256 of name:realm:password, in hexadecimal.'),
    })
    .exactOptional()
    .describe(
      'The keys made from the password, so that the file need not hold it (RFC 8489, section 9.2.2).',
    ),
})
