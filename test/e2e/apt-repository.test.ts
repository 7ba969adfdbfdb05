import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { writeAptRepository } from '../../scripts/apt-repository.mjs'
import { need } from '../support/need.ts'

/*
 * The repository that a release makes, as apt itself sees it: only what the key has signed is taken.
 */

const KEY = 'releases@taciturn.example'

t.test(
  'UW-02: apt takes upgrades from the repository of a release',
  need('apt-get', 'gpg', 'dpkg-deb'),
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'apt-test-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const env = { ...process.env, GNUPGHOME: join(folder, 'gnupg'), LC_ALL: 'C' }
    const run = (command: string, ...args: string[]) =>
      execFileSync(command, args, { cwd: folder, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    mkdirSync(env.GNUPGHOME, { mode: 0o700 })
    t.teardown(() => run('gpgconf', '--kill', 'all'))
    run('gpg', '--batch', '--passphrase', '', '--quick-generate-key', KEY, 'ed25519', 'sign', 'never')

    mkdirSync(join(folder, 'tree/DEBIAN'), { recursive: true })
    const control =
      'Package: taciturn\nVersion: 9.9.9\nArchitecture: all\nMaintainer: x <x@x.invalid>\nDescription: x\n'
    writeFileSync(join(folder, 'tree/DEBIAN/control'), control)
    run('dpkg-deb', '--build', 'tree', 'taciturn_9.9.9_all.deb')
    const repository = join(folder, 'apt')
    const before = process.env.GNUPGHOME
    process.env.GNUPGHOME = env.GNUPGHOME
    t.teardown(() => {
      if (before === undefined) delete process.env.GNUPGHOME
      else process.env.GNUPGHOME = before
    })
    writeAptRepository({
      folder: repository,
      packages: [join(folder, 'taciturn_9.9.9_all.deb')],
      date: new Date('2026-01-02T03:04:05Z'),
      key: KEY,
    })

    const keyring = join(repository, 'taciturn.gpg')
    const source = `Types: deb\nURIs: file:${repository}\nSuites: ./\nSigned-By: ${keyring}\n`
    writeFileSync(join(folder, 'taciturn.sources'), source)
    for (const name of ['lists', 'cache', 'parts']) mkdirSync(join(folder, name))
    const options = {
      'Dir::Etc::SourceList': join(folder, 'taciturn.sources'),
      'Dir::Etc::SourceParts': join(folder, 'parts'),
      'Dir::State::Lists': join(folder, 'lists'),
      'Dir::Cache': join(folder, 'cache'),
      'APT::Sandbox::User': 'root',
      'Debug::NoLocking': 'true',
    }
    const apt = (...args: string[]) =>
      run('apt-get', ...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]), ...args)
    const said = apt('update', '--error-on=any')
    t.notMatch(said, /^[WE]:/m)
    apt('download', 'taciturn=9.9.9')
    t.ok(existsSync(join(folder, 'taciturn_9.9.9_all.deb')))

    appendFileSync(join(repository, 'Packages'), 'X: y\n')
    appendFileSync(join(repository, 'InRelease'), '\n')
    writeFileSync(join(repository, 'InRelease'), 'Origin: someone else\n')
    rmSync(join(repository, 'Release.gpg'))
    t.throws(
      () => apt('update', '--error-on=any'),
      /not signed|NODATA|Clearsigned/,
      'and nothing that is not signed',
    )
  },
)
