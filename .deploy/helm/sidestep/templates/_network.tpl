{{/* One policy for some components: .top, .name, .components, and as YAML .egress or .ingress, a list of rules. */}}
{{- define "sidestep.policy" -}}
{{- $top := .top }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "sidestep.meta" (dict "top" .top "component" .name) | nindent 2 }}
  {{- with .hook }}
  annotations:
    {{- include "sidestep.hook" . | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: sidestep
      app.kubernetes.io/instance: {{ $top.Release.Name }}
    {{- with .components }}
    matchExpressions:
      - { key: app.kubernetes.io/component, operator: In, values: {{ toJson . }} }
    {{- end }}
  {{- with .egress }}
  policyTypes: [Egress]
  egress:
    {{- . | trim | nindent 4 }}
  {{- end }}
  {{- with .ingress }}
  policyTypes: [Ingress]
  ingress:
    {{- . | trim | nindent 4 }}
  {{- end }}
{{- end }}

{{/* A rule's parts, as JSON, which is YAML. .ports: numbers, .protocols */}}
{{- define "sidestep.ports" -}}
{{- $ports := list }}
{{- range $port := .ports }}
{{- range $protocol := $.protocols | default (list "TCP") }}
{{- $ports = append $ports (dict "protocol" $protocol "port" $port) }}
{{- end }}
{{- end }}
{{- toJson $ports }}
{{- end }}

{{- define "sidestep.egress" -}}
- to: {{ toJson .to }}
  ports: {{ include "sidestep.ports" . }}
{{- end }}

{{- define "sidestep.network.dns" -}}
{{- include "sidestep.egress" (dict "to" .Values.network.dns.to "ports" (list 53) "protocols" (list "UDP" "TCP")) }}
{{- end }}

{{- define "sidestep.network.kafka" -}}
{{- include "sidestep.need" (dict "value" .Values.network.kafka.to "name" "network.kafka.to" "why" "pods reach nobody who is not named; give peers as NetworkPolicy has them") }}
{{ include "sidestep.egress" .Values.network.kafka }}
{{- if eq .Values.kafka.security "oauth" }}
{{- include "sidestep.need" (dict "value" .Values.network.tokens.to "name" "network.tokens.to" "why" "with oauth pods ask the OIDC provider for tokens; give peers as NetworkPolicy has them") }}
{{ include "sidestep.egress" .Values.network.tokens }}
{{- end }}
{{- end }}

{{/* Where Screen's questions go, beyond the cluster's DNS. */}}
{{- define "sidestep.network.outside" -}}
{{- $screen := .Values.screen }}
{{- if $screen.nameServers }}
{{- $to := list }}
{{- range $screen.nameServers }}
{{- $to = append $to (dict "ipBlock" (dict "cidr" (printf "%s/%s" . (contains ":" . | ternary "128" "32")))) }}
{{- end }}
{{ include "sidestep.egress" (dict "to" $to "ports" (list 53) "protocols" (list "UDP" "TCP")) }}
{{- end }}
{{- if $screen.https.enabled }}
{{ include "sidestep.egress" (dict "to" $screen.https.to "ports" (list 443)) }}
{{- end }}
{{- if $screen.smtp.enabled }}
{{ include "sidestep.egress" (dict "to" $screen.smtp.to "ports" (list 25)) }}
{{- end }}
{{- end }}

{{- define "sidestep.network.metrics" -}}
- from: {{ toJson .Values.monitoring.from }}
  ports: {{ include "sidestep.ports" (dict "ports" (list 6066)) }}
{{- end }}

{{- define "sidestep.network.doors" -}}
{{- include "sidestep.need" (dict "value" .Values.receive.from "name" "receive.from" "why" "nobody comes to the doors who is not named; give peers as NetworkPolicy has them") -}}
- from: {{ toJson .Values.receive.from }}
  ports: {{ include "sidestep.ports" (dict "ports" (list 6068)) }}
{{- end }}

{{- define "sidestep.network.forms" -}}
{{- include "sidestep.need" (dict "value" .Values.serve.from "name" "serve.from" "why" "nobody may ask who is not named; give peers as NetworkPolicy has them") -}}
- from: {{ toJson .Values.serve.from }}
  ports: {{ include "sidestep.ports" (dict "ports" (list 6067)) }}
{{- end }}
