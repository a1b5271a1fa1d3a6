# What pint is asked beside its own checks: the rules that only a user of the result can set.
parser {
  # PrometheusRules and ConfigMaps hold their groups deeper than a rule file does.
  relaxed = [".*"]
}

rule {
  match {
    kind = "alerting"
  }
  annotation "summary" {
    required = true
    severity = "bug"
  }
  label "service" {
    required = true
    severity = "bug"
  }
  label "severity" {
    required = true
    value    = "info|warning|critical|emergency"
    severity = "bug"
  }
}

rule {
  match {
    kind = "recording"
  }
  # Who else reads a record tells the services apart by these.
  label "service" {
    required = true
    severity = "bug"
  }
  label "source" {
    required = true
    severity = "bug"
  }
}
