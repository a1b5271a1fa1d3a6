// The heatmap of a histogram's buckets, which Grafana does not publish: a row a bucket, a column a moment.
import { useMemo } from 'react';
import * as chromatic from 'd3-scale-chromatic';
import { formattedValueToString, getValueFormat } from '@grafana/data';
import { configured } from '../data.js';
import { AXIS_HEIGHT, TimeAxis } from '../timeaxis.jsx';

const LEGEND_HEIGHT = 36;
const LABEL_HEIGHT = 14;
const LEFT = 64;
const TOP = 8;
const LEGEND_STEPS = 40;
const LEGEND_WIDTH = 200;

export function Heatmap({ panel, frames, range, theme, width, height }) {
  const options = panel.options ?? {};
  const buckets = useMemo(() => bucketsOf(panel, frames, theme), [panel, frames, theme]);
  const most = options.color?.max ?? Math.max(1e-9, ...buckets.rows.flatMap((row) => row.values.filter(Number.isFinite)));
  const color = scale(options.color ?? {}, theme);
  const plot = { width: width - LEFT - 4, height: height - TOP - AXIS_HEIGHT - LEGEND_HEIGHT };
  const row = plot.height / buckets.rows.length;
  const column = plot.width / Math.max(1, buckets.times.length);
  const gap = Math.min(options.cellGap ?? 1, column / 4, row / 4);
  const named = Math.ceil(LABEL_HEIGHT / row);
  const bound = unitOf(options.yAxis?.unit ?? 'short', options.yAxis?.decimals);
  const value = unitOf(options.cellValues?.unit ?? 'short', options.cellValues?.decimals);
  return (
    <svg width={width} height={height} role="img" aria-label={panel.title}>
      {buckets.rows.map(({ name, values }, number) => {
        const top = TOP + plot.height - (number + 1) * row;
        return (
          <g key={name} data-bucket={name}>
            {number % named === 0 && (
              <text x={LEFT - 8} y={top + 4} textAnchor="end" fontSize={12} fill={theme.colors.text.primary}>
                {bound(name)}
              </text>
            )}
            {values.map(
              (count, moment) =>
                count > (options.filterValues?.le ?? 1e-9) && (
                  <rect
                    key={moment}
                    x={LEFT + moment * column}
                    y={top}
                    width={Math.max(0.5, column - gap)}
                    height={Math.max(0.5, row - gap)}
                    fill={color(count / most)}
                  >
                    <title>{`up to ${bound(name)}: ${value(count)}`}</title>
                  </rect>
                )
            )}
          </g>
        );
      })}
      <TimeAxis range={range} left={LEFT} top={TOP + plot.height} width={plot.width} theme={theme} />
      <Scale top={height - LEGEND_HEIGHT + 8} color={color} label={value(most)} least={value(0)} theme={theme} />
    </svg>
  );
}

function Scale({ top, color, least, label, theme }) {
  const step = LEGEND_WIDTH / LEGEND_STEPS;
  return (
    <g transform={`translate(${LEFT} ${top})`} fontSize={12} fill={theme.colors.text.primary}>
      {Array.from({ length: LEGEND_STEPS }, (_, number) => (
        <rect key={number} x={number * step} width={step + 0.5} height={8} fill={color((number + 1) / LEGEND_STEPS)} />
      ))}
      <text y={22}>{least}</text>
      <text x={LEGEND_WIDTH} y={22} textAnchor="end">
        {label}
      </text>
    </g>
  );
}

function bucketsOf(panel, frames, theme) {
  const { data } = configured(panel, frames, theme);
  const times = data[0].fields.find((field) => field.type === 'time').values;
  const rows = data.flatMap((frame) => frame.fields.filter((field) => field.type === 'number').map((field) => ({ name: field.name, values: field.values })));
  return { times, rows };
}

// As in Grafana, a scheme that begins with white is turned round where the background is dark.
function scale({ scheme = 'Oranges', reverse = false, exponent = 0.5 }, theme) {
  const interpolate = chromatic[`interpolate${scheme}`] ?? chromatic.interpolateOranges;
  const turned = reverse !== theme.isDark;
  return (share) => {
    const at = Math.min(1, Math.max(0, share)) ** exponent;
    return interpolate(turned ? 1 - at : at);
  };
}

function unitOf(unit, decimals) {
  const format = getValueFormat(unit);
  return (value) => (Number.isFinite(Number(value)) ? formattedValueToString(format(Number(value), decimals)) : value);
}
