"""Where a back-test departs from what would have happened: said in every report."""

from __future__ import annotations

KNOWN_LIMITS = (
    "the history is what was scraped: a change of targets, relabelling or scrape interval is not in it",
    "no missed or late evaluations, and no restarts; while the server did not run, alerts stand still",
    "the look-back is taken as 5 minutes and the rule query offset as none, as they are unless somebody changes them",
    "Alertmanager gets each alert at once; silences, time intervals and failed deliveries are not in it",
    "a hand-written expression that reads another record sees what that record was, also on the new side",
)
APPROXIMATE_LIMITS = (
    "one series a signal, as far apart as its samples are: a rule sees spikes that a file of minutes or hours has not",
    "signals are compared with their levels as if there were always traffic; absent metrics and dead targets are not seen",
    *KNOWN_LIMITS[3:4],
)
