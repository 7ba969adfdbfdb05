import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { quoted, SYSTEM_FILE } from '../../config/find.ts'
import { load } from '../../config/load.ts'
import { ConfigError, type Problem, plain } from '../../config/problem.ts'
import { freshSecret } from '../../config/secrets.ts'
import type { SetupAnswers, SetupFacts, SetupField, SetupWritten } from '../../control/setup/setup-shapes.ts'
import type { LinkView } from '../../control/view.ts'
import { synapseLines } from '../../homeserver/synapse-lines.ts'
import { StartError } from '../../relay/start-error.ts'
import { absolute, type CliContext } from '../context.ts'
import { ControlClient } from '../control/control-client.ts'
import {
  type FirstAnswers,
  firstConfig,
  firstValues,
  homeserverBehind,
  madeCertificate,
  proposedRealm,
} from '../first/first-config.ts'
import { type FreshFile, refuseExisting, schemaFor, writeFresh } from '../first/fresh-file.ts'
import { CommandError, Exit } from '../io.ts'
import { cliWords } from '../words.ts'
import { sshLine } from './link-reach.ts'

export interface SetUpOptions {
  readonly output: string
  readonly port: string
  readonly force: boolean
  readonly start: boolean
}

/** Sets the relay up in a browser, and starts it. Resolves with the exit code of the relay, if it was started. */
export async function setUp(options: SetUpOptions, context: CliContext, version: string): Promise<number> {
  const { io, words } = context
  const file = absolute(options.output, io)
  const fresh = { file, shownAs: options.output, force: options.force }
  refuseExisting(fresh, words)
  const port = /^[0-9]{1,5}$/.test(options.port) ? Number(options.port) : 65_536
  if (port > 65_535) throw new CommandError(words.say('setup.badPort', { given: options.port }), Exit.usage)
  const { openSetup, placeOfMachine } = await import('../../process/setup.ts')
  const name = proposedRealm()
  const facts: SetupFacts = {
    name: name === hostname() && !name.includes('.') ? '' : name,
    homeserver: name.includes('.') ? homeserverBehind(name) : '',
    file,
    starts: options.start,
    ...placeOfMachine(),
  }
  let language = context.language
  const write = (answers: SetupAnswers) => {
    language = answers.language
    return writeAnswers(answers, fresh, context)
  }
  const page = await openSetup({ port, facts, write })
  io.stdout.write(`${page.url}\n`)
  io.stderr.write(`${words.say('setup.open')}\n`)
  io.stderr.write(`${words.say('setup.ssh', { ssh: sshLine(new URL(page.url), io) })}\n`)
  if (!(await page.written)) {
    await page.close()
    throw new CommandError(words.say('setup.nobody'), Exit.failed)
  }
  io.stderr.write(`${words.say('setup.written', { file: quoted(options.output) })}\n`)
  if (!options.start) {
    await page.close()
    return Exit.ok
  }
  const { startService } = await import('../../process/serve.ts')
  try {
    const service = await startService({
      version,
      load: { path: file, env: io.env, cwd: io.cwd, language: context.language },
      stdout: io.stdout,
      stderr: io.stderr,
    })
    const link = await consoleLink(file, context)
    page.end({ state: 'running', ...(link !== undefined && { console: link }) })
    void page.close()
    return await service.finished
  } catch (error) {
    const why = error instanceof StartError ? error.messageIn(language) : (error as Error).message
    page.end({ state: 'failed', why })
    await page.close()
    throw error
  }
}

async function consoleLink(config: string, context: CliContext): Promise<string | undefined> {
  try {
    const asked = { kind: 'console', rights: 'act', ttl: 3600 }
    return (await new ControlClient({ config }, context).post<LinkView>('/links', asked)).url
  } catch {
    // The relay runs all the same; `taciturn console` says why there is none.
    return undefined
  }
}

/** Writes the configuration that the answers make, if it is one that the relay would take. */
function writeAnswers(answers: SetupAnswers, fresh: FreshFile, { io }: CliContext): SetupWritten {
  const { language, name, homeserver, place, outside, certificate, key } = answers
  const words = cliWords(language)
  const files = certificate === '' && key === '' ? undefined : { certificate, key }
  const first: FirstAnswers = {
    realm: name,
    name: homeserver,
    addresses: place === 'home' ? [`auto=${outside || name}`] : ['auto'],
    mapsPorts: place === 'home' && answers.mapsPorts,
    tls: answers.acme ? madeCertificate(fresh.file === SYSTEM_FILE) : files,
  }
  const secret = freshSecret()
  try {
    const { settings, warnings } = load({
      value: firstValues(first, secret),
      env: io.env,
      cwd: dirname(fresh.file),
      language,
      mayWrite: false,
    })
    const schema = schemaFor(fresh.file)
    writeFresh(fresh, firstConfig({ ...first, secret, schema }, words), words)
    return { ok: true, file: fresh.file, warnings, lines: synapseLines({ host: name, settings, secret }) }
  } catch (error) {
    if (error instanceof ConfigError)
      return { ok: false, problems: error.problems.map(problem => explained(problem, answers)) }
    if (error instanceof CommandError) return { ok: false, problems: [{ field: '', text: error.message }] }
    throw error
  }
}

function explained(problem: Problem, { language }: SetupAnswers): { field: SetupField; text: string } {
  const { what, fix } = plain(problem, language)
  return { field: fieldOf(problem.path.map(String)), text: `${what}; ${fix}` }
}

function fieldOf([section = '', key = '']: readonly string[]): SetupField {
  if (section === 'realm') return 'name'
  if (section === 'homeservers') return 'homeserver'
  if (section === 'relay') return 'outside'
  if (section === 'tls') return key === 'key' ? 'key' : 'certificate'
  return ''
}
