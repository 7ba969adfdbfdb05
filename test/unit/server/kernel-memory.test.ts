import t from 'tap'
import { KernelMemory } from '../../../src/system/kernel-memory.ts'

const MIB = 1 << 20

/** The memory that a process has where these files say so. */
function memoryOf(files: Readonly<Record<string, string>>): KernelMemory {
  return new KernelMemory(path => files[path])
}

t.test('S-02: of cgroups, version 2, the fullest counts, those above included', async t => {
  const files: Record<string, string> = {
    '/proc/self/cgroup': '0::/system.slice/taciturn.service\n',
    '/sys/fs/cgroup/system.slice/taciturn.service/memory.max': `${1024 * MIB}\n`,
    '/sys/fs/cgroup/system.slice/taciturn.service/memory.high': 'max\n',
    '/sys/fs/cgroup/system.slice/taciturn.service/memory.current': `${100 * MIB}\n`,
    '/sys/fs/cgroup/system.slice/memory.max': 'max\n',
    '/sys/fs/cgroup/system.slice/memory.current': `${900 * MIB}\n`,
  }
  t.same(memoryOf(files).cgroup(), { used: 100 * MIB, limit: 1024 * MIB })
  files['/sys/fs/cgroup/system.slice/memory.max'] = `${1200 * MIB}\n`
  t.same(memoryOf(files).cgroup(), { used: 900 * MIB, limit: 1200 * MIB })
  files['/sys/fs/cgroup/system.slice/taciturn.service/memory.high'] = `${120 * MIB}\n`
  t.same(memoryOf(files).cgroup(), { used: 100 * MIB, limit: 120 * MIB }, 'above it everything is delayed')
})

t.test(
  'S-02: what the kernel would give back at once is not in use; sockets and their buffers are',
  async t => {
    const memory = memoryOf({
      '/proc/self/cgroup': '0::/\n',
      '/sys/fs/cgroup/memory.max': `${100 * MIB}\n`,
      '/sys/fs/cgroup/memory.current': `${95 * MIB}\n`,
      '/sys/fs/cgroup/memory.stat': [
        `anon ${40 * MIB}`,
        `sock ${20 * MIB}`,
        `inactive_file ${10 * MIB}`,
        `active_file ${5 * MIB}`,
        `slab_reclaimable ${3 * MIB}`,
        `slab ${20 * MIB}`,
      ].join('\n'),
    })
    t.same(memory.cgroup(), { used: 77 * MIB, limit: 100 * MIB })
  },
)

t.test(
  "S-02: cgroups of version 1 count too, and so do those of a container, whose path is the host's",
  async t => {
    const files: Record<string, string> = {
      '/proc/self/cgroup': '5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${100 * MIB}\n`,
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${90 * MIB}\n`,
      '/sys/fs/cgroup/memory/memory.stat': `total_inactive_file ${20 * MIB}\ntotal_active_file 0\n`,
    }
    t.same(memoryOf(files).cgroup(), { used: 70 * MIB, limit: 100 * MIB })
    files['/sys/fs/cgroup/memory/memory.limit_in_bytes'] = '9223372036854771712\n'
    t.equal(memoryOf(files).cgroup(), undefined, 'no limit')
  },
)

t.test('S-02: resource limits are compared with what they bound', async t => {
  const limits = (address: string, data: string) =>
    [
      'Limit                     Soft Limit           Hard Limit           Units     ',
      `Max data size             ${data.padEnd(21)}unlimited            bytes     `,
      `Max address space         ${address.padEnd(21)}unlimited            bytes     `,
    ].join('\n')
  const status = 'Name:\tnode\nVmPeak:\t 9000000 kB\nVmSize:\t 1048576 kB\nVmData:\t  204800 kB\n'
  const memory = memoryOf({
    '/proc/self/limits': limits('2147483648', '1073741824'),
    '/proc/self/status': status,
  })
  t.same(memory.addressSpace(), { used: 1024 * MIB, limit: 2048 * MIB })
  t.same(memory.data(), { used: 200 * MIB, limit: 1024 * MIB })
  const free = memoryOf({
    '/proc/self/limits': limits('unlimited', 'unlimited'),
    '/proc/self/status': status,
  })
  t.equal(free.addressSpace(), undefined)
  t.equal(free.data(), undefined)
})

t.test('where the kernel says nothing, nothing is limited', async t => {
  const memory = memoryOf({})
  t.same([memory.cgroup(), memory.addressSpace(), memory.data()], [undefined, undefined, undefined])
})
