import { z } from 'zod'
import { parsePeers } from '../values/cidr.ts'
import { formatDuration } from '../values/duration.ts'
import {
  formatHttpAddress,
  parseConsoleAddress,
  parseHttpAddress,
  parseIssueAddress,
} from '../values/host-port.ts'
import { parseIssueLifetime, parseOrigin } from '../values/issuing.ts'
import { parseIssuer, parsePublicUrl } from '../values/public-url.ts'
import { parseHomeserverName, parseTurnUri } from '../values/text.ts'
import { count, DAY, duration, path, ranges, secretText, textField } from './fields.ts'

/* What is served over HTTP. */

const trustedProxies = () =>
  ranges(parsePeers, ['127.0.0.0/8'])
    .prefault(['127.0.0.0/8', '::1/128'])
    .describe(
      'Addresses of reverse proxies, whose X-Forwarded-For is believed, so that visitors can be told apart.',
    )

export const issueSection = z
  .strictObject({
    listen: textField(parseIssueAddress, {
      format: formatHttpAddress,
      examples: ['http://127.0.0.1:8088'],
    })
      .prefault('http://127.0.0.1:8088')
      .meta({ restart: true })
      .describe('Where the reverse proxy finds us.'),
    lifetime: textField(parseIssueLifetime, {
      format: formatDuration,
      examples: ['24h'],
      expected: 'want-duration',
    })
      .prefault('24h')
      .describe(
        'How long credentials are valid: at least 20 minutes, since clients renew them in time only then.',
      ),
    relays: z
      .array(
        z.strictObject({
          uris: z
            .array(textField(parseTurnUri, { examples: ['turn:turn1.example.org:3478?transport=udp'] }))
            .min(1)
            .describe('Its TURN URIs, in the order in which clients are to get them.'),
          weight: count(1, 1000)
            .default(1)
            .describe('Its share of the users: a relay of weight 2 gets twice as many as one of weight 1.'),
        }),
      )
      .prefault([])
      .describe(
        'Relays that have the same secrets as this one. The same user always gets the same relays. Without any, this relay alone, with URIs made from "listen" and "realm". "uris" of a homeserver beat both.',
      ),
    relaysPerUser: count(1, 8)
      .default(1)
      .describe('How many of the relays each user is told. Firefox complains of five URIs.'),
    trustedProxies: trustedProxies(),
    origins: z
      .array(textField(parseOrigin, { examples: ['*', 'https://app.example.org'] }))
      .prefault(['*'])
      .describe(
        'Web pages that may ask (CORS). Matrix wants "*"; nobody gets anything without a token of their own.',
      ),
    requestsPerMinute: count(1, 1_000_000)
      .default(60)
      .describe(
        'Requests of one client address: an IPv4 address, or an IPv6 /56. Keys of backends are not limited.',
      ),
    reachable: ranges(parsePeers, ['192.168.1.10'])
      .prefault([])
      .describe(
        'Private addresses that homeservers of OpenID users may have nevertheless, such as one in your own LAN. Dangerous: any server that "openid" names can then make the relay open connections there.',
      ),
  })
  .exactOptional()
  .describe(
    'Hands out credentials over HTTP to the users of "standIn", "backends" and "openid" above. It is meant to stand behind a reverse proxy, which adds TLS: docs/issuing.md has the lines. Without this section, nothing listens.',
  )

const metricsKeys = z.strictObject({
  listen: textField(parseHttpAddress, { format: formatHttpAddress, examples: ['http://127.0.0.1:9641'] })
    .prefault('http://127.0.0.1:9641')
    .describe('Where /metrics, /healthz and /readyz are served.'),
  coturnNames: z
    .boolean()
    .default(false)
    .describe(
      'Also writes the figures under the names of coturn, so that dashboards made for it keep working.',
    ),
})

/** `false`, the whole section, or its `listen` alone. */
export const metricsSection = z
  .union(
    [
      metricsKeys,
      z.literal(false),
      z.codec(
        z.string({ error: () => 'want-metrics' }).meta({ examples: ['http://127.0.0.1:9641'] }),
        metricsKeys,
        {
          decode: listen => ({ listen }),
          encode: ({ listen = '' }) => listen,
        },
      ),
    ],
    { error: () => 'want-metrics' },
  )
  .prefault({})
  .meta({ restart: true, env: { name: 'TACITURN_METRICS' } })
  .describe(
    'Where Prometheus metrics, /healthz and /readyz are served; false for nowhere. "http://127.0.0.1:9641" alone is enough. They name no user and no address, but figures are nobody\'s business either.',
  )

const oidcSection = z
  .strictObject({
    issuer: textField(parseIssuer, { examples: ['https://auth.example.org/'] }).describe(
      'The provider, as its discovery document names it: a Matrix Authentication Service, Keycloak, Authentik and so on.',
    ),
    clientId: z
      .string()
      .min(1)
      .max(256)
      .meta({ examples: ['taciturn'] })
      .describe('What the provider calls this console. Its redirect URI is "publicUrl" and /oidc/callback.'),
    clientSecret: secretText()
      .exactOptional()
      .describe('The secret that goes with it; none for a public client, which PKCE protects.'),
    clientSecretFile: path('/etc/taciturn/oidc-secret')
      .exactOptional()
      .describe('A file that holds the secret, instead.'),
    scope: z
      .string()
      .min(1)
      .max(512)
      .meta({ examples: ['openid profile groups'] })
      .exactOptional()
      .describe(
        'The scopes that are asked for, with "openid" among them. By itself "openid", and "profile" where the provider has it.',
      ),
    allowed: z
      .array(
        z.strictObject({
          claim: z
            .string()
            .min(1)
            .max(128)
            .default('sub')
            .describe(
              'What of the person is compared: "sub", "groups", "username"… Of a list, one entry is enough. Take one that people cannot change themselves.',
            ),
          value: z
            .string()
            .min(1)
            .max(512)
            .meta({ examples: ['01HQ8Y8W4N5C2S6F7G8H9JKMNP'] })
            .describe('What it must be, exactly.'),
          rights: z.enum(['read', 'act']).default('read').describe('As of a token.'),
        }),
      )
      .min(1)
      .describe('Who may sign in. Anyone else who has an account at the provider is refused.'),
    lifetime: duration({ min: 60, max: 30 * DAY }, ['8h'])
      .prefault('8h')
      .describe('How long a sign-in lasts. It can be revoked before.'),
  })
  .exactOptional()
  .describe('Signing in with an account at an OpenID Connect provider, beside links and tokens.')

export const consoleKeys = z.strictObject({
  listen: textField(parseConsoleAddress, {
    format: formatHttpAddress,
    examples: ['http://127.0.0.1:9642'],
  })
    .prefault('http://127.0.0.1:9642')
    .meta({ restart: true })
    .describe(
      'Where console, API and test page are served. Other than loopback only with tokens, and then better behind a reverse proxy with TLS.',
    ),
  publicUrl: textField(parsePublicUrl, { examples: ['https://turn.example.org'] })
    .exactOptional()
    .describe('How people reach it, where a reverse proxy with TLS stands in front.'),
  trustedProxies: trustedProxies(),
  tokens: z
    .array(
      z.strictObject({
        name: textField(parseHomeserverName, { examples: ['alice'] }).describe(
          'Name of the person or program with this token, for the access log.',
        ),
        rights: z
          .enum(['read', 'act'])
          .default('read')
          .describe('"read" looks; "act" also disconnects, drains, reloads and sees names.'),
        token: secretText().exactOptional().describe('The token, 16 characters or more.'),
        tokenFile: path('/etc/taciturn/alice.token').exactOptional().describe('A file that holds the token.'),
      }),
    )
    .prefault([])
    .describe(
      'Permanent access for programs and colleagues. `taciturn console` makes links that end by themselves.',
    ),
  oidc: oidcSection,
  origins: z
    .array(textField(parseOrigin, { examples: ['https://admin.example.org'] }))
    .prefault([])
    .describe('Further origins under which it may be used.'),
})

/** As `metrics`. */
export const consoleSection = z
  .union(
    [
      consoleKeys,
      z.literal(false),
      z.codec(
        z.string({ error: () => 'want-console' }).meta({ examples: ['http://127.0.0.1:9642'] }),
        consoleKeys,
        {
          decode: listen => ({ listen }),
          encode: ({ listen = '' }) => listen,
        },
      ),
    ],
    { error: () => 'want-console' },
  )
  .exactOptional()
  .meta({ live: true })
  .describe(
    'Console, API and test page, see docs/control.md. `taciturn console` prints a link that gives access for a while; false for nowhere. Default: http://127.0.0.1:9642, and no error where that is taken.',
  )
