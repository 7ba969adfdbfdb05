// Made by `npm run schema` from the description of the configuration. Do not edit.

/**
 * Configuration of the TURN relay taciturn.
 */
export interface Configuration {
  /**
   * Where editors find the description of this file.
   */
  $schema?: string
  /**
   * The realm that clients authenticate in: the DNS name of this server. It is repeated in many answers, so a short one saves traffic. Default: the name of the machine. A change needs a restart.
   */
  realm?: string
  /**
   * Where clients connect: udp://, tcp:// or tls:// and an IP address. Names are not looked up, so that a broken DNS cannot change where the relay listens. Browsers use no port below 1024 but 53, 80 and 443. "?proxy" and "?web" behind tcp:// and tls:// addresses: see "proxy" and "web" below. Default: UDP and TCP 3478 on all addresses, and where "tls" is set also tls://0.0.0.0:5349 and tls://[::]:5349, with "acme" in it port 443 as well. A change needs a restart.
   */
  listen?: string[]
  /**
   * The certificate for tls:// listeners: "certificate" and "key", or "acme". The files are read again when they change, so a renewal needs no restart.
   */
  tls?: {
    /**
     * The certificate, PEM, with its chain (fullchain.pem). Without the chain some clients refuse the connection.
     */
    certificate?: string
    /**
     * Its private key, PEM, without passphrase, readable for the relay but not for everybody.
     */
    key?: string
    /**
     * Has the certificate made and renewed by an authority such as Let's Encrypt (ACME), instead of "certificate" and "key". {} is enough. Setting it agrees to the terms of the authority. Keys and certificate are in the state folder. See docs/certificates.md.
     */
    acme?: {
      /**
       * The names that the certificate is for. Default: the realm.
       */
      names?: string[]
      /**
       * Where the authority writes to when something is wrong. It need not be given.
       */
      email?: string
      /**
       * Who makes the certificate: "letsencrypt", "letsencrypt-staging" (for trying out: clients do not trust it, and its limits are wide), or the URL of an ACME directory.
       */
      directory?: string
      /**
       * How the authority sees that the names are ours: "tls-alpn-01" by a connection to TCP port 443, "http-01" by one to TCP port 80. Both may lead to any TCP or TLS listener of the relay. "auto": by port 443 where the relay listens there, and else, or where that fails, by port 80.
       */
      challenge?: 'auto' | 'http-01' | 'tls-alpn-01'
    }
  }
  /**
   * For listeners with "?proxy", such as "tls://127.0.0.1:5349?proxy": a reverse proxy or load balancer in front says in a PROXY protocol header (version 1 or 2) who the client is, and TLS follows it. See docs/proxies.md.
   */
  proxy?: {
    /**
     * Addresses of the proxies. Connections from anywhere else are refused on these listeners: anyone who may send the header can claim any address.
     */
    from: string[]
  }
  /**
   * Shares port 443: of listeners with "?web", such as "tls://0.0.0.0:443?web", TLS that is not meant for the relay is passed on to a web server, as it is and without being decrypted. See docs/proxies.md.
   */
  web?: {
    /**
     * Where the web server takes TLS.
     */
    to: string
    /**
     * Names of the relay, in TLS (SNI). Clients that ask for one of them and offer no protocol (ALPN) are the relay's. Default: the realm.
     */
    names?: string[]
    /**
     * True: a PROXY protocol header, version 2, tells the web server who the visitor is; it has to expect one.
     */
    proxy?: boolean
    /**
     * Visitors' connections at once. They are not counted in "limits".
     */
    connections?: number
    /**
     * Visitors' connections at once of one client address: an IPv4 address, or an IPv6 /56. A network (an IPv6 /48) may have four times as many.
     */
    connectionsPerAddress?: number
    /**
     * How long nothing may pass on a connection before it is closed.
     */
    idle?: string
  }
  /**
   * How traffic reaches peers.
   */
  relay?: {
    /**
     * The addresses that peers see. "auto" takes those of this machine. Behind 1:1 NAT (most clouds, every home) write "local=public", such as "10.0.0.5=203.0.113.7", or peers are told an address that nobody reaches. The local one may be "auto" as well, the public one a name of the DNS, which is looked up again and again, "pcp" for what the router says (see "portMapping"), or "stun:HOST:PORT" for what a STUN server sees. A change needs a restart.
     */
    addresses?: string[]
    /**
     * The UDP ports to relay from. The firewall must let them in. Of a range, each allocation takes one for each family. One port, or a few with commas between them, are shared by all allocations, for routers, containers and clouds where no range can be opened: then every call must use ICE, as browsers do, and a peer address can be one client's at a time. No UDP listener may have such a port. A change needs a restart.
     */
    ports?: string
    /**
     * At home: asks the router to pass the listeners' ports and those in "ports" on to this machine, and gives them back at the end. "auto" asks by PCP, then by NAT-PMP, then by UPnP; the others by one of them only. The router must permit it, and "ports" may have 256 at most. Until the router has mapped them the relay is not ready. A change needs a restart.
     */
    portMapping?: 'off' | 'auto' | 'pcp' | 'nat-pmp' | 'upnp'
    /**
     * What clients get that ask for no family: "ipv4" as in RFC 8656, or "listener" for the family they came by, which is useful where there is no IPv4.
     */
    defaultFamily?: 'ipv4' | 'listener'
  }
  /**
   * Who may issue credentials: Matrix homeservers, and everything else that makes time-limited TURN credentials (LiveKit, Prosody, Nextcloud Talk…). One entry for each, so that their users, limits and figures stay apart. `taciturn snippet` prints the lines for the other side.
   */
  homeservers?: {
    /**
     * What the homeserver is called in logs and metrics; its server name is a good choice.
     */
    name: string
    /**
     * Shared secrets, newest first; at least 16 characters, and none that another homeserver has. All of them are accepted: to change a secret, put the new one first, tell the homeserver, and remove the old one a day later.
     */
    secrets?: (
      | string
      | {
          /**
           * The secret itself.
           */
          value?: string
          /**
           * A file that holds the secret, instead.
           */
          file?: string
          /**
           * The hash that makes passwords of the secret. Every homeserver uses SHA-1.
           */
          algorithm?: 'sha1' | 'sha256'
        }
    )[]
    /**
     * A file with one shared secret, so that this file needs none. White space around it does not count, and it must not be readable for everybody. "$CREDENTIALS_DIRECTORY/name" is a credential of systemd (LoadCredential=name:/path).
     */
    secretFile?: string
    /**
     * True: opens no new allocation for this homeserver, while calls continue.
     */
    paused?: boolean
    /**
     * The TURN URIs to hand out for this homeserver, where they are not those that "listen" and "realm" give: behind a forwarded port, for instance. Firefox warns of more than two entries and complains of five.
     */
    uris?: string[]
    /**
     * The share of this homeserver. Without it, only the limits below count.
     */
    limits?: {
      /**
       * Allocations of all its users together.
       */
      allocations?: number
      /**
       * Payload of all its users together, in both directions.
       */
      bitrate?: string
    }
    /**
     * Answers /voip/turnServer in the homeserver's place, for one whose configuration cannot be changed. This and the next two hand out credentials over HTTP, see "issue" and docs/issuing.md. With any of them no "secrets" are needed: the relay then makes one and keeps it in the state folder.
     */
    standIn?: {
      /**
       * Where the client API of the homeserver is reached; access tokens are checked there.
       */
      url: string
      /**
       * Names that clients reach the homeserver by, where there are several homeservers. Default: "name" above and the host of "url".
       */
      hosts?: string[]
      /**
       * True: guests get credentials too.
       */
      guests?: boolean
    }
    /**
     * Programs that may ask for credentials of any user (TURN REST), each with a key of its own.
     */
    backends?: {
      /**
       * What the program is called in logs.
       */
      name: string
      /**
       * The key that it shows, at least 16 characters.
       */
      apiKey?: string
      /**
       * A file that holds the key, instead.
       */
      apiKeyFile?: string
    }[]
    /**
     * Matrix servers whose users get credentials for an OpenID token: "example.org", or "*.example.org".
     */
    openid?: string[]
  }[]
  /**
   * Users with a fixed password, for programs that cannot make time-limited credentials.
   */
  users?: {
    /**
     * The user name that clients send. It must not begin with digits and a colon, as time-limited names do.
     */
    name: string
    /**
     * The password. Anyone who knows it can relay for as long as it is listed here.
     */
    password?: string
    /**
     * Instead of the password, the keys made from it (RFC 8489 §9.2.2), so that the file need not hold it. They are as good as the password here, but useless elsewhere.
     */
    keys?: {
      /**
       * MD5 of name:realm:password, in hexadecimal.
       */
      md5: string
      /**
       * SHA-256 of name:realm:password, in hexadecimal. Without it, the user cannot use SHA-256.
       */
      sha256?: string
    }
  }[]
  /**
   * Which clients are served, by the address they come from, on every listener. Others get no answer and no connection. Of "allow" and "deny" the narrower range wins. A change ends the sessions of clients that are no longer served. For a while only: `taciturn ban`.
   */
  clients?: {
    /**
     * With entries here, clients of other networks are not served.
     */
    allow?: string[]
    /**
     * Clients of these networks are not served.
     */
    deny?: string[]
  }
  /**
   * Which peers clients may reach through the relay. Without these rules a relay is a door into the network it stands in.
   */
  peers?: {
    /**
     * Never reached: "10.0.0.0/8", "192.0.2.7", "192.0.2.1-192.0.2.9", or the same in IPv6. "recommended" stands for private, loopback, link-local, multicast, documentation and reserved ranges, and the own addresses of this machine. Calls between two clients of this relay do not need any of these.
     */
    deny?: string[]
    /**
     * Parts of "recommended" that may be reached nevertheless, such as a LAN. An entry in "deny" beats it. An address of this machine itself is opened by an entry for it alone, such as "192.168.1.5", not by a network that it lies in.
     */
    allow?: string[]
    /**
     * When it has entries, nothing else is reached.
     */
    only?: string[]
    /**
     * UDP ports of other programs on this machine, such as LiveKit or the video bridge of Jitsi, that clients reach at the addresses the relay relays from. Without this key: 1024-65535 of public addresses, but no port of the relay itself and none of well-known internal services (statsd, VXLAN, SIP and so on). With it: these ports only, also at private addresses. [] closes all.
     */
    sameHost?: string[]
  }
  /**
   * Bounds. A request above them is answered with an error, or dropped; what is open stays open.
   */
  limits?: {
    /**
     * Allocations of one user, on all devices. Browsers open several for each call, and Element asks for twenty.
     */
    allocationsPerUser?: number
    /**
     * Allocations from one client address: an IPv4 address, or an IPv6 /56. Many users may be behind one address.
     */
    allocationsPerAddress?: number
    /**
     * Allocations in all. More than there are ports is useless.
     */
    allocations?: number
    /**
     * Allocations that one user may open in a minute, or "unlimited". An Element client opens up to 84 for one call.
     */
    allocationsPerUserPerMinute?: 'unlimited' | number
    /**
     * Different peers (address and port) that one user may try in a minute, or "unlimited". A call tries a few dozen for each participant; thousands are a scan of hosts or ports, which stops here and is logged. Each worker counts by itself.
     */
    peersPerUserPerMinute?: 'unlimited' | number
    /**
     * Signed requests of one user (Allocate, Refresh, permissions and channels), or "unlimited". Ten seconds of it may come at once; one connection or port has half of it. What is above is dropped, and clients send it again. Each worker counts by itself.
     */
    requestsPerUserPerSecond?: 'unlimited' | number
    /**
     * Answers a second to requests without proof (Binding, and the first request of every session) from one network: an IPv4 /24 or an IPv6 /56, UDP apart from TCP. Ten seconds of it may come at once; one address has half of it, one socket a tenth. A client that shows a nonce sent to it, or has an allocation, is not counted. Enough for some hundred people behind one address; "unlimited" makes the relay a reflector.
     */
    unverifiedAnswersPerNetwork?: 'unlimited' | number
    /**
     * The same for all networks together, or "unlimited". Networks in which somebody has logged in within a day are answered beyond it.
     */
    unverifiedAnswers?: 'unlimited' | number
    /**
     * Payload of one user, both directions together, and 48 octets for each packet; at least "80 kbit/s". A second's worth passes at once; more is dropped, and so is any single datagram larger than that, which calls do not have.
     */
    bitratePerUser?: string
    /**
     * Payload of all users together, and 48 octets for each packet.
     */
    bitrate?: string
    /**
     * The longest lifetime of an allocation between two refreshes. Clients refresh far more often.
     */
    lifetime?: string
    /**
     * Peer addresses that one allocation may permit at a time.
     */
    permissionsPerAllocation?: number
    /**
     * Channels that one allocation may bind at a time.
     */
    channelsPerAllocation?: number
    /**
     * Permitted peer addresses of one user in all their allocations. The widest call needs some dozens for each allocation. Each worker counts by itself.
     */
    permissionsPerUser?: number
    /**
     * Channels of one user in all their allocations. Each worker counts by itself.
     */
    channelsPerUser?: number
    /**
     * Permitted peer addresses of all together. One with its channel and route takes some 200 bytes of memory: the default is 52 MB. Each worker counts by itself.
     */
    permissions?: number
    /**
     * Channels of all together. Each worker counts by itself.
     */
    channels?: number
    /**
     * Open TCP and TLS connections.
     */
    connections?: number
    /**
     * Open TCP and TLS connections from one address.
     */
    connectionsPerAddress?: number
  }
  /**
   * How time-limited credentials are judged.
   */
  credentials?: {
    /**
     * How long past its expiry a credential still opens an allocation: clocks differ, and clients are slow.
     */
    grace?: string
    /**
     * False: the expiry counts when an allocation is opened. True: on every refresh too, which cuts calls longer than the credential lives.
     */
    strictExpiry?: boolean
    /**
     * True: after a dozen wrong passwords for one name from one address, further ones are tried ever more slowly, down to two a minute. Two and a half minutes later that is forgotten. It never counts against the same name from elsewhere.
     */
    backOff?: boolean
    /**
     * The most that an expiry may lie in the future, against leaked credentials that never end. Homeservers make them for a day or less; "7d" leaves room.
     */
    maxLifetime?: string
  }
  /**
   * What answers hold. The defaults keep them small, since large answers are useful for floods.
   */
  protocol?: {
    /**
     * Offers SHA-256 beside SHA-1 and MD5 (RFC 8489).
     */
    sha256?: boolean
    /**
     * A text that answers name the software with (SOFTWARE), or false: it makes answers larger and tells attackers what to try.
     */
    software?: false | string
    /**
     * Reason phrases in error answers, for debugging with a packet capture.
     */
    reasonPhrases?: boolean
    /**
     * MAPPED-ADDRESS in Binding answers, for clients older than 2008.
     */
    mappedAddress?: boolean
    /**
     * Answers STUN of RFC 3489, for clients older than 2008.
     */
    classicStun?: boolean
    /**
     * Takes channel numbers up to 0x7FFE (RFC 5766). Current clients stay below 0x5000.
     */
    legacyChannelNumbers?: boolean
    /**
     * Clients that ask for it keep their call when they change networks (RFC 8016). False: they are told that it is forbidden (405).
     */
    mobility?: boolean
  }
  /**
   * Where clients are sent while this relay drains before a restart (300 Try Alternate). Without it they are told to come back later.
   */
  alternate?: {
    /**
     * Addresses of the other relay, one for each family.
     */
    servers: string[]
    /**
     * The name in the certificate of the other relay.
     */
    domain?: string
  }
  /**
   * Hands out credentials over HTTP to the users of "standIn", "backends" and "openid" above. It is meant to stand behind a reverse proxy, which adds TLS: docs/issuing.md has the lines. Without this section, nothing listens.
   */
  issue?: {
    /**
     * Where the reverse proxy finds us. A change needs a restart.
     */
    listen?: string
    /**
     * How long credentials are valid: at least 20 minutes, since clients renew them in time only then.
     */
    lifetime?: string
    /**
     * Relays that have the same secrets as this one. The same user always gets the same relays. Without any, this relay alone, with URIs made from "listen" and "realm". "uris" of a homeserver beat both.
     */
    relays?: {
      /**
       * Its TURN URIs, in the order in which clients are to get them.
       */
      uris: string[]
      /**
       * Its share of the users: a relay of weight 2 gets twice as many as one of weight 1.
       */
      weight?: number
    }[]
    /**
     * How many of the relays each user is told. Firefox complains of five URIs.
     */
    relaysPerUser?: number
    /**
     * Addresses of reverse proxies, whose X-Forwarded-For is believed, so that visitors can be told apart.
     */
    trustedProxies?: string[]
    /**
     * Web pages that may ask (CORS). Matrix wants "*"; nobody gets anything without a token of their own.
     */
    origins?: string[]
    /**
     * Requests of one client address: an IPv4 address, or an IPv6 /56. Keys of backends are not limited.
     */
    requestsPerMinute?: number
    /**
     * Private addresses that homeservers of OpenID users may have nevertheless, such as one in your own LAN. Dangerous: any server that "openid" names can then make the relay open connections there.
     */
    reachable?: string[]
  }
  /**
   * Where Prometheus metrics, /healthz and /readyz are served; false for nowhere. "http://127.0.0.1:9641" alone is enough. They name no user and no address, but figures are nobody's business either. A change needs a restart.
   */
  metrics?:
    | {
        /**
         * Where /metrics, /healthz and /readyz are served.
         */
        listen?: string
        /**
         * Also writes the figures under the names of coturn, so that dashboards made for it keep working.
         */
        coturnNames?: boolean
      }
    | false
    | string
  /**
   * The Unix socket by which `taciturn status`, `sessions`, `disconnect`, `drain` and `reload` talk to the running relay. "auto" is control.sock in $RUNTIME_DIRECTORY (systemd), else in the state folder; false for none. Anyone who can open the file (mode 0660: its user and its group) may do everything. A change needs a restart.
   */
  control?: false | string
  /**
   * Console, API and test page, see docs/control.md. `taciturn console` prints a link that gives access for a while; false for nowhere. Default: http://127.0.0.1:9642, and no error where that is taken.
   */
  console?:
    | {
        /**
         * Where console, API and test page are served. Other than loopback only with tokens, and then better behind a reverse proxy with TLS. A change needs a restart.
         */
        listen?: string
        /**
         * How people reach it, where a reverse proxy with TLS stands in front.
         */
        publicUrl?: string
        /**
         * Addresses of reverse proxies, whose X-Forwarded-For is believed, so that visitors can be told apart.
         */
        trustedProxies?: string[]
        /**
         * Permanent access for programs and colleagues. `taciturn console` makes links that end by themselves.
         */
        tokens?: {
          /**
           * Name of the person or program with this token, for the access log.
           */
          name: string
          /**
           * "read" looks; "act" also disconnects, drains, reloads and sees names.
           */
          rights?: 'read' | 'act'
          /**
           * The token, 16 characters or more.
           */
          token?: string
          /**
           * A file that holds the token.
           */
          tokenFile?: string
        }[]
        /**
         * Signing in with an account at an OpenID Connect provider, beside links and tokens.
         */
        oidc?: {
          /**
           * The provider, as its discovery document names it: a Matrix Authentication Service, Keycloak, Authentik and so on.
           */
          issuer: string
          /**
           * What the provider calls this console. Its redirect URI is "publicUrl" and /oidc/callback.
           */
          clientId: string
          /**
           * The secret that goes with it; none for a public client, which PKCE protects.
           */
          clientSecret?: string
          /**
           * A file that holds the secret, instead.
           */
          clientSecretFile?: string
          /**
           * The scopes that are asked for, with "openid" among them. By itself "openid", and "profile" where the provider has it.
           */
          scope?: string
          /**
           * Who may sign in. Anyone else who has an account at the provider is refused.
           */
          allowed: {
            /**
             * What of the person is compared: "sub", "groups", "username"… Of a list, one entry is enough. Take one that people cannot change themselves.
             */
            claim?: string
            /**
             * What it must be, exactly.
             */
            value: string
            /**
             * As of a token.
             */
            rights?: 'read' | 'act'
          }[]
          /**
           * How long a sign-in lasts. It can be revoked before.
           */
          lifetime?: string
        }
        /**
         * Further origins under which it may be used.
         */
        origins?: string[]
      }
    | false
    | string
  /**
   * Tells people when something is wrong, and when it is over, without a Prometheus: by the conditions that `taciturn status` and the console show. `taciturn notify --test` sends a test message. See docs/notifications.md.
   */
  notify?: {
    /**
     * "warn": everything. "bad": only what costs calls now or within days.
     */
    level?: 'warn' | 'bad'
    /**
     * How long a condition must hold before it is told, and must be over before that is told.
     */
    after?: string
    /**
     * After how long what still holds is told again; "unlimited" for never.
     */
    repeat?: string
    /**
     * At most so many messages an hour each way. What is too much for one comes with the next.
     */
    perHour?: number
    /**
     * The language of the messages.
     */
    language?: 'en' | 'de'
    /**
     * Posts JSON with "text", which Slack, Mattermost, Rocket.Chat and Discord show, and "findings" for programs.
     */
    webhooks?: {
      /**
       * Where to POST to. It is treated as a secret, since anyone who knows it can post there.
       */
      url?: string
      /**
       * A file that holds the URL, instead.
       */
      urlFile?: string
      /**
       * The access token, if one is needed.
       */
      token?: string
      /**
       * A file that holds the token, instead.
       */
      tokenFile?: string
    }[]
    /**
     * Topics of ntfy, for a telephone.
     */
    ntfy?: {
      /**
       * Server and topic. It is treated as a secret: on a public server anyone who knows it can read.
       */
      url?: string
      /**
       * A file that holds the URL, instead.
       */
      urlFile?: string
      /**
       * The access token, if one is needed.
       */
      token?: string
      /**
       * A file that holds the token, instead.
       */
      tokenFile?: string
    }[]
    /**
     * E-mail by SMTP.
     */
    email?: {
      /**
       * The mail server: "smtps://" with TLS (465), "smtp://" with STARTTLS (587), which is insisted on everywhere but on this machine.
       */
      server: string
      /**
       * The name to log in with, if the server wants one.
       */
      user?: string
      /**
       * The password of that name.
       */
      password?: string
      /**
       * A file that holds the password, instead.
       */
      passwordFile?: string
      /**
       * The sender.
       */
      from: string
      /**
       * The recipients.
       */
      to: string[]
    }
    /**
     * A Matrix room.
     */
    matrix?: {
      /**
       * Where the client API of the homeserver is reached.
       */
      homeserver: string
      /**
       * The room, by id or alias. The account joins it if it was invited or the room is public. It must not be encrypted.
       */
      room: string
      /**
       * The access token, if one is needed.
       */
      token?: string
      /**
       * A file that holds the token, instead.
       */
      tokenFile?: string
    }
  }
  /**
   * The ledger: how much was used by whom, by the hour, for `taciturn usage`. It is kept in the state folder (SQLite), or in PostgreSQL: the URL alone is enough. No address is in it. false: nothing is kept. See docs/ledger.md.
   */
  ledger?:
    | {
        /**
         * A PostgreSQL database in place of the file, which several relays may share. It is treated as a secret, since it may hold a password; without one in it, ~/.pgpass and PGPASSWORD are looked at.
         */
        postgresql?: string
        /**
         * How users are written down: "pseudonym" (the same person is always the same one; the key is in a file of its own in the state folder), "full" (the name in the credential), or "none" (users are not told apart). A change needs a restart.
         */
        identities?: 'pseudonym' | 'full' | 'none'
        /**
         * How long which level of detail is kept. A change needs a restart.
         */
        keep?: {
          /**
           * How long use is kept by the hour. After that it is kept by the day.
           */
          hours?: string
          /**
           * How long it is kept by the day. After that it is kept by the month.
           */
          days?: string
          /**
           * How long it is kept by the month. After that it is deleted.
           */
          months?: string
        }
        /**
         * A file of costs, income and electricity, for `taciturn report` and for the share of costs on pages about one person. It is read again with each reload; where it is wrong, the relay says so and goes on without it. See docs/report.md.
         */
        costs?: string
        /**
         * Backs the ledger up, without its key. `taciturn backup` makes one at once. See docs/backups.md.
         */
        backups?: {
          /**
           * A folder for them, best on another machine. Either this or "s3".
           */
          folder?: string
          /**
           * A store that speaks S3.
           */
          s3?: {
            /**
             * The server, without the bucket.
             */
            endpoint: string
            /**
             * The bucket, which must exist.
             */
            bucket: string
            /**
             * The region, where the server has several.
             */
            region?: string
            /**
             * A folder in the bucket.
             */
            prefix?: string
            /**
             * The name of the access key. It must be allowed to list, read, write and delete there.
             */
            accessKeyId: string
            /**
             * The secret of that key.
             */
            secretAccessKey?: string
            /**
             * A file that holds the secret, instead.
             */
            secretAccessKeyFile?: string
          }
          /**
           * Encrypts them for this public key of age, from `taciturn backup key` or age-keygen. Only the secret key opens them, which the relay does not need.
           */
          recipient?: string
          /**
           * How often one is made.
           */
          every?: string
          /**
           * How many are kept; the oldest are deleted.
           */
          keep?: number
        }
      }
    | false
    | string
  /**
   * Who may use how much in a day and in a month. It is checked every few seconds, holds for live calls, and needs the "ledger", which knows what was used before the last start. Warnings come at 80 % and at 100 %. See docs/budgets.md.
   */
  budgets?: {
    /**
     * What each user may use. Credentials without a name count as one user.
     */
    perUser?: {
      /**
       * Payload of one day, both directions together. Days are those of UTC.
       */
      day?: string
      /**
       * Payload of one month, both directions together. Months are those of UTC.
       */
      month?: string
      /**
       * What happens when it is used up: "slow" (calls go on at "slowTo", which carries a voice), "refuse" (calls go on, and no new ones begin), or "end" (calls end, and no new ones begin).
       */
      atEnd?: 'slow' | 'refuse' | 'end'
    }
    /**
     * Users who share one budget: a family, an association.
     */
    groups?: {
      /**
       * What the group is called in logs, metrics and notifications.
       */
      name: string
      /**
       * Its members: the names in their credentials.
       */
      users: string[]
      /**
       * Members are users of this homeserver only. To be set where several homeservers do not trust each other: each could name users of the others.
       */
      homeserver?: string
      /**
       * Who pays for the group: the name in the credential. On the page about their own use, that person sees what a group of at least three has used together.
       */
      payer?: string
      /**
       * Payload of one day, both directions together. Days are those of UTC.
       */
      day?: string
      /**
       * Payload of one month, both directions together. Months are those of UTC.
       */
      month?: string
      /**
       * What happens when it is used up: "slow" (calls go on at "slowTo", which carries a voice), "refuse" (calls go on, and no new ones begin), or "end" (calls end, and no new ones begin).
       */
      atEnd?: 'slow' | 'refuse' | 'end'
    }[]
    /**
     * What all users of a homeserver may use together.
     */
    homeservers?: {
      /**
       * The name of one of the "homeservers" above.
       */
      name: string
      /**
       * Payload of one day, both directions together. Days are those of UTC.
       */
      day?: string
      /**
       * Payload of one month, both directions together. Months are those of UTC.
       */
      month?: string
      /**
       * What happens when it is used up: "slow" (calls go on at "slowTo", which carries a voice), "refuse" (calls go on, and no new ones begin), or "end" (calls end, and no new ones begin).
       */
      atEnd?: 'slow' | 'refuse' | 'end'
    }[]
    /**
     * What everybody may use together.
     */
    total?: {
      /**
       * Payload of one day, both directions together. Days are those of UTC.
       */
      day?: string
      /**
       * Payload of one month, both directions together. Months are those of UTC.
       */
      month?: string
      /**
       * What happens when it is used up: "slow" (calls go on at "slowTo", which carries a voice), "refuse" (calls go on, and no new ones begin), or "end" (calls end, and no new ones begin).
       */
      atEnd?: 'slow' | 'refuse' | 'end'
    }
    /**
     * The bit rate, both directions together, that each user has whose budget is used up and ends with "slow". A voice in both directions needs about 100 kbit/s.
     */
    slowTo?: string
  }
  /**
   * Threads that relay: "auto" or a number. One thread carries hundreds of calls; "auto" takes more where there are six cores and memory to spare. Each takes about 15 MB, and more than one need the native UDP transport. A change needs a restart.
   */
  workers?: 'auto' | number
  /**
   * The UDP transport: "native" is fast and needs the compiled addon, "dgram" is that of Node.js; "auto" takes the better one that loads. With one of them named, the relay refuses to start without it. A change needs a restart.
   */
  udp?: 'auto' | 'native' | 'dgram'
  /**
   * How long a datagram may wait at most, so that several are relayed with one wake of the thread. It saves about half of the processor time from some 4,000 packets a second on, and does nothing where few come. "0": never wait. Only the native UDP transport can wait. A change needs a restart.
   */
  udpWait?: string
  /**
   * Whether the kernel relays UDP by itself (Linux, see docs/kernel.md): "auto" has it do so as soon as `taciturn kernel up` runs, which has the privilege for it; what the kernel leaves is relayed as ever. A path names another folder than /run/taciturn-kernel. What the kernel relays passes no nftables rule and no packet capture of this machine. A change needs a restart.
   */
  kernel?: ('off' | 'auto') | string
  /**
   * What is logged.
   */
  log?: {
    /**
     * The least important lines that are written: "trace", "debug", "info", "warn" or "error".
     */
    level?: 'trace' | 'debug' | 'info' | 'warn' | 'error'
    /**
     * "json", "text", or "auto": text on a terminal and in the journal of systemd, otherwise JSON. A change needs a restart.
     */
    format?: 'auto' | 'json' | 'text'
    /**
     * How users and addresses appear: "pseudonym" (the same person has the same one until midnight UTC or the next start), "truncated" (the network, the homeserver), "full", or "none".
     */
    privacy?: 'pseudonym' | 'truncated' | 'full' | 'none'
    /**
     * True: a line "suspicious client" names the address of a client that signs with wrong passwords or scans, whatever "privacy" says, for fail2ban. See docs/operating.md.
     */
    offenders?: boolean
  }
  /**
   * How the relay ends.
   */
  stop?: {
    /**
     * How long live allocations may continue after SIGTERM. "0s" ends them at once; clients then find another way within seconds. systemd waits for TimeoutStopSec at most.
     */
    deadline?: string
  }
  /**
   * The folder for what is kept, such as the secret of a relay without a configuration. "auto": $STATE_DIRECTORY (systemd), /var/lib/taciturn, or ~/.local/state/taciturn. A change needs a restart.
   */
  state?: string
}
