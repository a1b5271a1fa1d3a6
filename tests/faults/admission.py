"""A real admission webhook: HTTPS, a certificate the API server is told to trust, one decision for all requests."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Decision = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From an AdmissionRequest to the AdmissionResponse, less its uid."""


def denies(code: int) -> Decision:
    return lambda _: {"allowed": False, "status": {"code": code, "message": "not on Fridays"}}


def sleeps(seconds: float) -> Decision:
    def decide(_: Mapping[str, Any]) -> Mapping[str, Any]:
        time.sleep(seconds)
        return {"allowed": True}

    return decide


def caps(most: int) -> Decision:
    """No HPA gets more replicas than a platform team allows."""

    def decide(request: Mapping[str, Any]) -> Mapping[str, Any]:
        if request["object"]["spec"]["maxReplicas"] <= most:
            return {"allowed": True}
        patch = [{"op": "replace", "path": "/spec/maxReplicas", "value": most}]
        encoded = base64.b64encode(json.dumps(patch).encode()).decode()
        return {"allowed": True, "patchType": "JSONPatch", "patch": encoded}

    return decide


@contextlib.contextmanager
def webhook(folder: Path, decide: Decision) -> Iterator[dict[str, str]]:
    """Serves for the length of the block; gives what a webhook's `clientConfig` says."""
    key, certificate = folder / "hook.key", folder / "hook.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", key, "-out", certificate, "-subj", "/CN=hook", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            response = {"uid": review["request"]["uid"], **decide(review["request"])}
            body = json.dumps({"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response})
            with contextlib.suppress(OSError):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield {
            "url": f"https://127.0.0.1:{server.server_port}/",
            "caBundle": base64.b64encode(certificate.read_bytes()).decode(),
        }
        server.shutdown()
        thread.join()


def configuration(name: str, kind: str, client: Mapping[str, str], *, policy: str = "Fail") -> dict[str, Any]:
    """A `Validating` or `Mutating` configuration for the HPAs of the namespace of this name."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": f"{kind}WebhookConfiguration", "metadata": {"name": name},
        "webhooks": [{
            "name": "hook.example.org", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": policy,
            "clientConfig": dict(client), "timeoutSeconds": 1,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
            "rules": [{
                "apiGroups": ["autoscaling"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"],
                "resources": ["horizontalpodautoscalers"],
            }],
        }],
    }  # fmt: skip
