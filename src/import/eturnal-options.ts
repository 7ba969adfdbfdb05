import type { Fixed } from './coturn/coturn-options.ts'

/** Every key below `eturnal` up to 1.12. `read` has its meaning in eturnal.ts. */
export const ETURNAL_OPTIONS: Readonly<Record<string, 'read' | Fixed>> = {
  listen: 'read',
  relay_ipv4_addr: 'read',
  relay_ipv6_addr: 'read',
  relay_min_port: 'read',
  relay_max_port: 'read',
  tls_crt_file: 'read',
  tls_key_file: 'read',
  tls_dh_file: ['unneeded', 'ciphers'],
  tls_ciphers: ['unneeded', 'ciphers'],
  tls_options: ['unneeded', 'ciphers'],
  realm: 'read',
  secret: 'read',
  credentials: 'read',
  strict_expiry: 'read',
  blacklist: 'read',
  blacklist_peers: 'read',
  whitelist: 'read',
  whitelist_peers: 'read',
  blacklist_clients: 'read',
  whitelist_clients: 'read',
  max_allocations: ['unneeded', 'eturnal-allocations'],
  max_permissions: 'read',
  max_bps: 'read',
  software_name: 'read',
  log_level: 'read',
  log_dir: ['unneeded', 'log-output'],
  log_rotate_size: ['unneeded', 'log-output'],
  log_rotate_count: ['unneeded', 'log-output'],
  run_dir: ['unneeded', 'service-manager'],
  modules: 'read',
}

/** The modules that eturnal brings. */
export const ETURNAL_MODULES: Readonly<Record<string, Fixed>> = {
  mod_log_stun: ['unneeded', 'log-binding'],
  mod_stats_influx: ['unsupported', 'influx'],
  mod_stats_prometheus: ['unneeded', 'prometheus-module'],
  mod_example: ['unneeded', 'example-module'],
}
