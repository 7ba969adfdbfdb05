import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import type { Test } from 'tap'
import { selfSigned } from './certificate.ts'
import { Child } from './child.ts'

/** The size of `/large`. */
export const LARGE = 16 << 20

/**
 * The `http` part of an nginx configuration: a site on this port that says who
 * its visitor is, and has a large file.
 */
export function site(folder: string, port: number, proxied: boolean): string {
  const { certificate, key } = selfSigned(folder)
  writeFileSync(join(folder, 'large'), Buffer.alloc(LARGE, 'x'))
  return `http {
    access_log off;
    client_body_temp_path ${folder};
    proxy_temp_path ${folder};
    fastcgi_temp_path ${folder};
    uwsgi_temp_path ${folder};
    scgi_temp_path ${folder};
    server {
        listen 127.0.0.1:${port} ssl http2${proxied ? ' proxy_protocol' : ''};
        ssl_certificate ${certificate};
        ssl_certificate_key ${key};
        ${proxied ? 'set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;' : ''}
        root ${folder};
        location / { return 200 "$server_protocol from $remote_addr"; }
        location /large { }
    }
}
`
}

/** Starts nginx with these lines behind those that it needs to run in this folder. */
export async function startNginx(t: Test, folder: string, lines: string, port: number): Promise<Child> {
  const config = join(folder, 'nginx.conf')
  // Debian has this module in a package of its own.
  const stream = lines.startsWith('stream') ? 'load_module /usr/lib/nginx/modules/ngx_stream_module.so;' : ''
  const head = `daemon off;
pid ${folder}/pid;
error_log stderr;
${stream}
events {}
`
  writeFileSync(config, head + lines)
  const nginx = new Child('/usr/sbin/nginx', ['-q', '-p', folder, '-c', config])
  t.teardown(() => nginx.stop())
  await listening(nginx, port)
  return nginx
}

/** Starts HAProxy with these lines. */
export async function startHaproxy(t: Test, folder: string, lines: string, port: number): Promise<Child> {
  const config = join(folder, 'haproxy.cfg')
  writeFileSync(config, lines)
  const haproxy = new Child('/usr/sbin/haproxy', ['-dW', '-db', '-f', config])
  t.teardown(() => haproxy.stop())
  await listening(haproxy, port)
  return haproxy
}

export function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'web-front-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Waits until something takes connections on this port of 127.0.0.1, or the program has ended. */
async function listening(child: Child, port: number): Promise<void> {
  for (;;) {
    if (child.exit) throw new Error(child.output)
    const socket = connectTcp({ host: '127.0.0.1', port })
    const isOpen = await new Promise<boolean>(resolve => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (isOpen) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Gets a page by HTTP/2 as this name, from this address. */
export async function get(port: number, path: string, name: string, from = '127.0.0.1'): Promise<Buffer> {
  const options = {
    host: '127.0.0.1',
    port,
    localAddress: from,
    servername: name,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
  }
  const socket = connectTls(options)
  await once(socket, 'secureConnect')
  const session = connect(`https://${name}`, { createConnection: () => socket })
  try {
    const request = session.request({ ':path': path })
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(request, 'end')
    return Buffer.concat(chunks)
  } finally {
    session.destroy()
  }
}
