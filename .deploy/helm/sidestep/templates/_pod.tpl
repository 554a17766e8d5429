{{/* What all pods have in common: .top, .component and .role, its values. */}}

{{/* After SIGTERM a worker finishes what is in hand, and leaves after 25 s at the latest; 15 s for the rest. */}}
{{- define "sidestep.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 40
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  # so that the process can read Secrets (0440) and write to its volume; once, not at each start: ledgers are 0600
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .top.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .top.Values.scheduling.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .top.Values.scheduling.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .top.Values.scheduling.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "sidestep.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{- define "sidestep.container" -}}
image: {{ printf "%s@%s" .top.Values.image.repository .top.Values.image.digest | quote }}
imagePullPolicy: {{ .top.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
resources: {{ toJson .role.resources }}
{{- end }}

{{/* .secrets: names with the Secret or the ConfigMap of each. */}}
{{- define "sidestep.volumes" -}}
- name: tmp
  emptyDir: { sizeLimit: 256Mi }
{{- range $name, $from := .secrets }}
- name: {{ $name }}
  {{- if $from.secret }}
  secret: { secretName: {{ $from.secret | quote }}, defaultMode: 0440 }
  {{- else }}
  configMap: { name: {{ $from.configMap | quote }}, defaultMode: 0440 }
  {{- end }}
{{- end }}
{{- end }}

{{- define "sidestep.mounts" -}}
- { name: tmp, mountPath: /tmp }
{{- range $name, $from := .secrets }}
- { name: {{ $name }}, mountPath: /run/secrets/sidestep/{{ $name }}, readOnly: true }
{{- end }}
{{- end }}

{{- define "sidestep.settings" -}}
- { name: SIDESTEP_LOG_FORMAT, value: json }
{{- range $name, $value := .top.Values.settings }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}
