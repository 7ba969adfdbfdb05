/** Words that other programs have for what is wanted, and the command that does it here. */
const MEANT: Readonly<Record<string, string>> = {
  run: 'taciturn serve',
  start: 'taciturn serve',
  up: 'taciturn serve',
  stop: 'systemctl stop taciturn',
  down: 'systemctl stop taciturn',
  restart: 'systemctl restart taciturn',
  check: 'taciturn validate',
  lint: 'taciturn validate',
  test: 'taciturn doctor',
  ping: 'taciturn doctor',
  logs: 'journalctl -u taciturn',
  log: 'journalctl -u taciturn',
  info: 'taciturn status',
  stats: 'taciturn status',
  list: 'taciturn sessions',
  ls: 'taciturn sessions',
  users: 'taciturn sessions',
  kick: 'taciturn disconnect',
  undrain: 'taciturn drain --cancel',
  resume: 'taciturn drain --cancel',
  version: 'taciturn --version',
  help: 'taciturn --help',
}

/** What somebody means who names a command that is not there; undefined where nobody can tell. */
export function meantCommand(
  argv: readonly string[],
): { readonly word: string; readonly command: string } | undefined {
  const [word = ''] = argv
  return Object.hasOwn(MEANT, word) ? { word, command: MEANT[word]! } : undefined
}
