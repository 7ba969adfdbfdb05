{{- define "taciturn.name" -}}
{{- if contains "taciturn" .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-taciturn" .Release.Name }}{{ end -}}
{{- end }}

{{- define "taciturn.labels" -}}
app.kubernetes.io/name: taciturn
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The configuration: what the chart knows, and over it what it was given. */ -}}
{{- define "taciturn.config" -}}
{{- $own := dict "stop" (dict "deadline" (printf "%ds" (int .Values.drainSeconds))) -}}
{{- if .Values.tlsSecret -}}
{{- $_ := set $own "tls" (dict "certificate" "/certificate/tls.crt" "key" "/certificate/tls.key") -}}
{{- end -}}
{{- mustMergeOverwrite $own (deepCopy .Values.config) | toPrettyJson -}}
{{- end }}
