"""Hand-written manifests of the kinds capgen delivers, as artifacts: reconciling needs nothing that compiled them."""

from __future__ import annotations

from capgen import yamlio
from capgen.artifact import Artifact

HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: apm-hpa
  labels: {app.kubernetes.io/part-of: apm}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: apm}
  minReplicas: 2
  maxReplicas: 20
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
    - type: Pods
      pods: {metric: {name: capgen_apm_requests}, target: {type: AverageValue, averageValue: 1500m}}
    - type: External
      external:
        metric: {name: capgen_queue_depth, selector: {matchLabels: {service: apm}}}
        target: {type: Value, value: "1000"}
  behavior:
    scaleUp:
      policies:
        - {type: Percent, value: 100, periodSeconds: 60}
        - {type: Pods, value: 4, periodSeconds: 60}
    scaleDown:
      stabilizationWindowSeconds: 600
      policies:
        - {type: Percent, value: 10, periodSeconds: 120}
"""

VPA = """\
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata:
  name: apm-vpa
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: apm}
  updatePolicy: {updateMode: InPlaceOrRecreate}
  resourcePolicy:
    containerPolicies:
      - containerName: apm
        controlledResources: [memory]
        minAllowed: {memory: 256Mi}
        maxAllowed: {memory: 4Gi}
"""

RULES = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: capgen-apm
spec:
  groups:
    - name: capgen/apm/cpu
      interval: 30s
      rules:
        - record: capgen:node_cpu:ratio
          expr: 1 - avg(rate(node_cpu_seconds_total{mode="idle"}[2m]))
        - alert: ApmCpuCritical
          expr: capgen:node_cpu:ratio > 0.9
          for: 5m
          labels: {severity: critical}
          annotations: {summary: "CPU is at {{ $value | humanizePercentage }}"}
    - name: capgen/apm/memory
      rules:
        - alert: ApmMemoryWarning
          expr: capgen:node_memory:ratio > 0.8
"""

SCRAPE = """\
apiVersion: monitoring.coreos.com/v1alpha1
kind: ScrapeConfig
metadata:
  name: capgen-apm-host
spec:
  scrapeInterval: 15s
  scrapeProtocols: [OpenMetricsText1.0.0, PrometheusText0.0.4]
  staticConfigs:
    - targets: ["10.0.0.1:9100", "10.0.0.2:9100"]
      labels: {service: apm}
  relabelings:
    - {sourceLabels: [__address__], targetLabel: instance}
"""

MONITOR = """\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: capgen-apm
spec:
  selector: {matchLabels: {app: apm}}
  endpoints:
    - port: metrics
      interval: 15s
      metricRelabelings:
        - {sourceLabels: [__name__], regex: go_.*, action: drop}
        - {sourceLabels: [pod], targetLabel: replica}
"""

ALERTMANAGER = """\
apiVersion: monitoring.coreos.com/v1alpha1
kind: AlertmanagerConfig
metadata:
  name: capgen-apm
spec:
  route:
    receiver: team
    groupBy: [service, level]
    matchers: [{name: service, value: apm, matchType: "="}]
  receivers:
    - name: team
      webhookConfigs:
        - urlSecret: {name: hooks, key: team}
"""

CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: capgen-apm-scripts
data:
  check.sh: |
    #!/bin/sh
    set -eu
    echo checked
"""

ACCOUNT = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: capgen-apm
automountServiceAccountToken: false
"""

ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: capgen-apm
rules:
  - apiGroups: [apps]
    resources: [deployments/scale]
    resourceNames: [apm]
    verbs: [get, patch]
"""

BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: capgen-apm
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: capgen-apm}
subjects:
  - {kind: ServiceAccount, name: capgen-apm}
"""

CRON = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: capgen-apm-check
spec:
  schedule: "*/5 * * * *"
  timeZone: Europe/Berlin
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      backoffLimit: 1
      template:
        spec:
          serviceAccountName: capgen-apm
          restartPolicy: Never
          securityContext: {runAsNonRoot: true}
          containers:
            - name: check
              image: example.org/tools:1
              command: [/scripts/check.sh]
              env:
                - {name: LEVEL, value: "0.9"}
              ports:
                - {containerPort: 8080}
              resources: {requests: {cpu: 1000m, memory: 1024Mi}}
              volumeMounts:
                - {name: scripts, mountPath: /scripts, readOnly: true}
          volumes:
            - name: scripts
              configMap: {name: capgen-apm-scripts, defaultMode: 0o555}
            - name: state
              emptyDir: {}
"""

ALL = (HPA, VPA, RULES, SCRAPE, MONITOR, ALERTMANAGER, CONFIG, ACCOUNT, ROLE, BINDING, CRON)


def artifact(text: str, service: str = "apm") -> Artifact:
    """A manifest's text as an artifact; the path comes from its kind and name."""
    words = dict(line.strip().split(": ", 1) for line in text.splitlines() if line.startswith(("kind: ", "  name: ")))
    name = words["name"].strip('"')
    return Artifact(f"{service}/{words['kind']}-{name}.yaml", text, words["kind"], service, kubernetes=True)


def artifacts(*texts: str) -> tuple[Artifact, ...]:
    """Several of them."""
    return tuple(artifact(text) for text in texts)


def config_map(name: str, data: dict[str, str], service: str = "apm") -> Artifact:
    """A ConfigMap with given data, whatever is in it."""
    body: dict[str, object] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
    return Artifact(f"{service}/ConfigMap-{name}.yaml", yamlio.scalar(body), "ConfigMap", service, kubernetes=True)
