"""Pictures of dashboards without a Grafana: its own published components, drawn by a browser on this machine.

Dashboard JSON -> `board` (variables, rows, repeats) -> a `source` of data (live or sample) -> `frames` as Grafana's
data source makes them -> `page` (one HTML file that works offline) -> `chromium` (its picture). What acts is in
`bundle` (npm and node), `live` (a Prometheus) and `chromium`; the rest is pure.
"""
