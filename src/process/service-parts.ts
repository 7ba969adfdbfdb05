import { CertificateKeeper } from '../acme/certificate-keeper.ts'
import type { Loaded } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import { KERNEL_FOLDER } from '../kernel/places.ts'
import type { Log } from '../log/log.ts'
import { mapperOf } from '../mapping/mapper-of.ts'
import type { PortMapper } from '../mapping/port-mapper.ts'
import type { Reload } from '../operate/reload.ts'
import { KernelLink } from '../relay/kernel/kernel-link.ts'
import type { Shards } from '../relay/shards.ts'
import { FileWatch } from '../system/file-watch.ts'
import type { Engine } from '../workers/engine.ts'

export function certificateKeeper(settings: Settings, log: Log, engine: Engine): CertificateKeeper {
  return new CertificateKeeper(settings, {
    log,
    served: () => engine.certificate,
    prove: challenges => engine.shards.prove(challenges),
    renewed: () => engine.reloadCertificate(),
  })
}

export function portMapper(settings: Settings, log: Log, engine: Engine): PortMapper | undefined {
  const mapper = mapperOf(settings, {
    log,
    moved: () => engine.moved(),
    ipv6: () => engine.relays.flatMap(({ family, public: ip }) => (family === 6 ? [ip] : [])),
  })
  if (mapper) engine.router = () => mapper.external()
  return mapper
}

export function kernelLink({ kernel }: Settings, shards: Shards, log: Log): KernelLink | undefined {
  if (kernel === 'off') return undefined
  return new KernelLink({
    folder: kernel === 'auto' ? KERNEL_FOLDER : kernel,
    use: maps => shards.setKernel(maps),
    log: message => log.info(message),
  })
}

/** Reloads when a secret file changes. */
export function watchSecrets(loaded: Loaded, log: Log, reload: Reload): FileWatch {
  const watch = new FileWatch(() => {
    log.info('a secret file has changed')
    reload.request()
  })
  watch.watch(secretFiles(loaded))
  return watch
}

/** The certificate is watched by the part that serves it; the configuration itself is read when asked for. */
export function secretFiles({ files, source, settings }: Loaded): string[] {
  const others = [source, settings.tls?.certificate, settings.tls?.key]
  return files.filter(file => !others.includes(file))
}
