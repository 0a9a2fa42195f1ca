{{- define "berth.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{- define "berth.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "berth.labels" -}}
{{ include "berth.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* The configuration, with what the ingress says about it: clients log in by tokens only where the registry knows the
name that they use, and addresses count only where the proxy before it is known. What config says itself stays. */ -}}
{{- define "berth.config" -}}
{{- $config := deepCopy .Values.config }}
{{- with .Values.ingress }}
{{- /* Without a secret TLS may end before the ingress, where http:// would send passwords in the clear. */ -}}
{{- if and .enabled .host .tlsSecret }}
{{- $config = mergeOverwrite (dict "http" (dict "host" (printf "https://%s" .host))) $config }}
{{- end }}
{{- if and .enabled .networks }}
{{- $config = mergeOverwrite (dict "berth" (dict "http" (dict "trusted_proxies" .networks))) $config }}
{{- end }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- /* A deployment has no volume of its own, so what would need one is refused here and not after the first restart. */ -}}
{{- define "berth.check" -}}
{{- $storage := .Values.config.storage }}
{{- if not (or $storage.s3 $storage.s3aws $storage.gcs $storage.azure) }}
{{- fail "config.storage needs an object store (s3, gcs or azure): the replicas share no directory" }}
{{- end }}
{{- if not (regexMatch "^postgres(ql)?://" (.Values.config.berth.metadata.url | default "")) }}
{{- fail "config.berth.metadata.url needs postgres://USER@HOST/DATABASE: the pods keep nothing" }}
{{- end }}
{{- end }}
