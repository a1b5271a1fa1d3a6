// Grafana's own time series, with the options that its panel adds before drawing.
import { useMemo } from 'react';
import { dateTimeFormat, formattedValueToString, getFieldDisplayName } from '@grafana/data';
import { SeriesTable, TimeSeries, TooltipPlugin2 } from '@grafana/ui';
import { configured } from '../data.js';

const CUSTOM = {
  axisBorderShow: false,
  axisCenteredZero: false,
  axisColorMode: 'text',
  axisGridShow: true,
  axisPlacement: 'auto',
  barAlignment: 0,
  drawStyle: 'line',
  fillOpacity: 0,
  gradientMode: 'none',
  hideFrom: { legend: false, tooltip: false, viz: false },
  lineInterpolation: 'linear',
  lineStyle: { fill: 'solid' },
  lineWidth: 1,
  pointSize: 5,
  scaleDistribution: { type: 'linear' },
  showPoints: 'auto',
  spanNulls: false,
  stacking: { mode: 'none', group: 'A' },
  thresholdsStyle: { mode: 'off' },
};
const ALL_SERIES = 1;

export function Series({ panel, frames, range, theme, width, height }) {
  const data = useMemo(() => configured(withColor(panel), frames, theme, CUSTOM).data, [panel, frames, theme]);
  const legend = { calcs: [], displayMode: 'list', placement: 'bottom', showLegend: true, ...panel.options?.legend };
  return (
    <TimeSeries
      frames={data}
      structureRev={1}
      width={width}
      height={height}
      timeRange={range}
      timeZone="utc"
      legend={legend}
      options={panel.options ?? {}}
    >
      {(config, aligned) => <Hover config={config} aligned={aligned} data={data} />}
    </TimeSeries>
  );
}

function Hover({ config, aligned, data }) {
  return (
    <TooltipPlugin2
      config={config}
      hoverMode={ALL_SERIES}
      render={(plot, indices) => {
        const time = aligned.fields[0].values[indices[0]];
        const series = aligned.fields.slice(1).map((field, number) => {
          const value = field.values[indices[number + 1]];
          const shown = value == null ? null : field.display(value);
          return shown && { label: getFieldDisplayName(field, aligned, data), value: formattedValueToString(shown), color: shown.color };
        });
        return <SeriesTable timestamp={dateTimeFormat(time, { timeZone: 'utc' })} series={series.filter(Boolean)} />;
      }}
    />
  );
}

function withColor(panel) {
  const defaults = { color: { mode: 'palette-classic' }, ...panel.fieldConfig?.defaults };
  return { ...panel, fieldConfig: { ...panel.fieldConfig, defaults } };
}
