"""Where a replay departs from a cluster: said in every report, so that nobody takes it for more than it is."""

from __future__ import annotations

KNOWN_LIMITS = (
    "demand is shared evenly by the ready pods; hot pods and sticky sessions are not in the replay",
    "demand is taken as given: work that was dropped or throttled while it was recorded is missing from it",
    "samples are fresh unless --metric-delay says how old they are; metrics-server and adapters lag by 15 s to minutes",
    "new pods find room at once: no waiting for nodes, images, quota or a failing start",
    "rolling updates happen where --rollout-every, --rollout-at or the spec says so; what goes is gone at once",
    "no evictions, no restarts of the controller, which forgets its windows",
    "a pod is one container with the given requests; series of one metric name are one column",
)
BESIDE_VPA = (
    "the updater looks once an hour and changes all pods at once, as in place; the windows of the HPA begin anew then",
    "one container a pod; no out-of-memory kills, no bounds of a policy, and one recommender with its defaults",
)
"""Where the replay of an HPA beside a VPA departs further."""
