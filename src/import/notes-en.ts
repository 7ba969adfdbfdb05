/** Why a setting was taken over in another form, is not needed, or cannot be had; and what to do instead. */
export const NOTES_EN = {
  // Of any setting
  unknown: 'neither coturn nor eturnal knows this; it had no effect there either',
  'unknown-guess': 'not known; was “{guess}” meant?',
  'not-understood': 'could not be read; look at the line',
  'bad-value': 'the value could not be read, so the default is in force',
  'bad-address': 'not an IP address in the form that is wanted here; add it by hand if it mattered',
  'bad-range': 'not an address or a range of addresses; the old server did not heed it either',
  'switched-off': 'it is switched off',
  'is-default': 'this is how it works without a setting',
  overridden: 'line {line} says it again, and the last one counts',
  twice: 'it stands there already',

  // Where clients connect
  'plain-port': 'coturn took TLS on this port too; here TLS has a port of its own',
  'tls-port':
    'coturn took plain connections on this port too; if “turn:” URIs name it, add "udp://" and "tcp://" listeners',
  'left-out': 'the listeners of this transport are left out',
  'port-unused': 'nothing listens there, because the transport is off or has no certificate',
  'certificate-unused': 'there is no TLS listener that would use it',
  'no-tls': 'there is no TLS listener unless "tls" is set',
  'no-dtls': 'DTLS is not served',
  dtls: 'DTLS is not served, and no browser uses it; "turns:" over TCP works',
  'alternative-port': 'it was for NAT behaviour discovery (RFC 5780), which is not served',
  'proxy-protocol':
    'the PROXY protocol is not understood; let the proxy keep the client’s address, or give clients a port of the relay itself',
  device:
    'listeners and relay addresses are chosen by address: write the address of the device into "listen" or "relay.addresses"',
  'http-closed': 'what is no STUN is closed without an answer',
  acme: 'requests for certificates are not redirected; run certbot with a web server, or with DNS',
  'auto-transport': 'TCP is taken over; TLS needs a listener on a port of its own, such as "tls://[::]:5349"',
  'both-families': 'listens on IPv4 and IPv6, as before',

  // How traffic reaches peers
  'local-guessed':
    'written as {entry}: the local address is that of this machine; correct it if the relay will run elsewhere',
  'local-unknown': 'the local address behind {public} is not known; see below',
  'mapped-before': 'another line maps this local address already',
  'not-relayed-from': 'no relay-ip names {local}, so coturn did not use it either',
  'bad-ports': 'the two bounds are no range of ports above 1023, so 49152-65535 is in force',
  'udp-peers': 'peers are reached over UDP only',
  'no-udp-relay': 'relaying over UDP is what this relay does; it cannot be switched off',
  multiplex: 'every allocation has a port of its own; widen "relay.ports" where they run out',
  'server-relay': 'peers are always checked against permissions; without that, anybody could send to clients',
  'family-ipv6':
    'who asks for no family gets IPv4, as RFC 8656 says; "relay.defaultFamily": "listener" gives the family of the connection',

  // Who may use it
  'always-authenticated': 'clients always have to authenticate',
  'no-auth':
    'an open relay cannot be had: it would be abused within hours. Give its users a secret or a password',
  'secret-is-enough': 'having a secret is enough',
  'secret-in-database': 'the secret is in a database, which is not read; see below',
  separator:
    'the name of a time-limited user is split at the first colon; set the program that issues the credentials to use “:”',
  'expiry-in-name': 'when a credential ends stands in its name',
  'user-beside-secret':
    'coturn ignores fixed users where there is a shared secret; add it to "users" if it is to get in',
  'bad-user': 'not a name and a password that can be used; add it to "users" by hand',
  'user-key': 'taken over as the key it is; it is good for this realm only, and for SHA-1 only',
  'user-key-form':
    'the key is not MD5, so the password cannot be told; add the user with its password to "users"',
  database:
    'users and secrets in a database are not read; list them with turnadmin -l and -S, and write them into "users" and "homeservers"',
  'no-database': 'there is no database to ask',
  statsdb:
    'figures are not sent to Redis; /metrics has them while calls run, and `taciturn sessions` has the calls',
  oauth: 'OAuth (RFC 7635) is not understood; no Matrix homeserver uses it',
  'oauth-only': 'it was for OAuth only',
  origin: 'browsers send no ORIGIN to a relay',
  'secure-stun':
    'Binding requests are answered to everybody: the answers are no larger than they must be, and limited',
  nonces: 'every nonce ends after a while, is bound to its client, and takes no memory',
  unverified:
    'what is answered to sources that have not proved themselves is limited without a setting; "limits.unverifiedAnswersPerNetwork" changes it',
  'invalid-dropped': 'invalid packets get no answer and leave nothing behind',

  // Whom clients may reach
  recommended: '"recommended" denies it',
  'deny-cidr': 'coturn reads no prefixes and let these through without a word; from now on they are denied',
  'deny-cidr-covered':
    'coturn reads no prefixes and let these through without a word; "recommended" denies them',
  'deny-carved': 'without what is allowed inside of it, since here a denial beats an exception',
  'allow-cidr':
    'coturn reads no prefixes, so this was never open; add "{range}" to "peers.allow" if it is to be',
  'allow-carved': 'as the gap in what is denied',
  'allowed-anyway': 'nothing denies it',
  'relay-to-relay': 'calls between two clients of this relay need no exception',
  loopback: 'opens this machine to every client; remove it where this is no test',
  clients: 'clients are not told apart by address; let the firewall do it',

  // How much
  'unlimited-user': 'it was unlimited; the default of 200 for each user is in force',
  'unlimited-total': 'it was unlimited; the default of 16384 is in force',
  'few-allocations': '{count} is few: a single client may ask for twenty while it sets up a call',
  'rate-user':
    '{octets} octets a second in each direction of one session have become {rate} for all of a user in both directions together; raise it for users with several calls',
  'rate-total': '{octets} octets a second in each direction have become {rate} in both directions together',
  'lifetime-bounds': 'kept within what is possible: {granted}',
  'fixed-lifetime': 'RFC 8656 wants {seconds} seconds, and so it is',
  'nothing-kept': 'nothing is kept for a client before it has authenticated',
  'eturnal-allocations': 'eturnal never heeded it; "limits.allocationsPerUser" does what it promised',
  'permissions-bounded': 'it was unlimited; the default of 256 is in force',

  // What answers hold
  fingerprint: 'answers have a FINGERPRINT where the request has one',
  'small-answers': 'answers are as small as can be without a setting',
  'nat-discovery': 'NAT behaviour discovery (RFC 5780) is not served; calls do not need it',
  mobility:
    'mobility (RFC 8016) is not served; clients that change their network make a new allocation (ICE restart)',
  'stun-only':
    'a relay that only answers Binding requests cannot be had; leave its listener out, or give nobody credentials',
  'no-stun': 'Binding requests are always answered; clients need the answer to find their own address',
  alternate:
    'here other servers are named only while this one drains ("alternate"); to share the load, list all servers in the homeserver’s turn_uris, or use "issue.relays"',

  // TLS
  'key-password':
    'the key must have no passphrase: openssl pkey -in OLD -out NEW, readable for the relay alone',
  'client-certificates': 'clients need no certificates; they have credentials',
  'raw-keys': 'raw public keys (RFC 7250) are not understood; use a certificate',
  ciphers: 'the ciphers, curves and parameters of Node are used, which are kept up to date with it',
  'old-tls': 'nothing older than TLS 1.2 is offered',
  'old-tls-wanted': 'nothing older than TLS 1.2 is offered; every client of the last ten years has that',
  'tls-1-2': 'TLS 1.2 stays beside 1.3, for clients that have no other',

  // Log and figures
  verbose: 'the ordinary log has a line for each call and each refusal',
  'log-output': 'the log goes to the standard error, from where systemd takes it into the journal',
  'log-binding': 'Binding requests are counted in the metrics and not logged',
  'metrics-local':
    'served on 127.0.0.1 only, with coturn’s names beside our own; change "metrics.listen" if Prometheus runs elsewhere',
  'metrics-names': 'with coturn’s names beside our own',
  'metrics-path': 'the page is always at /metrics',
  'metrics-any': 'served on 127.0.0.1 only; change "metrics" if Prometheus runs elsewhere',
  'without-prometheus': 'coturn heeds it only beside “prometheus”',
  'user-labels':
    'no metric names a user; `taciturn sessions` shows who calls, and writes down that you looked',
  influx: 'nothing is sent to InfluxDB; let Telegraf or Prometheus read /metrics',
  'prometheus-module':
    '/metrics is served by the relay itself, without TLS, under other names: see docs/metrics.md',
  'example-module': 'it does nothing',

  // The process
  'service-manager': 'this is what the service manager does',
  tuning: '"workers" and "udp" find what suits the machine',
  'drain-count': 'draining waits for the last call; "stop.deadline" bounds it',
  cli: '`taciturn status` and `taciturn sessions` use a local socket, without port or password',
  'no-cli': 'there is no such port',
  'web-admin': 'the relay has a console of its own; see "console" in turnserver.example.json',
  'command-line': 'it belongs on a command line',

  // What no line says
  'private-closed':
    'private networks were open to clients of the old server at least in part; now they are closed. If they must reach a LAN, add it to "peers.allow"',
  'other-family': 'this machine also has {addresses}; add them to "relay.addresses" to relay from them too',
  'client-lists': 'blacklist and whitelist also held for clients; here they hold for peers only',

  // What is to be filled in
  'todo-local':
    'relay.addresses: write "LOCAL={public}" with the address of the relay’s machine in place of LOCAL',
  'todo-listen': 'listen: no listener was left; the default is in force until you write one',
  'todo-secret':
    'homeservers: write the secret that the homeserver uses (turnadmin -S shows it, or turn_shared_secret in homeserver.yaml)',
  'todo-eturnal-secret':
    'homeservers: write the secret that the homeserver uses (ETURNAL_SECRET, or turn_shared_secret in homeserver.yaml)',
  'todo-issuer':
    'homeservers: the old server let everybody in; write the secret of a homeserver, or "users" with passwords',
  'todo-certificate':
    'tls: eturnal made a certificate of its own; clients need one that they trust. With it, add "tls://0.0.0.0:5349" to "listen"',
} as const satisfies Readonly<Record<string, string>>

export type NoteKey = keyof typeof NOTES_EN
