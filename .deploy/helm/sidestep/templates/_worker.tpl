{{/* The pod of a worker: .top, .component and .role, its values. */}}

{{/* Of whoever has /metrics: workers and the receiver. */}}
{{- define "sidestep.endpoints.secrets" -}}
{{- with .top.Values.web.tls.secret }}
web: {{ dict "secret" . | toJson }}
{{- end }}
{{- with .top.Values.web.token }}
{{- include "sidestep.need" (dict "value" .secret "name" "web.token.secret" "why" "beyond loopback nobody gets metrics without a token; name the Secret that holds it") }}
web-token: {{ dict "secret" .secret | toJson }}
{{- end }}
{{- end }}

{{- define "sidestep.worker.secrets" -}}
{{- include "sidestep.kafka.secrets" . }}
{{ include "sidestep.endpoints.secrets" . }}
{{- if eq .component "screen" }}
{{- include "sidestep.need" (dict "value" .role.hashKey.secret "name" "screen.hashKey.secret" "why" "all workers key recipients with the same secret; name the Secret that holds it") }}
hash-key: {{ dict "secret" .role.hashKey.secret | toJson }}
{{- include "sidestep.screen.secrets" . }}
{{- with .role.signers.secret }}
signers: {{ dict "secret" . | toJson }}
{{- end }}
{{- end }}
{{- if eq .component "decide" }}
{{- if .role.verdictKey.keyId }}
{{- include "sidestep.need" (dict "value" .role.verdictKey.secret "name" "decide.verdictKey.secret" "why" "verdicts are signed with a key; name the Secret with the key file (sidestep verdict-keys new)") }}
verdict-key: {{ dict "secret" .role.verdictKey.secret | toJson }}
{{- end }}
{{- end }}
{{- if eq .component "watch" }}
{{- with .role.thresholds.configMap }}
thresholds: {{ dict "configMap" . | toJson }}
{{- end }}
{{- end }}
{{- if eq .component "release" }}
{{- if .role.signingKey.keyId }}
{{- include "sidestep.need" (dict "value" .role.signingKey.secret "name" "release.signingKey.secret" "why" "what was signed is offered again with a key; name the Secret with the key file (sidestep signers new-key)") }}
signing-key: {{ dict "secret" .role.signingKey.secret | toJson }}
{{- end }}
{{- end }}
{{- end }}

{{/* What screen and serve judge and ask by. */}}
{{- define "sidestep.screen.secrets" -}}
{{- with .top.Values.screen.policy.configMap }}
policy: {{ dict "configMap" . | toJson }}
{{- end }}
{{- with .top.Values.screen.sources.secret }}
sources: {{ dict "secret" . | toJson }}
{{- end }}
{{- end }}

{{- define "sidestep.screen.env" -}}
{{- $screen := .top.Values.screen }}
{{- if $screen.policy.configMap }}
- { name: SIDESTEP_POLICY, value: {{ print "/run/secrets/sidestep/policy/" $screen.policy.entry | quote }} }
{{- end }}
{{- if $screen.sources.secret }}
- { name: SIDESTEP_SOURCES, value: {{ print "/run/secrets/sidestep/sources/" $screen.sources.entry | quote }} }
{{- end }}
{{- with $screen.nameServers }}
- { name: SIDESTEP_NAME_SERVERS, value: {{ join "," . | quote }} }
{{- end }}
{{- end }}

{{- define "sidestep.endpoints.env" -}}
# the pod's address, so that the same manifest does for IPv4 and IPv6
- name: SIDESTEP_WEB_HOST
  valueFrom: { fieldRef: { fieldPath: status.podIP } }
- { name: SIDESTEP_WEB_PORT, value: "6066" }
{{- if .top.Values.web.tls.secret }}
- { name: SIDESTEP_WEB_TLS_CERTIFICATE, value: /run/secrets/sidestep/web/tls.crt }
- { name: SIDESTEP_WEB_TLS_KEY, value: /run/secrets/sidestep/web/tls.key }
{{- else if .top.Values.web.plaintext }}
- { name: SIDESTEP_WEB_PLAINTEXT, value: "true" }
{{- else }}
{{- fail "web.tls.secret must be given: the Secret with the certificate of /livez, /readyz and /metrics; or web.plaintext: true" }}
{{- end }}
- { name: SIDESTEP_WEB_TOKEN_FILE, value: {{ print "/run/secrets/sidestep/web-token/" .top.Values.web.token.entry | quote }} }
{{- end }}

{{- define "sidestep.worker.env" -}}
{{- include "sidestep.kafka.env" . }}
{{ include "sidestep.settings" . }}
# a folder of its own in the volume: the volume's root is the cluster's and open to the group
- { name: SIDESTEP_DATA_DIR, value: /var/lib/sidestep/data }
{{ include "sidestep.endpoints.env" . }}
{{- if eq .component "screen" }}
- { name: SIDESTEP_HASH_KEY_FILE, value: {{ print "/run/secrets/sidestep/hash-key/" .role.hashKey.entry | quote }} }
{{- with .role.hashKey.formerEntry }}
- { name: SIDESTEP_HASH_KEY_FORMER_FILE, value: {{ print "/run/secrets/sidestep/hash-key/" . | quote }} }
{{- end }}
{{- if .role.signers.secret }}
- { name: SIDESTEP_SIGNERS, value: {{ print "/run/secrets/sidestep/signers/" .role.signers.entry | quote }} }
{{- end }}
{{- include "sidestep.screen.env" . }}
{{- end }}
{{- if eq .component "decide" }}
{{- with .role.verdictKey }}
{{- if .keyId }}
- { name: SIDESTEP_VERDICT_KEY, value: {{ .keyId | quote }} }
- { name: SIDESTEP_VERDICT_KEY_FILE, value: {{ print "/run/secrets/sidestep/verdict-key/" .entry | quote }} }
{{- end }}
{{- end }}
{{- end }}
{{- if eq .component "watch" }}
{{- if .role.thresholds.configMap }}
- { name: SIDESTEP_WATCH, value: {{ print "/run/secrets/sidestep/thresholds/" .role.thresholds.entry | quote }} }
{{- end }}
{{- end }}
{{- if eq .component "release" }}
{{- with .role.signingKey }}
{{- if .keyId }}
- { name: SIDESTEP_RELEASE_KEY, value: {{ .keyId | quote }} }
- { name: SIDESTEP_RELEASE_KEY_FILE, value: {{ print "/run/secrets/sidestep/signing-key/" .entry | quote }} }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* No preStop: the worker itself hears SIGTERM, leaves its group and closes its ledgers, and nobody sends it requests.
     /livez answers while ledgers are recovered, so the start may take as long as the image and the disk need. */}}
{{- define "sidestep.probes" -}}
startupProbe:
  httpGet: &livez { path: /livez, port: {{ .port }}, scheme: {{ .scheme }} }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: *livez
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: {{ .port }}, scheme: {{ .scheme }} }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}

{{- define "sidestep.worker" -}}
{{- $secrets := include "sidestep.worker.secrets" . | fromYaml -}}
metadata:
  labels:
    {{- include "sidestep.labels" . | nindent 4 }}
spec:
  {{- include "sidestep.pod" . | nindent 2 }}
  containers:
    - name: worker
      {{- include "sidestep.container" . | nindent 6 }}
      args: [worker, --role, {{ .component }}]
      env:
        {{- include "sidestep.worker.env" . | trim | nindent 8 }}
      ports:
        - { name: web, containerPort: 6066 }
      {{- include "sidestep.probes" (dict "port" "web" "scheme" (empty .top.Values.web.tls.secret | ternary "HTTP" "HTTPS")) | nindent 6 }}
      volumeMounts:
        - { name: data, mountPath: /var/lib/sidestep }
        {{- include "sidestep.mounts" (dict "secrets" $secrets) | nindent 8 }}
  volumes:
    {{- include "sidestep.volumes" (dict "secrets" $secrets) | nindent 4 }}
    {{- if eq .component "screen" }}
    # copies of feeds; fetched again where they are missing
    - name: data
      emptyDir: { sizeLimit: 1Gi }
    {{- end }}
{{- end }}
