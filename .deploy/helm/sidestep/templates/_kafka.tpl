{{/* How one role comes to Kafka: .top, .component and .role, its values. Secrets are files below /run/secrets. */}}

{{- define "sidestep.kafka.check" -}}
{{- $kafka := .top.Values.kafka }}
{{- $at := printf "%s.kafka" .component }}
{{- if eq $kafka.security "mtls" }}
{{- include "sidestep.need" (dict "value" .role.kafka.certificate "name" (print $at ".certificate") "why" "with mtls each role has a client certificate of its own; name its Secret") }}
{{- else if or (eq $kafka.security "scram") (eq $kafka.security "oauth") }}
{{- include "sidestep.need" (dict "value" .role.kafka.secret "name" (print $at ".secret") "why" (printf "with %s each role has a secret of its own; name its Secret" $kafka.security)) }}
{{- end }}
{{- end }}

{{- define "sidestep.kafka.env" -}}
{{- include "sidestep.kafka.check" . }}
{{- $kafka := .top.Values.kafka }}
{{- $principals := dict "setup" "admin" "receive" "receiver" }}
{{- $user := .role.kafka.user | default (get $principals .component | default .component) }}
- { name: SIDESTEP_BROKER, value: {{ $kafka.brokers | quote }} }
- { name: SIDESTEP_SECURITY, value: {{ $kafka.security | quote }} }
- { name: SIDESTEP_GROUP, value: {{ .top.Values.group | quote }} }
{{- if eq $kafka.security "plaintext" }}
- { name: SIDESTEP_PLAINTEXT_ANYWHERE, value: "true" }
{{- else }}
{{- if or $kafka.ca.secret $kafka.ca.configMap }}
- { name: SIDESTEP_TLS_CA, value: {{ print "/run/secrets/sidestep/kafka-ca/" $kafka.ca.entry | quote }} }
{{- end }}
{{- if and .role.kafka.certificate (ne $kafka.security "tls") }}
- { name: SIDESTEP_TLS_CERTIFICATE, value: {{ print "/run/secrets/sidestep/kafka-certificate/" $kafka.entries.certificate | quote }} }
- { name: SIDESTEP_TLS_KEY, value: {{ print "/run/secrets/sidestep/kafka-certificate/" $kafka.entries.key | quote }} }
{{- end }}
{{- end }}
{{- if eq $kafka.security "scram" }}
- { name: SIDESTEP_SASL_USER, value: {{ $user | quote }} }
- { name: SIDESTEP_SASL_PASSWORD_FILE, value: {{ print "/run/secrets/sidestep/kafka/" $kafka.entries.password | quote }} }
{{- else if eq $kafka.security "oauth" }}
- { name: SIDESTEP_OAUTH_TOKEN_URL, value: {{ $kafka.oauth.tokenUrl | quote }} }
- { name: SIDESTEP_OAUTH_CLIENT_ID, value: {{ $user | quote }} }
- { name: SIDESTEP_OAUTH_CLIENT_SECRET_FILE, value: {{ print "/run/secrets/sidestep/kafka/" $kafka.entries.clientSecret | quote }} }
{{- if $kafka.oauth.scope }}
- { name: SIDESTEP_OAUTH_SCOPE, value: {{ $kafka.oauth.scope | quote }} }
{{- end }}
{{- if or $kafka.oauth.ca.secret $kafka.oauth.ca.configMap }}
- { name: SIDESTEP_OAUTH_CA, value: {{ print "/run/secrets/sidestep/oauth-ca/" $kafka.oauth.ca.entry | quote }} }
{{- end }}
{{- end }}
{{- end }}

{{/* Volumes by name, for sidestep.volumes and sidestep.mounts. Whole folders: what is mounted by subPath is never renewed. */}}
{{- define "sidestep.kafka.secrets" -}}
{{- $kafka := .top.Values.kafka }}
{{- if ne $kafka.security "plaintext" }}
{{- if or $kafka.ca.secret $kafka.ca.configMap }}
kafka-ca: {{ dict "secret" $kafka.ca.secret "configMap" $kafka.ca.configMap | toJson }}
{{- end }}
{{- if and .role.kafka.certificate (ne $kafka.security "tls") }}
kafka-certificate: {{ dict "secret" .role.kafka.certificate | toJson }}
{{- end }}
{{- if or (eq $kafka.security "scram") (eq $kafka.security "oauth") }}
kafka: {{ dict "secret" .role.kafka.secret | toJson }}
{{- end }}
{{- if and (eq $kafka.security "oauth") (or $kafka.oauth.ca.secret $kafka.oauth.ca.configMap) }}
oauth-ca: {{ dict "secret" $kafka.oauth.ca.secret "configMap" $kafka.oauth.ca.configMap | toJson }}
{{- end }}
{{- end }}
{{- end }}
