"""Dashboards as Grafana takes them: classic JSON or v2, as file, ConfigMap or an object of the Grafana operator."""
