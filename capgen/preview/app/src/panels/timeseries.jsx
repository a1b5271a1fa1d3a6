// Grafana's own time series, with the options that its panel adds before drawing.
import { useLayoutEffect, useMemo } from 'react';
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

export function Series({ panel, marks, frames, range, theme, width, height }) {
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
      {(config, aligned) => (
        <>
          <Hover config={config} aligned={aligned} data={data} />
          <Marks config={config} marks={marks} theme={theme} />
        </>
      )}
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

const BAR = 4;

/** Annotations as Grafana draws them: a dashed line at each end, a tint in between, and a bar below the axis. */
function Marks({ config, marks, theme }) {
  useLayoutEffect(() => {
    config.addHook('draw', (plot) => {
      const { ctx } = plot;
      const { left, top, width, height } = plot.bbox;
      const bar = BAR * devicePixelRatio;
      const at = (time) => Math.min(left + width, Math.max(left, plot.valToPos(time, 'x', true)));
      ctx.save();
      for (const { color, spans } of marks) {
        ctx.fillStyle = ctx.strokeStyle = theme.visualization.getColorByName(color);
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
        for (const { from, to } of spans) {
          const [start, end] = [at(from), at(to)];
          ctx.globalAlpha = 0.1;
          ctx.fillRect(start, top, end - start, height);
          ctx.globalAlpha = 1;
          ctx.fillRect(start - bar / 2, top + height, end - start + bar, bar);
          ctx.beginPath();
          for (const x of start === end ? [start] : [start, end]) {
            ctx.moveTo(x, top);
            ctx.lineTo(x, top + height);
          }
          ctx.stroke();
        }
      }
      ctx.restore();
    });
  }, [config, marks, theme]);
  return null;
}

function withColor(panel) {
  const defaults = { color: { mode: 'palette-classic' }, ...panel.fieldConfig?.defaults };
  return { ...panel, fieldConfig: { ...panel.fieldConfig, defaults } };
}
