import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { load } from '../../src/config/load.ts'
import { need } from '../support/need.ts'

const PACKAGING = join(import.meta.dirname, '..', '..', 'packaging')
const CHART = join(PACKAGING, 'helm/taciturn')
const CONFIG = {
  realm: 'turn.example.org',
  homeservers: [{ name: 'example.org', secrets: ['0123456789abcdef0123456789abcdef'] }],
}

t.setTimeout(120_000)

/** What Kubernetes is given, by kind. */
interface Rendered {
  readonly Secret?: { readonly stringData: { readonly 'turnserver.json': string } }
  // biome-ignore lint/suspicious/noExplicitAny: a manifest, which the test looks into
  readonly DaemonSet: any
}

t.test('helm finds nothing to complain about [OW-04]', need('helm'), async t => {
  for (const values of [
    { config: CONFIG },
    { existingSecret: 'mine' },
    { config: CONFIG, tlsSecret: 'turn-tls' },
  ])
    t.match((await helm(t, 'lint', values, '--strict', CHART)).stdout, '1 chart(s) linted, 0 chart(s) failed')
})

t.test(
  'the configuration is what the values say, and one that the relay takes [OW-04]',
  need('helm'),
  async t => {
    const settings = settingsOf(t, await render(t, { config: CONFIG, drainSeconds: 90 }))
    t.equal(settings.realm, 'turn.example.org')
    t.equal(settings.homeservers[0]!.name, 'example.org')
    t.equal(settings.stop.deadline, 90)
    t.equal(settings.tls, undefined)

    const over = { ...CONFIG, tls: { certificate: '/mine/a.pem', key: '/mine/b.pem' } }
    const { Secret } = await render(t, { config: over, tlsSecret: 'turn-tls' })
    const { tls } = JSON.parse(Secret!.stringData['turnserver.json'])
    t.same(tls, over.tls, 'what is given goes before what the chart knows')
  },
)

t.test(
  'a certificate of cert-manager is mounted as a folder, and renewals are seen [O-11]',
  need('helm'),
  async t => {
    const { Secret, DaemonSet } = await render(t, { config: CONFIG, tlsSecret: 'turn-tls' })
    const { tls } = JSON.parse(Secret!.stringData['turnserver.json'])
    t.same(tls, { certificate: '/certificate/tls.crt', key: '/certificate/tls.key' })
    const { containers, volumes } = DaemonSet.spec.template.spec
    t.match(volumes[1], { name: 'certificate', secret: { secretName: 'turn-tls' } })
    t.same(containers[0].volumeMounts[1], { name: 'certificate', mountPath: '/certificate', readOnly: true })
  },
)

t.test('a pod has the rights of the plain manifest, which needs no Helm', need('helm'), async t => {
  const { DaemonSet } = await render(t, { config: CONFIG }, 'taciturn')
  const plain = parse(readFileSync(join(PACKAGING, 'container/kubernetes.yml'), 'utf8'))
  const [ours, theirs] = [DaemonSet, plain].map(({ spec }) => ({
    strategy: spec.updateStrategy,
    network: spec.template.spec.hostNetwork,
    token: spec.template.spec.automountServiceAccountToken,
    args: spec.template.spec.containers[0].args,
    ports: spec.template.spec.containers[0].ports,
    rights: spec.template.spec.containers[0].securityContext,
    probe: spec.template.spec.containers[0].readinessProbe,
    mounts: spec.template.spec.containers[0].volumeMounts,
    user: spec.template.spec.securityContext.runAsUser,
    state: spec.template.spec.volumes.find(({ name }: { name: string }) => name === 'state'),
  }))
  t.same(ours, theirs)
  t.same(ours!.probe.exec.command, ['/usr/bin/taciturn', 'status', '--ready'], 'ready by capacity')
})

t.test(
  'a pod is ended after its calls had their time, and another configuration is another pod',
  need('helm'),
  async t => {
    const pod = async (values: object) => (await render(t, values)).DaemonSet.spec.template
    const first = await pod({ config: CONFIG, drainSeconds: 300 })
    t.equal(first.spec.terminationGracePeriodSeconds, 320)
    const [same, other] = [await pod({ config: CONFIG, drainSeconds: 300 }), await pod({ config: CONFIG })]
    const checksum = (template: typeof first) => template.metadata.annotations['checksum/config']
    t.match(checksum(first), /^[0-9a-f]{64}$/)
    t.equal(checksum(same), checksum(first))
    t.not(checksum(other), checksum(first))
  },
)

t.test('what values say stays text, whatever is in it', need('helm'), async t => {
  const odd = (name: string) => `${name}: "a' #\\n{{ x }}`
  const values = {
    image: { repository: odd('registry'), tag: odd('tag') },
    stateFolder: `/${odd('state')}`,
    tlsSecret: odd('tls'),
    existingSecret: odd('own'),
    priorityClassName: odd('first'),
    podLabels: { one: 'true' },
    podAnnotations: { two: '1e3' },
    nodeSelector: { three: '12' },
  }
  const { template } = (await render(t, values)).DaemonSet.spec
  const { containers, volumes, priorityClassName, nodeSelector } = template.spec
  t.equal(containers[0].image, `${values.image.repository}:${values.image.tag}`)
  t.equal(priorityClassName, values.priorityClassName)
  t.same(
    volumes.slice(0, 3).map((one: Rendered['DaemonSet']) => one.secret?.secretName ?? one.hostPath?.path),
    [values.existingSecret, values.tlsSecret, values.stateFolder],
  )
  t.match(
    [template.metadata.labels.one, template.metadata.annotations.two, nodeSelector.three],
    ['true', '1e3', '12'],
  )
  const number = await render(t, { config: CONFIG, image: { repository: '12', tag: '1.10' } })
  t.equal(number.DaemonSet.spec.template.spec.containers[0].image, '12:1.10')
})

t.test('each release has a state folder of its own on a node', need('helm'), async t => {
  const folder = async (name: string) =>
    (await render(t, { config: CONFIG }, name)).DaemonSet.spec.template.spec.volumes.find(
      (one: { name: string }) => one.name === 'state',
    ).hostPath.path
  t.equal(await folder('taciturn'), '/var/lib/taciturn')
  t.equal(await folder('turn'), '/var/lib/turn-taciturn')
})

t.test('what cannot be installed is refused with what to do', need('helm'), async t => {
  const refused = async (values: object, why: RegExp) =>
    t.rejects(helm(t, 'template', values, 'turn', CHART), { message: why })
  await refused({}, /config\.homeservers is missing: name your homeserver/)
  await refused({ config: CONFIG, existingSecret: 'mine' }, /either config or existingSecret/)
  await refused({ config: CONFIG, drainSeconds: 'long' }, /drainSeconds.*want integer/)
  await refused({ config: { ...CONFIG, stop: { deadline: '2h' } } }, /write it as drainSeconds/)
  await refused({ config: CONFIG, podLabels: { paid: true } }, /podLabels.*want string/)
  await refused({ config: CONFIG, podLabels: { 'app.kubernetes.io/name': 'mine' } }, /app\.kubernetes\.io/)
  await refused({ config: CONFIG, nodeselector: {} }, /additional properties 'nodeselector' not allowed/)
})

async function render(t: Test, values: object, name = 'turn'): Promise<Rendered> {
  const { stdout } = await helm(t, 'template', values, name, CHART)
  const documents = parseAllDocuments(stdout).map(one => one.toJS())
  return Object.fromEntries(documents.map(one => [one.kind, one])) as unknown as Rendered
}

function settingsOf(t: Test, { Secret }: Rendered) {
  const cwd = t.testdir({ 'turnserver.json': Secret!.stringData['turnserver.json'] })
  return load({ cwd, env: {} }).settings
}

async function helm(t: Test, command: string, values: object, ...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'helm-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'values.yaml')
  writeFileSync(file, stringify(values))
  // Of its own, so that nothing of this machine's is read or written.
  const env = { ...process.env, HELM_CONFIG_HOME: folder, HELM_CACHE_HOME: folder, HELM_DATA_HOME: folder }
  return promisify(execFile)('helm', [command, ...args, '--values', file], { env, encoding: 'utf8' })
}
