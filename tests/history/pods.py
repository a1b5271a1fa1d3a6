"""A project whose report is made in a pod: its own exporter, layers, a secret, and words that YAML has to quote."""

from __future__ import annotations

OWN = """
exporter: queues
title: Queues
about: Queues of our own.
open_labels: true
metrics:
  queue_depth: {type: gauge, required: true, absent: nobody counts}
signals:
  backlog:
    title: Backlog
    about: How many wait.
    action: See who does not fetch.
    expr: sum by (queue) (queue_depth{$selector})
    unit: short
    record: max
    ladder: utilisation
    levels: {warning: 90, critical: 100000}
"""
POD = {
    "catalog/queues.yaml": OWN,
    "specs/defaults.yaml": "apiVersion: capgen/v1\nkind: Defaults\nreports: {weekly: {schedule: '0 8 * * 1'}}\nnotify: {chat: {webhook: {env: CHAT}}}\n",
    "specs/shop.yaml": """
apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop, title: "Shop: ünder 'load'", environments: [live, host]}
sources: {app: {exporter: queues, job: shop-app, targets: ["localhost:8080"]}}
planning: {forecast: {history: 91d, horizon: 28d}, roadmap: [{quarter: 2027-Q1, themes: {"more: 1": ["a - b", {title: "# c"}]}}]}
""",
    "specs/environments/host.yaml": "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: host}\ndirectory: {root: ./deploy}\n",
    "specs/environments/live.yaml": """
apiVersion: capgen/v1
kind: Environment
metadata: {name: live}
kubernetes: {namespace: monitoring}
deliver: {prometheus: operator, alertmanager: operator, jobs: cronjob}
jobs: {report_image: registry.example.com/capgen:1}
prometheus: {url: "URL", auth: {bearer: {secret: {name: metrics, key: token}}}}
overrides: {shop: {signals: {app.backlog: {levels: {warning: 120}}}}}
""",
}
