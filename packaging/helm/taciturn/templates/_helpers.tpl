{{- define "taciturn.name" -}}
{{- if contains "taciturn" .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-taciturn" .Release.Name }}{{ end -}}
{{- end }}

{{- /* By it a new pod finds the old one, so that each release has its own on a node. */ -}}
{{- define "taciturn.stateFolder" -}}
{{- .Values.stateFolder | default (printf "/var/lib/%s" (include "taciturn.name" .)) -}}
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
{{- if (.Values.config.stop | default dict).deadline -}}
{{- fail "config.stop.deadline is set: write it as drainSeconds, by which Kubernetes also waits for a pod that ends" -}}
{{- end -}}
{{- mustMergeOverwrite $own (deepCopy .Values.config) | toPrettyJson -}}
{{- end }}
