/** What the lines for a web server are made of. */
export interface WebSnippetInput {
  /** The name that browsers open. */
  readonly host: string
  /** Where the relay serves its console and test page: `127.0.0.1:9642`. */
  readonly upstream: string
}

/** How one web server is put before the console and the test page. */
export interface WebSnippet {
  readonly name: string
  readonly title: string
  readonly file: string
  readonly lines: (input: WebSnippetInput) => string
}

/** The hook that hands renewed certificates to the relay, which may not read those of certbot. */
export function certbotLines(host: string): string {
  return `apt install certbot
mkdir -p /etc/letsencrypt/renewal-hooks/deploy
cat > /etc/letsencrypt/renewal-hooks/deploy/taciturn <<'END'
#!/bin/sh
set -e
live=/etc/letsencrypt/live/${host}
for file in fullchain privkey; do
    install -o root -g taciturn -m 640 "$live/$file.pem" "/etc/taciturn/$file.pem"
done
END
chmod +x /etc/letsencrypt/renewal-hooks/deploy/taciturn
certbot certonly --standalone -d ${host}
/etc/letsencrypt/renewal-hooks/deploy/taciturn
`
}

export const WEB_SNIPPETS: readonly WebSnippet[] = [
  {
    name: 'caddy',
    title: 'Caddy',
    file: 'Caddyfile',
    lines: ({ host, upstream }) => `${host} {
	reverse_proxy ${upstream}
}
`,
  },
  {
    name: 'nginx',
    title: 'nginx',
    file: 'sites-available/taciturn',
    lines: ({ host, upstream }) => `server {
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name ${host};
    ssl_certificate /etc/letsencrypt/live/${host}/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/${host}/privkey.pem;

    location / {
        proxy_pass http://${upstream};
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_read_timeout 1h;
    }
}
`,
  },
  {
    name: 'haproxy',
    title: 'HAProxy',
    file: 'haproxy.cfg',
    lines: ({ host, upstream }) => `frontend taciturn
    mode http
    bind :443,[::]:443 ssl crt /etc/haproxy/certs/${host}.pem
    option forwardfor
    timeout client 1h
    default_backend taciturn

backend taciturn
    mode http
    timeout connect 5s
    timeout server 1h
    server relay ${upstream}
`,
  },
]
