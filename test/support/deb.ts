import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from './machine.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** Builds the Debian package into a folder; returns its path. */
export function buildPackage(folder: string): string {
  const built = execFileSync(process.execPath, [join(ROOT, 'packaging/deb/build.mjs'), '--out', folder])
  return built.toString().trim()
}

/**
 * Where Node.js did not come as a package, makes one of it: that the package
 * asks for a version of Node.js is part of the test, where that comes from is not.
 */
export async function haveNode(machine: Machine): Promise<void> {
  const { version } = process
  await machine.run(`
    dpkg --compare-versions "$(dpkg-query -W -f '\${Version}' nodejs 2>/dev/null || echo 0)" ge 20.19 && exit
    mkdir -p node/DEBIAN node/usr/bin
    ln -s ${process.execPath} node/usr/bin/node
    printf 'Package: nodejs\\nVersion: ${version.slice(1)}\\nArchitecture: all\\nMaintainer: x <x@x.invalid>\\nDescription: x\\n' > node/DEBIAN/control
    dpkg-deb --build node nodejs.deb >/dev/null && dpkg --install --force-overwrite nodejs.deb >/dev/null
  `)
}

/** A page of the documentation. */
export function documentation(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}
