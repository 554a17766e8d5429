{{- define "sidestep.selector" -}}
app.kubernetes.io/name: sidestep
app.kubernetes.io/instance: {{ .top.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "sidestep.labels" -}}
{{ include "sidestep.selector" . }}
app.kubernetes.io/version: {{ .top.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .top.Release.Service }}
helm.sh/chart: {{ .top.Chart.Name }}-{{ .top.Chart.Version }}
{{- end }}

{{- define "sidestep.meta" -}}
name: {{ .top.Release.Name }}-{{ .component }}
namespace: {{ .top.Release.Namespace }}
labels:
  {{- include "sidestep.labels" . | nindent 2 }}
{{- end }}

{{/* Components with a ledger, and those that have /metrics: lists as JSON. What is optional is there where it is switched on. */}}
{{- define "sidestep.stages" -}}
{{- toJson (.Values.release.enabled | ternary (list "decide" "watch" "release") (list "decide" "watch")) }}
{{- end }}

{{- define "sidestep.measured" -}}
{{- $workers := prepend (include "sidestep.stages" . | fromJsonArray) "screen" }}
{{- toJson (.Values.receive.enabled | ternary (append $workers "receive") $workers) }}
{{- end }}

{{/* One sentence for whoever left something out: .value, .name and .why. */}}
{{- define "sidestep.need" -}}
{{- if not .value }}{{ fail (printf "%s must be given: %s" .name .why) }}{{ end }}
{{- end }}

{{/* Of the set-up's resources, which come before all others and go when it has succeeded. The argument: their order. */}}
{{- define "sidestep.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
