"""What a cadvisor would have said of some pods: ours, and others whose names or labels are nearly theirs."""

from __future__ import annotations

from collections.abc import Iterator


def containers(end: float) -> Iterator[str]:
    """Six days of what pods used, every four minutes: two of ours at 0.5 and 0.7 cores, and others that are not."""
    pods = {"web-5d9f7c-bb4zk": 0.5, "web-5d9f7c-x2wvq": 0.7, "web-admin-0": 9.0}
    times = [end - 240.0 * step for step in range(6 * 360)][::-1]
    yield "# TYPE container_cpu_usage_seconds counter"
    for pod, cores in pods.items():
        for container, image in (("app", "shop/app"), ("", "")):  # the pod as a whole is listed beside its containers
            labels = f'namespace="shop",pod="{pod}",container="{container}",image="{image}",id="{pod}{container}",cpu="total"'
            for at in times:
                yield f"container_cpu_usage_seconds_total{{{labels}}} {cores * (at - times[0]):.3f} {at:.0f}"
    yield "# TYPE container_memory_working_set_bytes gauge"
    for pod, share in pods.items():
        labels = f'namespace="shop",pod="{pod}",container="app",image="shop/app",id="{pod}app"'
        for at in times:
            peak = 2 if at % 3600 == 1920 else 1  # between the hours at which history is asked for
            yield f"container_memory_working_set_bytes{{{labels}}} {share * peak * (1 << 30):.0f} {at:.0f}"
