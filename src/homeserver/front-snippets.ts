/** What the lines for a program in front of the relay and a web server are made of. */
export interface FrontSnippetInput {
  /** The name of the relay, which clients ask for in TLS (SNI). */
  readonly host: string
  /** Where the relay takes TLS behind a PROXY header: `127.0.0.1:5349`. */
  readonly relay: string
}

/** How one program shares port 443 between the relay and a web server, which moves to another port. */
export interface FrontSnippet {
  readonly name: string
  readonly title: string
  readonly file: string
  readonly lines: (input: FrontSnippetInput) => string
}

/** Where the web server is expected to be. */
export const WEB_BEHIND = '127.0.0.1:8443'

export const FRONT_SNIPPETS: readonly FrontSnippet[] = [
  {
    name: 'nginx-stream',
    title: 'nginx, port 443 shared',
    file: 'nginx.conf, beside http { … }',
    lines: ({ host, relay }) => `stream {
    map $ssl_preread_server_name $upstream {
        ${host} relay;
        default web;
    }
    upstream relay {
        server ${relay};
    }
    upstream web {
        server ${WEB_BEHIND};
    }

    server {
        listen 443;
        listen [::]:443;
        ssl_preread on;
        proxy_protocol on;
        proxy_timeout 1h;
        proxy_pass $upstream;
    }
}
`,
  },
  {
    name: 'haproxy-tcp',
    title: 'HAProxy, port 443 shared',
    file: 'haproxy.cfg',
    lines: ({ host, relay }) => `frontend https
    mode tcp
    bind :443,[::]:443
    timeout client 1h
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend turn if { req.ssl_sni -i ${host} }
    default_backend web

backend turn
    mode tcp
    timeout connect 5s
    timeout server 1h
    server relay ${relay} send-proxy-v2 check check-send-proxy

backend web
    mode tcp
    timeout connect 5s
    timeout server 1h
    server web ${WEB_BEHIND} send-proxy-v2
`,
  },
]
