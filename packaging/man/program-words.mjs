// What taciturn(1) says besides what the program says of itself, in each language.

/**
 * @typedef {{ title: string, name: string, synopsis: string, command: string, anyOptions: string, options: string, description: string,
 *   about: string, commands: string, examples: string, exitCodes: string, signals: string, exitStatus: string,
 *   files: string, seeAlso: string, guides: string,
 *   whatSignalsDo: readonly (readonly [string, string])[], whatFilesHold: readonly (readonly [string, string])[] }} Words
 */

/** @type {{ en: Words, de: Words }} `options`, `examples` and `exitCodes` are as --help has them. */
export const WORDS = {
  en: {
    title: 'User Commands',
    name: 'Name',
    synopsis: 'Synopsis',
    command: 'command',
    anyOptions: 'options',
    options: 'Options',
    description: 'Description',
    about:
      'A relay for the calls of clients behind NAT (RFC 8489, RFC 8656), made for Matrix homeservers. Each of the commands below has a `--help` of its own. As installed by the Debian package, the relay is a service: see `systemctl status taciturn`. Its configuration is turnserver.json(5).',
    commands: 'Commands',
    examples: 'Examples',
    exitCodes: 'Exit codes',
    signals: 'Signals',
    whatSignalsDo: [
      ['SIGHUP', 'Reads configuration, secrets and certificate again. Calls go on.'],
      ['SIGUSR1', 'Drains: accepts no new sessions, and stops when the last one has ended.'],
      [
        'SIGTERM, SIGINT',
        'Stops. Calls may go on for as long as `stop.deadline` says. A second one does not wait.',
      ],
    ],
    exitStatus: 'Exit status and environment',
    files: 'Files',
    whatFilesHold: [
      [
        '/etc/taciturn/turnserver.json',
        'The configuration. It holds secrets: root and the group taciturn can read it.',
      ],
      ['/var/lib/taciturn', 'What the relay keeps: secrets that it has made itself, and its access log.'],
      ['/run/taciturn', 'Its control socket.'],
      ['/usr/share/doc/taciturn/turnserver.example.json', 'Every key of the configuration, explained.'],
    ],
    seeAlso: 'See also',
    guides:
      'The guides in /usr/share/doc/taciturn/docs, first of all operating.md and matrix.md. Alert rules for Prometheus and a dashboard for Grafana are in /usr/share/doc/taciturn/deploy.',
  },
  de: {
    title: 'Dienstprogramme für Benutzer',
    name: 'Bezeichnung',
    synopsis: 'Übersicht',
    command: 'Befehl',
    anyOptions: 'Optionen',
    options: 'Optionen',
    description: 'Beschreibung',
    about:
      'Ein Relay für Anrufe von Clients hinter NAT (RFC 8489, RFC 8656), gemacht für Matrix-Homeserver. Jeder der Befehle unten hat ein eigenes `--help`. Mit dem Debian-Paket installiert ist das Relay ein Dienst: siehe `systemctl status taciturn`. Seine Konfiguration ist turnserver.json(5).',
    commands: 'Befehle',
    examples: 'Beispiele',
    exitCodes: 'Rückgabewerte',
    signals: 'Signale',
    whatSignalsDo: [
      ['SIGHUP', 'Liest Konfiguration, Geheimnisse und Zertifikat neu. Anrufe gehen weiter.'],
      ['SIGUSR1', 'Läuft aus: nimmt keine neuen Sitzungen an und endet mit der letzten.'],
      [
        'SIGTERM, SIGINT',
        'Beendet das Relay. Anrufe dürfen so lange weitergehen, wie `stop.deadline` sagt. Ein zweites Signal wartet nicht.',
      ],
    ],
    exitStatus: 'Rückgabewerte und Umgebung',
    files: 'Dateien',
    whatFilesHold: [
      [
        '/etc/taciturn/turnserver.json',
        'Die Konfiguration. Sie enthält Geheimnisse: root und die Gruppe taciturn können sie lesen.',
      ],
      [
        '/var/lib/taciturn',
        'Was das Relay behält: Geheimnisse, die es selbst gemacht hat, und sein Zugriffsprotokoll.',
      ],
      ['/run/taciturn', 'Sein Steuersocket.'],
      [
        '/usr/share/doc/taciturn/turnserver.example.json',
        'Jeder Schlüssel der Konfiguration, erklärt (englisch).',
      ],
    ],
    seeAlso: 'Siehe auch',
    guides:
      'Die Anleitungen in /usr/share/doc/taciturn/docs/de: operating.md und matrix.md. Alarmregeln für Prometheus und ein Dashboard für Grafana sind in /usr/share/doc/taciturn/deploy.',
  },
}
