"""What text of a spec has to look like, in words: a pattern tells a person nothing.

Every pattern of the models has a row here, which a test asks for.
"""

from __future__ import annotations

from collections.abc import Mapping

from capgen import naming

SPELLINGS: Mapping[str, tuple[str, str]] = {
    rf"^{naming.DNS_LABEL}$(?!\n)": ("a name", "use lower-case letters, digits and hyphens, at most 63, starting and ending with a letter or digit"),
    rf"^(\*|{naming.DNS_LABEL})$(?!\n)": ("a container's name", "use lower-case letters, digits and hyphens, or `\"*\"` for all containers"),
    rf"^{naming.WORD}$(?!\n)": ("a name", "use lower-case letters, digits and underscores, starting with a letter"),
    rf"^{naming.LABEL_NAME}$(?!\n)": ("a label's or variable's name", "use letters, digits and underscores, not starting with a digit"),
    rf"^{naming.METRIC_NAME}$(?!\n)": ("a metric's name", "use letters, digits, underscores and colons, not starting with a digit"),
    rf"^{naming.WORD}\.{naming.WORD}$(?!\n)": ("a signal", "write `<source>.<signal>` like host.cpu, in lower-case letters, digits and underscores"),
    rf"^({naming.WORD}(\.{naming.WORD})?|(cpu|memory)/{naming.DNS_LABEL})$(?!\n)": ("a scaling target", "write cpu, memory, cpu/<container>, a signal like app.throughput, or a lower-case name of your own"),
    r"^[^\x00-\x08\x0b-\x1f\x7f]*$": ("printable text", "remove the control characters"),
    r"^[^\x00-\x1f\x7f]*$(?!\n)": ("text on one line", "remove the control characters and line breaks"),
    r"^< ?[0-9]{1,6}(\.[0-9]{1,3})?[smhd]/(hour|day|week|month)$(?!\n)": ("a bound on time", "write less than so much time in an hour, day, week or month, like \"< 1h/week\""),
    r"^< ?[0-9]{1,9}(\.[0-9]{1,3})?/(hour|day|week|month)$(?!\n)": ("a bound on a number", "write less than so many in an hour, day, week or month, like \"< 40/day\""),
    r"^[0-9]{1,3}%$(?!\n)": ("a share of the pods", "write a number of pods like 1, or percent of them like 25%"),
    r"^[A-Z]{3}$(?!\n)": ("a currency", "write its three capital letters, like USD or EUR"),
    r"^[A-Za-z0-9][A-Za-z0-9_. -]{0,62}$(?!\n)": ("a team", "use letters, digits, spaces and `_ . -`, at most 63, starting with a letter or digit"),
    r"^[a-z0-9][A-Za-z0-9._:/@-]{0,254}$(?!\n)": ("an image", "write a repository and a tag, like alpine/k8s:1.36.0"),
    r"^[A-Za-z0-9_+/-]{1,64}$(?!\n)": ("a time zone", "name one like Europe/Berlin or UTC"),
    r"^/[A-Za-z0-9._/-]{0,255}$(?!\n)": ("a folder", "write it from the root on, in letters, digits and `. _ / -`"),
    r"^https?://[!-.0-?A-~]{1,1000}([/?#][!-~]{0,1000})?$(?!\n)": ("a URL", "start it with http:// or https://, without spaces, and without a user or password in it"),
    r"^[^\x00\n]{1,1023}$(?!\n)": ("a folder", "write a path on one line, like ./deploy"),
    r"^(@(hourly|daily|weekly|monthly|yearly)|[0-9A-Za-z*/,\-?#]+( [0-9A-Za-z*/,\-?#]+){4})$(?!\n)": ("a cron schedule", 'write five fields like "*/5 * * * *" (minute, hour, day, month, day of the week), or @daily'),
    r"^[0-9a-f-]{36}$(?!\n)": ("a UID", "write the 36 characters that `kubectl get namespace kube-system -o jsonpath={.metadata.uid}` prints"),
    r"^[a-z0-9./-]{1,253}$(?!\n)": ("an API version", "write group/version, like apps/v1"),
    r"^[A-Z][A-Za-z0-9]{0,62}$(?!\n)": ("a Kubernetes kind", "start it with a capital letter, like Deployment"),
    r"^/[!-~]{0,1023}$(?!\n)": ("a URL's path", "start it with a slash, like /metrics"),
    r"^[0-9]{1,3}\.[0-9]{1,3}(\.[0-9]{1,3})?$(?!\n)": ("a version", 'write it in quotes, like "2.45"'),
    r"^[0-9]{1,4}(\.[0-9]{1,4}){0,3}$(?!\n)": ("a version", "write numbers with dots between, like 1.12.1"),
    r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$(?!\n)": ("a Kubernetes label", "write a name, or prefix/name, like app.kubernetes.io/name"),
    r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$(?!\n)": ("a Kubernetes label's value", "use letters, digits and `_ . -`, at most 63, starting and ending with a letter or digit"),
    r"^([0-9]{4}-)?Q[1-4]$(?!\n)": ("a quarter", "write Q1 to Q4, with or without a year, like 2027-Q1"),
    r"^[A-Za-z0-9._-]{1,253}$(?!\n)": ("a Secret's key", "use letters, digits and `_ . -`"),
    r"^/[^\x00\n]{1,1023}$(?!\n)": ("an absolute path", "start it with a slash, like /run/secrets/webhook"),
    r"^[a-z0-9-]{1,63}$(?!\n)": ("a port's name", "write the name that the Service gives its port, like metrics"),
    r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,99}$(?!\n)": ("a scrape job's name", "use letters, digits and `_ . / -`, starting with a letter or digit"),
    r"^[A-Za-z0-9_.\[\]:-]{1,253}:[0-9]{1,5}$(?!\n)": ("a target", "write host:port, like localhost:9100"),
    r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}$(?!\n)": ("a mail address", "write name@host, like on-call@example.com"),
    r"^[A-Za-z0-9][A-Za-z0-9.-]{0,252}:[0-9]{1,5}$(?!\n)": ("a mail server", "write host:port, like mail.example.com:587"),
    r"^[#@][^\s,;|<>{}]{1,80}$(?!\n)": ("a channel", 'write it in quotes, like "#storefront-alerts"'),
    r"^[A-Za-z0-9_:][A-Za-z0-9_.:/-]{0,252}$(?!\n)": ("a metric of a metrics adapter", "use letters, digits and `_ . : / -`"),
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)": ("a date", "write year, month and day, like 2026-11-01"),
    r"""^(\.[A-Za-z0-9_/-]{1,128}|\[([^"\]\n]|"([^"\\\n]|\\.)*"){1,300}\])+$(?!\n)""": ("a field", "write it as `capgen diff` shows it, like .spec.maxReplicas"),
    r"^[!-+.-~-]([ -+.-~-]{0,254}[!-+.-~-])?$(?!\n)": ("a header's value", "use printable ASCII without commas, not beginning or ending with a space"),
    r"^[!-9;-~]{1,256}$(?!\n)": ("a user", "use printable characters, without spaces and colons"),
    r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$(?!\n)": ("an object's name", "use lower-case letters, digits, hyphens and dots, starting and ending with a letter or digit"),
}  # fmt: skip
"""What text has to look like, by its pattern: the noun and the advice."""
