// As many rules of the same shape as capgen writes, from a service's number alone: nothing is read, resolved,
// checked or proved. `records` and `alerts` are counts a service; each record is a group with its alerts behind it.
// Texts are put together with `+`: std.format is itself a Jsonnet program, and many times slower.
local levels = ['warning', 'critical', 'emergency'];
local quantiles = ['0.9', '0.95', '0.99'];

local service(i, records, alerts) =
  local name = 'service-' + i;
  local quantile = quantiles[i % 3];
  local threshold = '0.' + (50 + i % 40);
  local runbook = 'https://runbooks.example.com/' + name;
  local team = 'team-' + i % 37;
  local signal(n) =
    local id = 'app.signal_' + n;
    local series = 'capgen:http_signal_' + n + ':ratio';
    local scoped = series + '{service="' + name + '",source="app"}';
    local alert(level) = {
      alert: 'Service' + i + 'AppSignal' + n + level,
      expr: scoped + ' >= ' + threshold + ' or (' + scoped + ' >= 0.4 and on (instance, service, source) ALERTS{alertname="' + name + '"})',
      'for': '5m',
      keep_firing_for: '3m',
      labels: {
        kind: 'level', level: level, service: name, severity: level, signal: id, source: 'app', team: team, tier: 'standard',
      },
      annotations: {
        action: 'Look at what was released last, and at the slowest requests; add replicas if all of them are busy.',
        description: 'The share of requests that took longer than they should.',
        runbook_url: runbook,
        summary: 'Service ' + i + ': signal ' + n + ', instance {{ $labels.instance }}: {{ $value | humanizePercentage }} (' + level + ' at or above ' + threshold + ')',
      },
    };
    {
      name: 'capgen/' + name + '/' + id,
      interval: '15s',
      rules: [{
        record: series,
        expr: 'histogram_quantile(' + quantile + ', sum by (instance, le) (max without (prometheus_replica) (rate(http_request_duration_seconds_bucket{job="' + name + '-app",code!~"5.."}[5m]))))',
        labels: { service: name, source: 'app' },
      }] + [alert(levels[k % 3]) for k in std.range(0, std.floor((alerts - 1 - n) / records))],
    };
  { groups: [signal(n) for n in std.range(0, records - 1)] };

function(services, records, alerts)
  { ['service-' + i + '.json']: service(i, records, alerts) for i in std.range(0, services - 1) }
