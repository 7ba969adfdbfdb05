type Message = readonly [what: string, mend: string]

/** Everything that can be wrong with a configuration: what it is, and how to mend it. */
export const MESSAGES_EN = {
  // JSON
  syntax: ['this is not valid JSON ({what})', 'compare with turnserver.example.json'],
  'syntax-InvalidSymbol': ['this word is neither a text nor a number', 'put texts in double quotes'],
  'syntax-InvalidNumberFormat': ['this is not a number', 'write digits only, or put a text in double quotes'],
  'syntax-PropertyNameExpected': [
    'a key is expected here',
    'write "key": value, with the key in double quotes',
  ],
  'syntax-ValueExpected': ['a value is expected here', 'write a value, or remove what leads up to it'],
  'syntax-ColonExpected': ['a colon is missing between key and value', 'write "key": value'],
  'syntax-CommaExpected': ['a comma is missing before this', 'put a comma behind the value before it'],
  'syntax-CloseBraceExpected': ['a closing brace } is missing', 'close every { with a }'],
  'syntax-CloseBracketExpected': ['a closing bracket ] is missing', 'close every [ with a ]'],
  'syntax-EndOfFileExpected': [
    'something follows after the end of the configuration',
    'remove what stands behind the last }',
  ],
  'syntax-UnexpectedEndOfString': [
    'the text has no closing quote',
    'end it with a double quote on the same line',
  ],
  'syntax-UnexpectedEndOfComment': ['the comment has no end', 'end it with */'],
  'syntax-UnexpectedEndOfNumber': ['the number is cut off', 'complete the number'],
  'syntax-InvalidUnicode': [
    '\\u is not followed by four hexadecimal digits',
    'write \\u00e4, or the character itself',
  ],
  'syntax-InvalidEscapeCharacter': ['this character cannot follow a backslash', 'write \\\\ for a backslash'],
  'syntax-InvalidCharacter': ['a text holds a control character', 'write \\t for a tab, \\n for a new line'],
  'duplicate-key': ['"{key}" stands here twice, first on line {line}', 'keep one of the two'],
  'unknown-key': [
    '"{key}" is not a key of this section',
    'remove it; turnserver.example.json lists every key',
  ],
  'unknown-key-guess': ['"{key}" is not a key of this section', 'did you mean "{guess}"?'],
  'missing-key': ['"{key}" is missing', 'add it; turnserver.example.json shows how'],

  // kinds of values
  'want-text': ['a text is expected, not {found}', 'put it in double quotes'],
  'want-number': ['a whole number is expected, not {found}', 'write digits without quotes, such as 200'],
  'want-boolean': ['true or false is expected, not {found}', 'write true or false without quotes'],
  'want-list': ['a list is expected, not {found}', 'put it in brackets: [ … ]'],
  'want-object': ['a section is expected, not {found}', 'put it in braces: { … }'],
  'want-duration': [
    'a duration is expected, not {found}',
    'write a number with a unit in double quotes, such as "90s" or "1h"',
  ],
  'want-rate': [
    'a bit rate is expected, not {found}',
    'write it with a unit in double quotes, such as "2 Mbit/s", or "unlimited"',
  ],
  'want-bound': ['a number is expected, not {found}', 'write a whole number of 1 or more, or "unlimited"'],
  'want-secret': [
    'a secret is expected, not {found}',
    'write a text in double quotes, or { "file": "/path" }',
  ],
  'want-software': [
    'a text or false is expected, not {found}',
    'write false, or a text of at most 127 characters',
  ],
  'want-metrics': ['an address or false is expected, not {found}', 'write "http://127.0.0.1:9641", or false'],
  'want-workers': [
    'a number of threads or "auto" is expected, not {found}',
    'write "auto", or a number from 1 to 64',
  ],
  'workers-dgram': [
    '{given} workers need the native UDP transport to share listeners, and udp is "dgram"',
    'set udp to "auto", or workers to "auto" or 1',
  ],
  'want-md5': [
    'these are not 32 hexadecimal digits',
    'write the output of: printf %s NAME:REALM:PASSWORD | md5sum',
  ],
  'want-sha256': [
    'these are not 64 hexadecimal digits',
    'write the output of: printf %s NAME:REALM:PASSWORD | sha256sum',
  ],
  'want-domain': ['this is not a domain name', 'write a name such as "turn2.example.org"'],
  'wrong-type': ['this kind of value is not expected here: {found}', 'compare with turnserver.example.json'],
  'not-one-of': ['{given} is not one of: {choices}', 'write "{guess}", or another of them'],
  'too-small': ['{given} is too small', 'write {min} or more'],
  'too-big': ['{given} is too large', 'write {max} or less'],
  'long-text': ['the text is too long', 'write at most {max} characters'],
  'empty-text': ['the text is empty', 'write something, or remove the key'],
  'empty-list': ['the list is empty', 'add an entry, or remove the key to have the default'],

  // durations and rates
  duration: [
    '"{given}" is not a duration',
    'write whole seconds, minutes, hours or days, such as "90s", "10m", "1h" or "7d"',
  ],
  'duration-without-unit': ['"{given}" has no unit', 'write "{given}s" if seconds are meant'],
  'duration-short': ['"{given}" is too short', 'write "{min}" or more'],
  'duration-long': ['"{given}" is too long', 'write "{max}" or less'],
  rate: [
    '"{given}" is not a bit rate',
    'write for instance "2 Mbit/s", "500 kbit/s", "1 MB/s" or "unlimited"',
  ],
  'rate-without-unit': ['"{given}" has no unit', 'write "{given} bit/s", or with kbit/s or Mbit/s'],
  'rate-small': ['"{given}" is less than a voice call needs', 'write "{min}" or more, or "unlimited"'],

  // addresses
  listener: [
    '"{given}" is not a listener',
    'write transport://address:port, such as "udp://0.0.0.0:3478" or "tls://[::]:5349"',
  ],
  'listener-transport': ['"{given}" is not a transport that we listen on', 'write udp://, tcp:// or tls://'],
  'listener-tls': [
    '{given} needs a certificate',
    'add "tls": { "certificate": "…", "key": "…" }, or remove this listener',
  ],
  'listener-overlap': [
    '{given} and {other} would take the same port',
    'remove one of them, or give it another port',
  ],
  'host-any': [
    '"{given}" names no address',
    'write 0.0.0.0 for every IPv4 address, [::] for every IPv6 address',
  ],
  'host-name': ['"{given}" is not an IP address', 'write the address itself; names are not looked up here'],
  'host-zone': ['"{given}" names a network interface', 'write an address without %'],
  'host-brackets': [
    'the IPv6 address {given} stands without brackets',
    'write the address in brackets and the port behind them, such as [2001:db8::7]:3478',
  ],
  port: ['{given} is not a port', 'write a number up to 65535'],
  'http-address': [
    '"{given}" is not an address for the metrics page',
    'write http://, an IP address and a port, such as "http://127.0.0.1:9641"',
  ],
  alternate: [
    '"{given}" is not an address that clients can turn to',
    'write an IP address and a port, such as "203.0.113.8:3478"',
  ],
  'alternate-family': [
    'there are several alternates of {family}; clients are told the first',
    'keep one address for each family',
  ],
  'metrics-overlap': ['{other} listens there already', 'choose another port, such as 9641'],
  'metrics-open': [
    'the metrics page at {given} can be read by whoever reaches that address',
    'use 127.0.0.1, or let a firewall guard it',
  ],
  'want-control': [
    'a path, "auto" or false is expected, not {found}',
    'write "auto", a path such as "/run/taciturn/control.sock", or false',
  ],
  'want-console': [
    'an address, a section or false is expected, not {found}',
    'write "http://127.0.0.1:9642", or false',
  ],
  'console-address': [
    '"{given}" is not an address for the console',
    'write http://, an IP address and a port, such as "http://127.0.0.1:9642"; a reverse proxy adds TLS',
  ],
  'public-url': [
    '"{given}" is not what a browser could open the console by',
    'write http:// or https:// and a name, without a path, such as "https://turn.example.org"',
  ],
  'console-overlap': ['{other} listens there already', 'choose another port, such as 9642'],
  'console-open': [
    'the console at {given} could be used by whoever reaches that address',
    'add "tokens", or use 127.0.0.1 and `taciturn console`',
  ],
  'console-plain': [
    'tokens for the console cross the network to {given} unencrypted',
    'use 127.0.0.1 behind a reverse proxy with TLS, and set "publicUrl"',
  ],
  'token-one-of': ['a token is either given or in a file', 'write exactly one of "token" and "tokenFile"'],
  'token-twice': [
    'two tokens are called "{given}"',
    'give each token a name of its own; the access log says who did what by it',
  ],
  'token-shared': [
    'another token has the same value, so they cannot be told apart',
    'give everybody a token of their own; `openssl rand -hex 32` makes one',
  ],
  'relay-address': [
    '"{given}" is not an address to relay from',
    'write "auto", an IP address without brackets and port, or "10.0.0.5=203.0.113.7" for local=public',
  ],
  'relay-address-families': [
    '"{given}" mixes IPv4 and IPv6',
    'write two addresses of one family: local=public',
  ],
  'relay-address-host': [
    '{given} is not the address of one machine',
    'write "auto", or an address that this machine has',
  ],
  'relay-address-twice': ['{given} stands here twice', 'keep one of the two'],
  ports: ['"{given}" is not a range of ports', 'write the first and the last, such as "49152-65535"'],
  'ports-backwards': ['"{given}" runs backwards', 'write "{mend}"'],
  'ports-low': ['port {given} belongs to the system', 'begin at 1024 or above; "49152-65535" is usual'],
  'ports-few': ['"{given}" is a single port', 'each call needs at least two; "49152-65535" is usual'],
  'ports-scarce': [
    'only {ports} ports to relay from',
    'a call takes two or more of them, so allow a wider range',
  ],
  'range-not-an-address': [
    '"{given}" is neither an address nor a range',
    'write "10.0.0.0/8", "192.0.2.7", "192.0.2.1-192.0.2.9" or the same in IPv6',
  ],
  'range-not-a-prefix': [
    '"{given}" has no valid prefix length',
    'write a number behind the slash: up to 32 for IPv4, up to 128 for IPv6',
  ],
  'range-host-bits': [
    '"{given}" has bits set behind its prefix',
    'write "{network}" for the network, or "{host}" for the one address',
  ],
  'range-backwards': ['"{given}" runs backwards', 'write the lower address first'],
  'range-two-families': ['"{given}" mixes IPv4 and IPv6', 'write two ranges, one for each'],
  'range-recommended': [
    '"recommended" can only be denied',
    'name the ranges themselves here, such as "192.168.1.0/24"',
  ],
  'range-mapped': [
    '::ffff:0:0/96 changes nothing: such addresses are judged as the IPv4 addresses they stand for',
    'remove it',
  ],
  'peers-open': [
    'users of the relay can reach private and special addresses of this network',
    'put "recommended" into "deny" and open single ranges with "allow"',
  ],

  // names
  realm: [
    '"{given}" cannot be a realm',
    'write the DNS name of this server: up to 127 characters, no spaces, quotes or backslashes',
  ],
  'homeserver-name': [
    '"{given}" cannot be the name of a homeserver',
    'write its server name: no spaces, quotes or backslashes',
  ],
  'homeserver-twice': [
    '"{given}" is the name of homeservers[{first}] too',
    'give each homeserver a name of its own, or list both secrets under one',
  ],
  'homeserver-secret': [
    '"{given}" has no secret',
    'add "secrets": ["…"] or "secretFile": "/path"; `openssl rand -hex 32` makes one',
  ],
  'user-name': ['this cannot be a user name', 'write 1 to 508 octets without control characters'],
  'user-name-timed': [
    '"{given}" looks like the name of a time-limited credential',
    'begin the name with a letter',
  ],
  'user-twice': ['"{given}" is the name of users[{first}] too', 'keep one of the two'],
  'user-password-missing': ['"{given}" has no password', 'add "password" or "keys"'],
  'user-password-twice': ['"{given}" has a password and keys', 'keep one of the two'],
  'password-guessable': [
    'the password of "{given}" is the first that anybody would try',
    'choose another; `openssl rand -base64 18` makes one',
  ],
  'password-short': ['the password of "{given}" is short', 'choose one of 12 characters or more'],
  'turn-uri': [
    '"{given}" is not a TURN URI; one like it makes every call fail in browsers',
    'write "turn:HOST:PORT?transport=udp" or "turns:HOST:PORT?transport=tcp"',
  ],
  'turn-uri-stun': [
    '"{given}" is a STUN URI, which Matrix does not allow here',
    'write "turn:" instead; TURN servers answer STUN too',
  ],
  'no-issuer': [
    'nobody could use this relay: there is no homeserver and no user',
    'add a homeserver with a secret; `taciturn init` writes such a file',
  ],
  'all-paused': ['every homeserver is paused, so nobody can open an allocation', 'set "paused" to false'],

  // secrets
  'secret-short': [
    'the secret has {length} characters and can be guessed',
    'use {min} or more; `openssl rand -hex 32` makes one',
  ],
  'secret-repetitive': [
    'the secret repeats a few characters and can be guessed',
    'use a random one; `openssl rand -hex 32` makes one',
  ],
  'secret-example': [
    'the secret is an example out of a manual, known to everybody',
    'use your own; `openssl rand -hex 32` makes one',
  ],
  'secret-space': [
    'the secret begins or ends with white space, which homeservers cut off',
    'remove the white space on both sides',
  ],
  'secret-one-of': ['a secret is either given or in a file', 'write exactly one of "value" and "file"'],
  'secret-shared': [
    'homeservers[{first}] has the same secret, so their users cannot be told apart',
    'give each homeserver a secret of its own',
  ],
  'secret-repeated': ['this secret stands here twice', 'keep one of the two'],
  'secret-world': ['everybody on this machine can read {file}', 'chmod 600 {file}'],
  'secret-file-empty': ['{file} is empty', 'openssl rand -hex 32 > {file}'],
  'secret-lines': [
    '{file} has several lines',
    'leave one secret in it; further ones go into files of their own under "secrets"',
  ],
  'config-world': ['everybody on this machine can read the secrets in {file}', 'chmod 600 {file}'],

  // files
  'path-variable': [
    '"{given}" begins with a variable',
    'write the path itself; only $CREDENTIALS_DIRECTORY/name is known',
  ],
  'path-credentials': [
    'CREDENTIALS_DIRECTORY is not set, so "{given}" leads nowhere',
    'add LoadCredential={name}:/path/to/the/file to the systemd unit',
  ],
  'file-missing': ['{file} does not exist', 'make the file, or correct the path'],
  'file-unreadable': ['user {user} may not read {file}', 'setfacl -m u:{user}:r {file}'],
  'file-folder': ['{file} is a folder', 'name the file in it'],
  'file-error': ['{file} cannot be read ({code})', 'look at the file and the disk it is on'],
  'state-unwritable': [
    'the secret cannot be kept in {folder} ({code})',
    'let TACITURN_STATE name a folder that can be written, or make a configuration with `taciturn init`',
  ],

  // certificates
  'certificate-form': [
    '{file} holds no certificate in PEM form',
    'name the file that begins with -----BEGIN CERTIFICATE-----, mostly fullchain.pem',
  ],
  'certificate-is-key': ['{file} is a private key', 'name it under "key", and the certificate here'],
  'key-form': [
    '{file} holds no private key in PEM form',
    'name the file that begins with -----BEGIN PRIVATE KEY-----, mostly privkey.pem',
  ],
  'key-is-certificate': ['{file} is a certificate', 'name it under "certificate", and the private key here'],
  'key-encrypted': [
    '{file} is locked with a passphrase, which nobody can enter at start',
    'openssl pkey -in {file} -out unlocked.pem',
  ],
  'key-mismatch': ['{key} is not the key of {certificate}', 'name the two files that were issued together'],
  'key-world': ['everybody on this machine can read {file}', 'chmod 600 {file}'],
  'certificate-expired': ['{file} has expired on {date}', 'renew it; clients refuse TLS until then'],
  'certificate-early': ['{file} is not valid before {date}', 'check the clock of this machine'],
  'certificate-chain': [
    '{file} holds no intermediate certificate, so some clients will refuse it',
    'name the file with the whole chain, mostly fullchain.pem',
  ],
  'tls-unused': ['there is a certificate, but no tls:// listener', 'add "tls://0.0.0.0:5349" to "listen"'],
  // issuing
  'issue-address': [
    '"{given}" is not an address to hand out credentials at',
    'write http://, an IP address and a port, such as "http://127.0.0.1:8088"; the reverse proxy adds TLS',
  ],
  'issue-lifetime-short': [
    '"{given}" is so short that clients hold dead credentials: they look for new ones every ten minutes, and renew what has ten minutes left',
    'write "20m" or more; "24h" is usual',
  ],
  'issue-lifetime-long': [
    'credentials would live {given}, but credentials.maxLifetime refuses what lives longer than {max}',
    'write "{max}" or less, or raise credentials.maxLifetime',
  ],
  'issue-overlap': ['{other} listens there already', 'choose another port, such as 8088'],
  'issue-open': [
    'credentials are handed out unencrypted at {given}, to whoever reaches that address',
    'use 127.0.0.1 behind a reverse proxy with TLS, or let a firewall guard it',
  ],
  'issue-off': [
    '"{given}" is to be issued for, but nothing listens',
    'add "issue": {}, or remove "standIn", "backends" and "openid"',
  ],
  'issue-unused': [
    'there is nobody to issue credentials for',
    'add "standIn", "backends" or "openid" to a homeserver, or remove "issue"',
  ],
  'issue-name-twice': [
    '"{given}" leads to homeservers[{first}] already',
    'keep one of the two; with "hosts" each stand-in gets names of its own',
  ],
  'homeserver-url': [
    '"{given}" is not the base of a client API',
    'write it as in a login screen, such as "http://127.0.0.1:8008" or "https://matrix.example.org"',
  ],
  'homeserver-url-path': ['"{given}" goes too far', 'leave out /_matrix and what follows'],
  'stand-in-plain': [
    'access tokens go to the homeserver unencrypted',
    'write https://, or an address of this machine or its network',
  ],
  'host-header': [
    '"{given}" is not a host name',
    'write the name without port, such as "matrix.example.org"',
  ],
  'server-name': [
    '"{given}" is not the name of a Matrix server',
    'write what follows the first colon of its user IDs, such as "example.org", or "*.example.org"',
  ],
  'openid-everybody': [
    '"{given}" would let in everybody, since anybody can run a Matrix server',
    'name the servers, or domains such as "*.example.org"',
  ],
  origin: ['"{given}" is not an origin', 'write "https://app.example.org" without path, or "*"'],
  'api-key-one-of': ['a key is either given or in a file', 'write exactly one of "apiKey" and "apiKeyFile"'],
  'api-key-shared': [
    'another backend has the same key, so they cannot be told apart',
    'give each backend a key of its own; `openssl rand -hex 32` makes one',
  ],
  'backend-twice': ['two backends are called "{given}"', 'give each backend a name of its own'],
  'secret-in-memory': [
    'the secret of "{given}" cannot be kept in {folder}, so its credentials end with this process',
    'let "state" name a folder that can be written',
  ],
} as const satisfies Readonly<Record<string, Message>>

export type MessageKey = keyof typeof MESSAGES_EN
